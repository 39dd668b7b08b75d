"""A real Dovecot of our own: on loopback, on free ports, in a temporary folder, gone afterwards.

It needs Debian's and Ubuntu's package `dovecot-imapd`. As root it serves mailboxes under the account `mail`, since it
refuses to serve root; else under the account that runs the tests.
"""

from __future__ import annotations

import getpass
import grp
import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest
from imapclient import IMAPClient

from tests.desk import free_port
from tests.processes import reachable_folder, until
from tests.test_smtp_trouble import CERTIFICATE

PASSWORD = "open-sesame"
MISSING = "no Dovecot here: apt-get install dovecot-imapd, as .ci/run does"


class Dovecot:
    """The running server."""

    def __init__(self, folder: Path, port: int, tls_port: int) -> None:
        self.folder = folder
        self.port = port
        self.tls_port = tls_port
        self.certificate = folder / "localhost.pem"
        self.config = folder / "dovecot.conf"

    def box(self, user: str) -> Box:
        """A user's mailbox; every name has one, with the same password."""
        return Box(self, user)

    def doveadm(self, *arguments: str) -> str:
        """What the administrator's tool answers."""
        line = ["doveadm", "-c", str(self.config), *arguments]
        return subprocess.run(line, capture_output=True, text=True, check=True).stdout


class Box:
    """One user's mail, from the server's side and as another client of the user."""

    def __init__(self, server: Dovecot, user: str) -> None:
        self.server = server
        self.user = user
        self.maildir = server.folder / "home" / user / "Maildir"
        self._delivered = 0

    @contextmanager
    def client(self, folder: str = "INBOX") -> Iterator[IMAPClient]:
        """Another mail program of the user, which has `folder` open."""
        with IMAPClient("127.0.0.1", self.server.port, ssl=False, timeout=20) as client:
            client.login(self.user, PASSWORD)
            if not client.folder_exists(folder):
                client.create_folder(folder)
            client.select_folder(folder)
            yield client

    def deliver(self, *mails: bytes, folder: str = "INBOX", arrived: datetime | None = None) -> None:
        """Put mails there, as a delivering server does, now or at a time of the past."""
        with self.client(folder) as client:
            for mail in mails:
                client.append(folder, mail, msg_time=arrived)

    def deliver_many(self, mails: Sequence[bytes]) -> None:
        """The same for thousands, straight into the files of INBOX."""
        with self.client():
            pass  # the folders are there now
        for number, mail in enumerate(mails):
            name = f"{1_700_000_000 + number}.M{number}P1.test"
            (self.maildir / "tmp" / name).write_bytes(mail)
            (self.maildir / "tmp" / name).rename(self.maildir / "new" / name)

    def uids(self, folder: str = "INBOX", criteria: str = "ALL") -> list[int]:
        """What lies there."""
        with self.client(folder) as client:
            return list(client.search(criteria))

    def renumber(self, folder: str = "INBOX") -> None:
        """Give the folder another UIDVALIDITY, as a move to another server does."""
        self.server.doveadm("mailbox", "update", "-u", self.user, "--uid-validity", str(int(time.time()) + 7), folder)


@contextmanager
def dovecot() -> Iterator[Dovecot]:
    """Start it; end it. Skips the test where there is none, unless CI is set: there that is a failure."""
    if shutil.which("dovecot", path=_path()) is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(MISSING)
    with reachable_folder() as folder:
        server = Dovecot(folder, free_port(), free_port())
        server.certificate.write_text(CERTIFICATE)
        server.config.write_text(_configuration(server))
        (folder / "home").mkdir()
        if os.geteuid() == 0:
            shutil.chown(folder / "home", "mail", "mail")
        line = [shutil.which("dovecot", path=_path()) or "dovecot", "-F", "-c", str(server.config)]
        process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=(folder / "stderr").open("wb"))
        try:
            until(lambda: _answers(server, process), what=f"Dovecot does not answer: {_words(folder)}")
            yield server
        finally:
            process.terminate()
            process.wait(10)


def _path() -> str:
    return os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"


def _words(folder: Path) -> str:
    return "".join(path.read_text() for path in (folder / "stderr", folder / "log") if path.exists())[-2000:]


def _answers(server: Dovecot, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, _words(server.folder)
    try:
        with socket.create_connection(("127.0.0.1", server.port), 1) as connection:
            return connection.recv(4) == b"* OK"
    except OSError:
        return False


def _configuration(server: Dovecot) -> str:
    root = os.geteuid() == 0
    me, group = getpass.getuser(), grp.getgrgid(pwd.getpwuid(os.geteuid()).pw_gid).gr_name
    serving = "uid=mail gid=mail" if root else f"uid={os.geteuid()} gid={os.getegid()}"
    # Dovecot refuses to log in under root, and to serve uid 0; an ordinary user can neither change account nor root.
    accounts = (
        "default_login_user = dovenull"
        if root
        else f"""
        default_login_user = {me}
        default_internal_user = {me}
        default_internal_group = {group}
        service anvil {{
          chroot =
        }}"""
    )
    chroot = "" if root else "chroot ="
    return f"""
        protocols = imap
        listen = 127.0.0.1
        base_dir = {server.folder}/run
        state_dir = {server.folder}/run
        log_path = {server.folder}/log
        {accounts}
        ssl = yes
        ssl_cert = <{server.certificate}
        ssl_key = <{server.certificate}
        disable_plaintext_auth = no
        auth_mechanisms = plain login
        auth_failure_delay = 0
        mail_location = maildir:~/Maildir
        mail_max_userip_connections = 100
        first_valid_uid = 1
        passdb {{
          driver = static
          args = password={PASSWORD}
        }}
        userdb {{
          driver = static
          args = {serving} home={server.folder}/home/%u
        }}
        service imap-login {{
          {chroot}
          inet_listener imap {{
            port = {server.port}
          }}
          inet_listener imaps {{
            port = {server.tls_port}
          }}
        }}
    """

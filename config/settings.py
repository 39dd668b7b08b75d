"""Every setting, typed and described. Built once by `load`, then passed down; nothing else reads the environment.

Sources, strongest first: environment `GUICHET_…` (nested with `__`), the file `config/guichet.toml` of the folder in
which Guichet runs (or the file that GUICHET_CONFIG names), then the defaults below. `DATABASE_URL` and `REDIS_URL`
are read under their usual names.
"""

from __future__ import annotations

import os
import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from config.answering import Answering
from config.api import Api, Webhooks
from config.clocks import Assignment, Clocks, Surge
from config.customer_pages import Chat, Form, Portal
from config.life_cycle import Closing, Life
from config.section import Language, Section
from config.staff import Staff
from config.statistics import Statistics
from config.telephony import Conversation, Meta, Phone, Twilio
from config.watching import Alarms, Care

Port = Annotated[int, Field(ge=0, le=65535)]


class Http(Section):
    """The web side of the gateway."""

    host: str = Field("127.0.0.1", description="Address that the web server listens on.")
    port: Port = Field(8080, description="Port of the web server; 0 lets the system choose.")
    max_body_bytes: int = Field(25_000_000, gt=0, description="Largest request body in bytes; larger ones get 413.")
    body_seconds: float = Field(30, gt=0, description="A request whose body is not complete by then is closed.")
    trusted_proxies: list[str] = Field([], description="Networks whose X-Forwarded-For and -Proto are believed.")


class Smtp(Section):
    """The listener that takes mail in (RFC 5321)."""

    host: str = Field("127.0.0.1", description="Address that the SMTP listener binds.")
    port: Port = Field(2525, description="Port of the SMTP listener; 0 lets the system choose.")
    hostname: str = Field("guichet.localhost", description="Name in the greeting and in Received headers.")
    recipients: list[str] = Field(
        ["support@*"],
        description="Addresses that are ours; `*` stands for any run of characters. Everything else is refused (550).",
    )
    max_message_bytes: int = Field(25_000_000, gt=0, description="SIZE limit; larger mails get 552.")
    max_recipients: int = Field(100, gt=0, description="RCPT commands in one transaction; the next one gets 452.")
    max_connections_per_address: int = Field(100, gt=0, description="Open connections of one IP address.")
    max_errors: int = Field(20, gt=0, description="Wrong commands in one session before it is closed.")
    max_hops: int = Field(100, gt=0, description="Received headers; a mail with as many is looping (554).")
    idle_seconds: float = Field(300, gt=0, description="Silence after which a session is closed (RFC 5321 §4.5.3.2).")
    min_bytes_per_second: int = Field(500, ge=0, description="A body slower than this, over 30 s, is cut with 421.")
    tls_certificate: Path | None = Field(None, description="PEM chain; with tls_key it switches STARTTLS on.")
    tls_key: Path | None = Field(None, description="PEM key of tls_certificate.")
    require_tls: bool = Field(False, description="Refuse MAIL before STARTTLS (530).")


class OAuth(Section):
    """An account that wants tokens instead of a password: Google, Microsoft 365 (RFC 6749)."""

    token_url: str = Field(description="Where tokens are had: https://oauth2.googleapis.com/token, for one.")
    client_id: str = Field(description="The application that was registered with the provider.")
    client_secret: SecretStr = Field(SecretStr(""), description="Its secret; empty for a public application.")
    refresh_token: SecretStr = Field(
        SecretStr(""), description="What the owner granted the application; empty: it asks by its own secret (§4.4)."
    )
    scope: str = Field("", description="What is asked for; docs/imap.md and docs/sending.md name the usual ones.")


class ImapFolder(Section):
    """A folder that is fetched from."""

    name: str = Field(
        pattern=r"^[^\x00-\x1f\x7f]+$", description="Its name, with the server's own separators: INBOX, Support/Junk."
    )
    junk: bool = Field(False, description="What lies in it was taken for spam: it is kept, and never answered.")


class ImapAccount(Section):
    """A mailbox that mail is fetched from. Its name in the settings is its identity: another name starts anew."""

    address: str = Field(pattern=r"^[^@\s]+@[^@\s]+$", description="Our address that the mailbox stands for.")
    host: str = Field(min_length=1, description="The IMAP server.")
    port: Port = Field(0, description="Its port; 0: 993 with tls, else 143.")
    security: Literal["tls", "starttls", "none"] = Field("tls", description="How the connection is protected.")
    tls_ca: Path | None = Field(None, description="PEM file of the authority to trust; empty: the system's.")
    username: str = Field("", description="Name to log in with; empty: the address.")
    password: SecretStr = Field(SecretStr(""), description="Password to log in with; not used with oauth.")
    oauth: OAuth | None = Field(None, description="Log in by XOAUTH2.")
    folders: list[ImapFolder] = Field([ImapFolder(name="INBOX")], min_length=1, description="What is fetched from.")
    after: str = Field(
        "keep",
        pattern=r"^(keep|seen|delete|move:[^\x00-\x1f\x7f]+)$",
        description="What becomes of a mail on the server once it is ours: keep, seen, move:FOLDER or delete.",
    )
    idle: bool = Field(True, description="Let the server tell of new mail at once (RFC 2177), where it can.")
    poll_seconds: float = Field(60, gt=0, le=3600, description="How often is looked for new mail in any case.")
    import_old: bool = Field(
        False, description="At the first connection, take in all that lies there, and send nothing because of it."
    )
    timeout_seconds: float = Field(60, gt=0, description="Silence of the server after which it counts as gone.")

    @field_validator("folders")
    @classmethod
    def _no_folder_twice(cls, folders: list[ImapFolder]) -> list[ImapFolder]:
        if len({folder.name for folder in folders}) < len(folders):
            raise ValueError("a folder is named twice")
        return folders


class Relay(Section):
    """How mail leaves. Without a host it goes into the maildir `var/outgoing`."""

    accounts: list[str] = Field(
        [], description="Of a relay in mail.relays: our addresses whose mail goes out by it (`*` allowed)."
    )
    host: str = Field("", description="Mail relay; empty: deliver into the local maildir.")
    port: Port = Field(587, description="Port of the relay.")
    username: str = Field("", description="Name to log in with; empty: no login.")
    password: SecretStr = Field(SecretStr(""), description="Password to log in with; not used with oauth.")
    oauth: OAuth | None = Field(None, description="Log in by XOAUTH2.")
    security: Literal["starttls", "tls", "none"] = Field("starttls", description="How the connection is protected.")
    tls_ca: Path | None = Field(None, description="PEM file of the authority to trust; empty: the system's.")
    timeout_seconds: float = Field(60, gt=0, description="Bound on connecting and on each reply but the last.")

    @model_validator(mode="after")
    def _somebody_logs_in(self) -> Relay:
        if self.oauth is not None and not self.username:
            raise ValueError("oauth needs a username, the mailbox that sends")
        return self


class Mail(Section):
    """How our mails look."""

    sender_name: str = Field("Support", description="Name beside our address in From.")
    domain: str = Field("", description="Domain of our Message-IDs; empty: the domain of the sending account.")
    forwarders: list[str] = Field(
        [], description="Addresses of your own people (`*` allowed): what they forward to us counts for its author."
    )
    relay: Relay = Relay()
    relays: dict[str, Relay] = Field({}, description="Relays of single accounts, by a name of yours.")


class Authenticity(Section):
    """Who wrote a mail: what our mail server says, else what the DNS says. See docs/authenticity.md."""

    authserv_ids: list[str] = Field(
        [], description="Names under which your mail server writes Authentication-Results; empty: none is believed."
    )
    fields: int = Field(1, ge=1, le=10, description="How many such fields your mail server adds to a mail.")
    dns: bool = Field(False, description="Where your mail server says nothing: check DKIM, SPF and DMARC ourselves.")
    nameservers: list[str] = Field([], description="DNS servers, `address` or `address:port`; empty: the system's.")
    timeout_seconds: float = Field(
        3, gt=0, le=10, description="A mail waits for the DNS so long, then counts unproved."
    )

    @field_validator("nameservers")
    @classmethod
    def _addresses(cls, servers: list[str]) -> list[str]:
        for server in servers:
            found = re.fullmatch(r"\[([0-9a-fA-F:]+)\](?::\d{1,5})?|([^:]+):\d{1,5}|(.+)", server)
            ip_address(found[1] or found[2] or found[3] if found else "")  # its ValueError names what is wrong
        return servers


class Threading(Section):
    """Which ticket a message joins. See docs/threading.md."""

    reopen_days: float = Field(
        30, ge=0, description="What answers a ticket that ended longer ago opens a new one that continues it."
    )
    subject_days: float = Field(
        30, ge=0, description="An answer without usable ids finds a ticket so old by its subject."
    )
    require_proof: bool = Field(
        False, description="Let nobody join whose address is neither proved nor aligned, unless by a seal of ours."
    )


class Acknowledge(Section):
    """Budgets of automatic answers. See docs/acknowledgement.md for the whole table."""

    enabled: bool = Field(True, description="Send acknowledgements at all.")
    address_hours: float = Field(24, gt=0, description="At most one acknowledgement per address in so many hours.")
    window_minutes: int = Field(180, gt=0, description="Window of the next two limits.")
    same_subject: int = Field(2, gt=0, description="From so many messages with one subject from one sender: none.")
    any_subject: int = Field(10, gt=0, description="From so many messages of one sender: none. Above 200: no limit.")
    domain_hour: int = Field(20, gt=0, description="Acknowledgements per sender domain per hour; then held.")
    source_hour: int = Field(20, gt=0, description="Acknowledgements per source network (/24, /64) per hour.")
    account_hour: int = Field(200, gt=0, description="Acknowledgements per account of ours per hour.")
    account_growth: float = Field(5, gt=1, description="Held when an hour exceeds the 7-day mean so many times.")
    trusted_sources: list[str] = Field(
        ["127.0.0.0/8", "::1/128"], description="Networks of our own relays, not counted as sources."
    )


class Workers(Section):
    """How the queue is worked."""

    processes: int = Field(2, ge=1, le=64, description="Worker processes that `guichet up` starts.")
    batch: int = Field(200, ge=1, le=1000, description="Most items of one drain.")
    lease_seconds: float = Field(20, gt=0, description="A claimed item is taken up again by others after this.")
    sweep_seconds: float = Field(2, gt=0, description="How often due rows are looked for without a bell.")
    max_attempts: int = Field(5, ge=1, description="At this attempt an item goes to quarantine.")
    reader_memory_mb: int = Field(512, gt=0, description="Address space of the child that reads messages.")
    reader_cpu_seconds: float = Field(5, gt=0, description="CPU time for reading one message.")


class Ledger(Section):
    """Where large things go."""

    inline_bytes: int = Field(262_144, ge=0, description="Larger bodies and files go to the object store.")
    objects_url: str = Field("", description="Object store, s3://… or file:///…; empty: var/objects.")


class Triage(Section):
    """Reading between the lines."""

    languages: list[Language] = Field(["fr", "en"], description="Languages that are told apart; the first is default.")
    rules: Path | None = Field(None, description="A triage.toml of yours; empty: the one that ships.")
    model: Path | None = Field(
        None, description="A learnt model; empty: what `guichet train` put in force, or else the one that ships."
    )


class Resemble(Section):
    """Near-duplicates: one contact who says the same again. See docs/triage.md."""

    hours: float = Field(72, ge=0, description="A message is compared with those of so many hours; 0: with none.")
    score: float = Field(0.65, gt=0, le=1, description="From this likeness on it is linked, and offered for merging.")
    merge: bool = Field(False, description="Let it join the ticket of the first one instead of opening another.")
    merge_score: float = Field(0.9, gt=0, le=1, description="From this likeness on, with merge.")


class Log(Section):
    """Log lines."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severe line written.")
    json_lines: bool = Field(False, alias="json", description="One JSON object a line instead of readable text.")
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class Settings(BaseSettings):
    """All of Guichet's settings."""

    model_config = SettingsConfigDict(
        env_prefix="GUICHET_", env_nested_delimiter="__", extra="forbid", populate_by_name=True
    )

    var: Path = Field(Path("var"), description="Folder of everything that Guichet writes.")
    public_url: str = Field("", description="Address under which customers reach us; empty: http://host:port.")
    secret: SecretStr = Field(
        SecretStr(""), description="Key of signed addresses and tokens; empty: one is made and kept in var/secret."
    )
    database_url: str = Field(
        "",
        validation_alias=AliasChoices("DATABASE_URL", "GUICHET_DATABASE_URL", "database_url"),
        description="PostgreSQL; empty: the embedded one under var/.",
    )
    redis_url: str = Field(
        "",
        validation_alias=AliasChoices("REDIS_URL", "GUICHET_REDIS_URL", "redis_url"),
        description="Redis protocol; empty: the embedded Valkey under var/.",
    )
    metrics_token: SecretStr = Field(
        SecretStr(""), description="Bearer token that opens /metrics to other machines; empty: this machine alone."
    )
    channels: dict[str, str] = Field(
        {
            "email": "channels.email:Email",
            "form": "channels.form:Form",
            "meta": "channels.meta:Meta",
            "twilio": "channels.twilio:Twilio",
            "phone": "channels.phone:Phone",
            "chat": "channels.chat:Chat",
            "portal": "channels.portal:Portal",
            "internal": "channels.internal:Internal",
        },
        description="Channels by name: module:Class.",
    )
    http: Http = Http()
    smtp: Smtp = Smtp()
    imap: dict[str, ImapAccount] = Field({}, description="Mailboxes that mail is fetched from, by a name of yours.")
    mail: Mail = Mail()
    form: Form = Form()
    authenticity: Authenticity = Authenticity()
    threading: Threading = Threading()
    conversation: Conversation = Conversation()
    meta: Meta = Meta()
    twilio: Twilio = Twilio()
    phone: Phone = Phone()
    chat: Chat = Chat()
    portal: Portal = Portal()
    api: Api = Api()
    webhooks: Webhooks = Webhooks()
    answering: Answering = Answering()
    staff: Staff = Staff()
    acknowledge: Acknowledge = Acknowledge()
    workers: Workers = Workers()
    ledger: Ledger = Ledger()
    triage: Triage = Triage()
    resemble: Resemble = Resemble()
    life: Life = Life()
    closing: Closing = Closing()
    clocks: Clocks = Clocks()
    assignment: Assignment = Assignment()
    surge: Surge = Surge()
    statistics: Statistics = Statistics()
    alarms: Alarms = Alarms()
    care: Care = Care()
    log: Log = Log()

    @property
    def base_url(self) -> str:
        """The public URL without a slash at its end."""
        return (self.public_url or f"http://{self.http.host}:{self.http.port}").rstrip("/")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic-settings passes every source
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - likewise
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is passed in, then the environment, then the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=file_of_settings())


def file_of_settings() -> Path:
    """The settings file: GUICHET_CONFIG, else config/guichet.toml below the working folder. It need not exist."""
    return Path(os.environ.get("GUICHET_CONFIG") or "config/guichet.toml")


def load() -> Settings:
    """Build the settings. Raises `pydantic.ValidationError`; `config.checking` words it for people."""
    return Settings()

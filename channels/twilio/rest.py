"""Twilio's REST API by its own asynchronous client: sending, files, templates, lists. Network.

Enters: an `OutboundMessage`. Leaves: the `Receipt` with the MessageSid. Raises `Refused` for a no for good, in
Twilio's words and ours; `Unavailable` for limits, outages and broken connections, `in_doubt` where Twilio may have
taken the message. It knows no key against repetition: our own id stands in the address that it calls with each
status, so that a status tells of a message whose answer was lost.

Only the client is loaded, not `twilio.rest`, which would cost every worker 15 MB for one request.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import msgspec
from aiohttp import ClientConnectorError, ClientError, ClientSession, ClientTimeout, hdrs
from twilio.http.async_http_client import AsyncTwilioHttpClient

from channels import Refused, Unavailable
from channels.clean_text import line
from channels.download import Source, download
from channels.media import attached, most_bytes, refuse_too_large
from channels.twilio import errors
from channels.twilio.accounts import accounts, answerable, owner
from channels.twilio.callback import NAME, written
from channels.twilio.outbound import Pairs, parameters
from channels.twilio.shared_file import share
from config.objects import Objects
from config.settings import Settings
from models.envelope import AttachedFile, OutboundMessage, PendingFile, Receipt, Template

SECONDS = 30.0
MOST_BYTES = 16 * 2**20
"""Largest file that Twilio passes on."""
MOST_PAGES = 50


class Rest:
    """One connection pool to Twilio."""

    def __init__(self, settings: Settings) -> None:
        self._whole = settings
        self._settings = settings.twilio
        self._status_url = f"{settings.base_url}/webhooks/twilio/status"
        quiet = logging.getLogger("guichet.twilio")
        quiet.setLevel(logging.WARNING)  # it would write down what customers are told
        self._client = AsyncTwilioHttpClient(pool_connections=False, logger=quiet)

    async def send(self, outbound: OutboundMessage) -> Receipt:
        """Send it; a text that is too long for one message goes as several."""
        account = owner(self._settings, outbound.account)
        if account is None:
            raise Refused(f"no account of the settings sends from {outbound.account}")
        if not answerable(outbound.to.address):
            raise Refused(f"{outbound.to.address} cannot be answered: it is no number")
        callback = f"{self._status_url}?{NAME}={written(outbound.message_id)}"
        url = f"{self._settings.api_url}/2010-04-01/Accounts/{quote(account.account_sid)}/Messages.json"
        receipt = Receipt()
        files = await self._share(outbound)
        for pairs in parameters(outbound, account.messaging_service_sid, files):
            answer = await self._call("POST", url, account, data=[*pairs, ("StatusCallback", callback)])
            sid = line(answer.get("sid"))
            if not sid:
                raise Unavailable("Twilio's yes names no message", in_doubt=True)
            receipt = Receipt(provider_id=sid, quoted_as=sid)
        return receipt

    async def _share(self, outbound: OutboundMessage) -> list[str]:
        """Addresses at which Twilio finds the files."""
        if not outbound.attachments:
            return []
        refuse_too_large(outbound.attachments, MOST_BYTES)
        objects, now = Objects(self._whole), datetime.now(UTC)
        return [await share(file, objects, self._whole, now) for file in outbound.attachments]

    async def media(self, number: str, file: PendingFile) -> AttachedFile:
        """A file or a recording that a customer sent."""
        account = owner(self._settings, number)
        if account is None:
            raise Refused(f"no account of the settings has the number {number}")
        origin = self._settings.api_url
        hosts = frozenset((*self._settings.media_hosts, urlsplit(origin).hostname or ""))
        credentials = {origin: _login(account), urlsplit(origin).hostname or "": _login(account)}
        most = min(MOST_BYTES, most_bytes(file.content_type))
        return attached(file, await download(file.reference, Source(hosts, credentials, _plain(origin)), most=most))

    async def templates(self, number: str) -> tuple[Template, ...]:
        """The templates that WhatsApp has judged, page by page."""
        account = owner(self._settings, number) or next(iter(accounts(self._settings)), None)
        if account is None:
            raise Refused("no account at Twilio is set")
        url = f"{self._settings.content_url}/v1/ContentAndApprovals?PageSize=100"
        found: list[Template] = []
        for _page in range(MOST_PAGES):
            answer = await self._call("GET", url, account)
            found += [_template(entry) for entry in answer.get("contents", [])]
            url = str((answer.get("meta") or {}).get("next_page_url") or "")
            if not url.startswith(self._settings.content_url + "/"):
                break
        return tuple(found)

    async def listed(self, account: Any, since: str) -> list[dict[str, Any]]:
        """Every message of an account from the day `since` (YYYY-MM-DD) on."""
        base = f"/2010-04-01/Accounts/{quote(account.account_sid)}"
        path = f"{base}/Messages.json?{urlencode({'DateSent>': since, 'PageSize': 500})}"
        found: list[dict[str, Any]] = []
        while path.startswith(base):
            answer = await self._call("GET", self._settings.api_url + path, account)
            found += answer.get("messages", [])
            path = str(answer.get("next_page_uri") or "")
        return found

    async def media_of(self, account: Any, message_sid: str) -> list[dict[str, Any]]:
        """The files of a message that was found in the list."""
        path = f"/2010-04-01/Accounts/{quote(account.account_sid)}/Messages/{quote(message_sid)}/Media.json"
        answer = await self._call("GET", self._settings.api_url + path, account)
        return list(answer.get("media_list", []))

    async def close(self) -> None:
        """End the connections."""
        await self._client.close()

    async def _call(self, method: str, url: str, account: Any, data: Pairs | None = None) -> dict[str, Any]:
        """One request; the JSON object of its answer. A request that never left is not in doubt."""
        if self._client.session is None or self._client.session.closed:
            self._client.session = ClientSession(timeout=ClientTimeout(total=SECONDS), trust_env=False)
        headers = {hdrs.AUTHORIZATION: _login(account)}
        sends = method == "POST"
        try:
            async with asyncio.timeout(SECONDS):
                answer = await self._client.request(method, url, data=data, headers=headers)
        except ClientConnectorError as error:
            raise Unavailable("Twilio cannot be reached") from error
        except (ClientError, OSError, TimeoutError) as error:
            raise Unavailable(f"Twilio did not answer: {type(error).__name__}", in_doubt=sends) from error
        read = _object(answer.text)
        if answer.status_code in (200, 201) and read is not None:
            return read
        retry = str((answer.headers or {}).get(hdrs.RETRY_AFTER, ""))
        raise _trouble(answer.status_code, read or {}, float(retry) if retry.isdigit() else None, sends=sends)


def _object(text: str) -> dict[str, Any] | None:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        return None


def _trouble(status: int, answer: dict[str, Any], retry_after: float | None, *, sends: bool) -> Exception:
    """What an answer that is no yes means."""
    code = answer.get("code")
    code = code if isinstance(code, int) else 0
    told = f"{code or status} {errors.words(code, line(answer.get('message'), 400))}".strip()
    if code in errors.LATER or status == 429:
        return Unavailable(told, retry_after=retry_after or 5.0)
    if code in errors.CREDENTIALS or status == 401:
        return Unavailable(f"Twilio does not accept our account: {told}", retry_after=300)
    if status >= 500:
        return Unavailable(f"Twilio has trouble: {told}", retry_after=retry_after, in_doubt=sends)
    if status in (200, 201):
        return Unavailable("Twilio's answer cannot be read", in_doubt=sends)
    return Refused(told, stopped=code in errors.STOPPED)


def _login(account: Any) -> str:
    """HTTP Basic (RFC 7617): the account and its token."""
    pair = f"{account.account_sid}:{account.auth_token.get_secret_value()}".encode()
    return f"Basic {base64.b64encode(pair).decode()}"


def _plain(origin: str) -> str:
    """The origin of our settings, where it is this machine's and so not to be checked for being public."""
    return origin if origin.startswith("http://") else ""


def _template(entry: dict[str, Any]) -> Template:
    approval = entry.get("approval_requests") or {}
    bodies = [kind.get("body", "") for kind in (entry.get("types") or {}).values() if isinstance(kind, dict)]
    return Template(
        name=line(entry.get("sid")),
        language=line(entry.get("language")),
        title=line(entry.get("friendly_name")),
        text=str(next(filter(None, bodies), "")),
        state=line(approval.get("status") if isinstance(approval, dict) else "").lower(),
    )

"""The Graph API: sending, files, templates. Network.

Enters: an `OutboundMessage`. Leaves: the `Receipt` with its wamid. Raises `Refused` for a no for good, with the
provider's words and ours; `Unavailable` for limits, outages and broken connections, `in_doubt` where Meta may have
taken the message. Our own id travels as `biz_opaque_callback_data` and comes back with each status, so that a
status tells of a message whose answer was lost. The access token goes into a header, never into an address.

Source: developers.facebook.com, "Cloud API: messages, media, message templates, error codes".
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec
from aiohttp import ClientConnectorError, ClientError, ClientSession, ClientTimeout, FormData, hdrs

from channels import Refused, Unavailable
from channels.clean_text import line
from channels.download import Source, download
from channels.media import attached, most_bytes, refuse_too_large
from channels.meta.content import error_text, part, parts
from channels.meta.outbound import bodies
from config.telephony import Meta
from models.envelope import AttachedFile, OutboundMessage, PendingFile, Receipt, Template

SECONDS = 30.0
THROTTLED = {4: 60.0, 80007: 60.0, 130429: 2.0, 131048: 600.0, 131056: 6.0, 133016: 600.0}
"""Error codes that mean "later", and after how many seconds."""
PASSING = frozenset((1, 2, 131000, 131016, 133004, 133005))
"""Error codes of Meta's own trouble."""
CREDENTIALS = frozenset((0, 190, 200, 10))
"""Error codes of a token that is wrong, expired or may not do this: the operator can mend it, the message waits."""
HINTS = {
    131047: "the customer wrote more than 24 hours ago: send a template",
    131026: "the number is not on WhatsApp, or has not accepted its terms",
    131050: "the customer wants no marketing messages",
    131051: "WhatsApp does not take this type of message",
    132000: "the template wants another number of parameters",
    132001: "there is no such template in this language",
    132015: "the template is paused for its quality",
}


class Graph:
    """One connection pool to the Graph API."""

    def __init__(self, settings: Meta) -> None:
        self._settings = settings
        self._base = f"{settings.api_url}/{settings.api_version}"
        self._token = f"Bearer {settings.access_token.get_secret_value()}"
        self._session: ClientSession | None = None

    async def send(self, outbound: OutboundMessage) -> Receipt:
        """Send it: files first, each a message of its own, then the words."""
        refuse_too_large(outbound.attachments)
        uploaded = [await self._upload(outbound.account, file) for file in outbound.attachments]
        receipt = Receipt()
        for body in bodies(outbound, uploaded):
            answer = await self._call("POST", f"{quote(outbound.account)}/messages", json=body)
            wamid = line((parts(answer.get("messages")) or [{}])[0].get("id"))
            if not wamid:
                raise Unavailable("Meta's yes names no message", in_doubt=True)
            receipt = Receipt(provider_id=wamid, quoted_as=wamid)
        return receipt

    async def _upload(self, account: str, file: AttachedFile) -> str:
        """Hand a file to Meta; the id under which a message may name it."""
        form = FormData()
        form.add_field("messaging_product", "whatsapp")
        form.add_field("type", file.content_type)
        form.add_field("file", file.content, filename=file.filename or "file", content_type=file.content_type)
        answer = await self._call("POST", f"{quote(account)}/media", data=form)
        return str(answer.get("id", ""))

    async def media(self, file: PendingFile) -> AttachedFile:
        """A file that a customer sent: first where it is, then the file itself."""
        answer = await self._call("GET", quote(file.reference, safe=""))
        origin = self._settings.api_url
        credentials = dict.fromkeys((origin, *self._settings.media_hosts), self._token)
        source = Source(frozenset(self._settings.media_hosts), credentials, trusted=origin)
        came = await download(str(answer.get("url", "")), source, most=most_bytes(file.content_type))
        return attached(file, came)

    async def templates(self) -> tuple[Template, ...]:
        """All templates of the business account, page by page."""
        account = self._settings.business_account_id
        if not account:
            raise Refused("meta.business_account_id is not set: templates cannot be read")
        found: list[Template] = []
        after = ""
        while True:
            query = {"fields": "name,language,status,components", "limit": "100", **({"after": after} if after else {})}
            answer = await self._call("GET", f"{quote(account)}/message_templates", params=query)
            found += [_template(entry) for entry in parts(answer.get("data"))]
            after = line(part(answer, "paging", "cursors").get("after"))
            if not after or not part(answer, "paging").get("next"):
                return tuple(found)

    async def quality(self, number: str) -> str:
        """How Meta rates a number of ours: GREEN, YELLOW, RED. Raises `Unavailable` where the token is refused."""
        answer = await self._call("GET", quote(number), params={"fields": "verified_name,quality_rating"})
        return line(answer.get("quality_rating")) or "UNKNOWN"

    async def close(self) -> None:
        """End the connections."""
        if self._session is not None:
            await self._session.close()

    async def _call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """One request; the JSON object of its answer. A request that was not sent whole is not in doubt."""
        if self._session is None or self._session.closed:
            self._session = ClientSession(timeout=ClientTimeout(total=SECONDS), trust_env=False)
        headers = {hdrs.AUTHORIZATION: self._token}
        sends = method == "POST"
        try:
            async with self._session.request(
                method, f"{self._base}/{path}", headers=headers, allow_redirects=False, **options
            ) as answer:
                body, status = await answer.read(), answer.status
                retry = answer.headers.get(hdrs.RETRY_AFTER, "")
        except ClientConnectorError as error:
            raise Unavailable("Meta cannot be reached") from error
        except (ClientError, OSError, TimeoutError) as error:
            raise Unavailable(f"Meta did not answer: {type(error).__name__}", in_doubt=sends) from error
        read = _object(body)
        if status == 200 and read is not None:
            return read
        raise _trouble(status, read or {}, float(retry) if retry.isdigit() else None, sends=sends)


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _trouble(status: int, answer: dict[str, Any], retry_after: float | None, *, sends: bool) -> Exception:
    """What an answer that is no yes means."""
    error = part(answer, "error")
    code = error.get("code")
    code = code if isinstance(code, int) else -1
    told = error_text({"code": code if code >= 0 else status, **{k: v for k, v in error.items() if k != "code"}})
    if code in HINTS:
        told = f"{told} ({HINTS[code]})"
    if code in THROTTLED or status == 429:
        return Unavailable(told, retry_after=max(retry_after or 0.0, THROTTLED.get(code, 1.0)))
    if code in CREDENTIALS or status == 401:
        return Unavailable(f"Meta does not accept our token: {told}", retry_after=300)
    if code in PASSING or status >= 500:
        return Unavailable(f"Meta has trouble: {told}", retry_after=retry_after, in_doubt=sends and status >= 500)
    if status == 200:
        return Unavailable("Meta's answer cannot be read", in_doubt=sends)
    return Refused(told)


def _template(entry: dict[str, Any]) -> Template:
    body = next((c for c in parts(entry.get("components")) if c.get("type") == "BODY"), {})
    return Template(
        name=line(entry.get("name")),
        language=line(entry.get("language")),
        title=line(entry.get("name")).replace("_", " "),
        text=str(body.get("text", "")),
        state=line(entry.get("status")).lower(),
    )

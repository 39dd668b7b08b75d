"""Is this mail a bounce or a delay notice? Told by who sent it, how it begins and what it carries.

Enters: a `Mail` and what its transport said. Leaves: yes or no, and in the case of text whether delivery is only
delayed. A person who quotes, forwards or asks about a bounce sends from an own address: without a mail system behind
the sender, words alone never suffice.
"""

from __future__ import annotations

import re
from enum import IntEnum

from channels.email.mail import Mail
from channels.email.phrases import any_of, fold
from channels.email.report_fields import MAX_TEXT, RETURNED, STATUS_REPORTS

_DAEMON = re.compile(
    r"mail(?:er)?[._ -]?(?:daemon|subsystem|delivery[._-]?(?:sub)?system)|mdaemon|double-bounce|mmdf|uucp"
    r"|microsoftexchange[0-9a-f]{32}"
)
_DAEMON_NAME = """
    mail(er)?[ -]?(delivery|deliver|daemon|router)
    (mail|e-?mail|message) delivery
    content-filter
    delivery (subsystem|system|status)
    internet mail (delivery|service)
    (returned|undeliverable) mail
"""
_KEEPER = re.compile(r"poo?st[._-]?master|mail-?router|sysadmin|mailer|mail-?system|bounces?|ndr")
_KEEPER_NAME = """
    system administrator
    (post|mail) ?(master|office|administrator|system|server)
    microsoft (outlook|exchange)
    interscan
"""
_SUBJECT = """
    [(\\[*!<# -]*(
    un-?deliver
    deliver(y|ing) (status|failure|fail|report|notification|problem|error|delay|has failed|was|of)
    delivery to .*failed
    (e-?)?mail (delivery|failure|system error|undeliver|status report|could not|not delivered)
    (e-?)?mail (delayed|bounce|returned|rejected|error)
    (e-?)?mail[- ]?system …(error|failure|bounce)
    message …(deliver|undeliver|delayed|returned|blocked|rejected|could not)
    returned (mail|message|e-?mail|to sender)
    return(ed)? to sender
    failure (notice|notification|delivery)
    fail(ed|ure) (mail|delivery|to deliver|to send)
    (could not|couldn't|unable to|cannot|can not) (deliver|send|be delivered)
    non-?deliver
    non[- ]deliver
    (ndn|ndr|dsn)\\b
    (notice|notification|warning|postmaster notify|error)[: -]+.*(deliver|mail|message|transcript|returned|send)
    postmaster notify
    warning
    delay(ed)?( mail|:)
    (your )?(mail|message|e-?mail)( you sent| to) …(not|deliver|fail|block|reject|could)
    user (mailbox|unknown)
    (there was an )?error (sending|delivering)
    considered unsolicited
    (bounce|bounced) ?(mail|message|notif)?\\b
    blocked (mail|message)
    (unzustellbar|nicht zustellbar|zustellung|zustellfehler|nicht zugestellt|ubermittlungsstatus|fehlgeschlagene)
    (echec|non remis|non distribu|non delivr|avis de non|notification d'etat)
    (retour de (courrier|mail)|courrier retourne)
    (remise|message|mail|courrier|courriel) …(echou|retarde|non remis|non delivre|non distribu|impossible|differe)
    (no se puede entregar|no se ha podido|error de entrega|no entregad|devuelt|correo devuelto|mensaje devuelto|entrega)
    (notificacion de(l)? estado|notifica …(recapito|stato)|non recapitabile|mancat[oa] (consegna|recapito))
    (impossibile (recapitare|consegnare)|recapito)
    (onbestelbaar|niet (bezorg|afgelever)|kan niet worden)
    (nao (foi )?entregue|nao e possivel entregar|falha (na|de) entrega|notificacao de (status|falha|estado))
    (niedostarczon|nie mozna dostarczyc|nie dostarczono|zwrot)
    (olever|kan inte levereras|gar inte att leverera|kan ikke (leveres|afleveres)|leveringsfeil|ikke leveret)
    (toimitus|nedoruc|kezbesit|teslim edile|iletilem)
    (недоставл|не доставл|ошибка доставки|ваше (сообщение|письмо)|доставка|уведомление о)
    (配信不能|配信できません|メールエラー|送信できません|未送信|未配信|エラー|配送|宛先不明|不達)
    (系统退信|系統退信|退信|无法投递|無法投遞|未送达|投递失败|递送失败|邮件)
    (반송|전송 실패|메일 전송)
    )
"""
QUOTED_SUBJECT = re.compile(
    r"\s*(?:re|fwd?|tr|aw|wg|rv|rif|sv|vs|antw|odp|rép|res|enc|回复|转发|答复)\s*(?:\[\d+\])?\s*[:：]", re.IGNORECASE
)
_WORDS = """
    (could|can|was|were|has|have|had|did|would) ?(not|n't|never|no) …(deliver|sent|reach|relay|accepted)
    (could|can|was|were|has|have|had|did|would) ?(not|n't|never|no) …(transmitted|receiv|forward)
    cannot …(deliver|sent|relay)
    (unable|wasn't able|weren't able|not able|impossible|failed|failure|error|problem|trouble) …(deliver|send|reach|relay)
    deliver…(failed|failure|impossible|aborted|delayed|error|unsuccessful|problem|status)
    un-?deliver
    not deliver
    permanent …error
    (fatal|permanent|delivery) errors?
    returned (to sender|mail|message)
    mail (delivery|system)
    qmail-send
    transcript of session
    (final-recipient|reporting-mta|diagnostic-code):
    (user|host|domain|mailbox|recipient|account) …(unknown|not found|full|not exist|exceed|disabled|n't exist|quota)
    (unknown|no such|invalid) (user|host|domain|mailbox|recipient|address|domain name)
    rejected
    bounced?\\b
    [45][0-5][0-9][ -]#?[45][.][0-9]+[.][0-9]+
    >>> (rcpt|data|mail)
    will (keep|continue) trying
    blocked
    (unzustell|nicht zugestellt|konnte nicht|fehlgeschlagen|nicht zustellen)
    (n'a pas (pu|ete)|n'ont pas (pu|ete)|n'est pas parvenu|echec|impossible de (remettre|livrer|delivrer)|non remis)
    (no (se )?(pudo|ha podido|puede|fue) …(entreg|envi)|no entregad)
    (non (e stato|puo|e possibile) …(recapit|consegn|invi)|impossibile)
    (nao (foi|pode|ser) …(entreg|envi)|niet …(bezorg|afgelever)|nie …(dostarcz))
    (kunde inte|kunne ikke|ei voitu)
    (не может быть|не доставлен|невозможно|не удалось|не было доставлено)
    (配信でき|送信でき|届け|エラー|到達)
    (退回|退信|无法|失败|無法)
"""
_DELAYED = """
    warning message only
    (do|you) not need to resend
    (will|shall) (keep|continue|be retried|retry|try|still)
    (not yet|has not been|hasn't yet been) delivered
    still being retried
    will be (retried|reattempted|attempted)
    (message|mail|delivery|e-?mail) (is|has been|was)?( being)? ?(temporarily )?delayed
    delivery (delayed|incomplete|delay)
    no action is required
    (verzogert|retardee?|differee?|en retard|retrasad|ritardat|vertraagd|atrasad|opozni)
    (задерж|遅延|延迟)
"""
_DELAYED_SUBJECT = """
    (delay|incomplete|warning|could not send message for|still being retried)
    (verzogert|retard|differe|retras|ritard|vertra|atraso|opozn|задерж|遅延|延迟)
"""
_GIVEN_UP = """
    (gave|given|giving) up
    will be (deleted|returned|bounced)
    permanent (error|failure)
    failed permanently
    no further attempts
"""
NO_REPLY = re.compile(
    r"(?:[\w.+-]{0,60}[._+-])?(?:no|do[._-]?not|dont|not)[._-]?reply|(?:ne[._-]?pas|no|nao|nicht|non)[._-]?"
    r"(?:repondre|responder|responda|antworten|rispondere)|noreponse|keine-?antwort",
)
"""A local part that says nobody reads it."""
_OPENING = 3_000


class Sender(IntEnum):
    """How surely a mail system, not a person, signs as the sender."""

    OTHER = 0
    NO_REPLY = 1
    KEEPER = 2
    """Postmaster and the like: an address of machines and, now and then, of people."""
    DAEMON = 3


def sender_of(mail: Mail) -> Sender:
    """Judge the From field: its address, its name, or its lack of either."""
    field = mail.headers.first("from")[:400]
    address, name = (mail.senders[0].address, mail.senders[0].name) if mail.senders else ("", field)
    if not address and (field.rstrip().endswith("<>") or "mailer-daemon" in field.lower()):
        return Sender.DAEMON
    local = address.partition("@")[0]
    name = fold(name[:200]).strip("\"' ")
    if _DAEMON.fullmatch(local) or any_of(_DAEMON_NAME).match(name):
        return Sender.DAEMON
    if _KEEPER.fullmatch(local) or any_of(_KEEPER_NAME).match(name):
        return Sender.KEEPER
    return Sender.NO_REPLY if NO_REPLY.match(local) else Sender.OTHER


def is_bounce(mail: Mail, *, null_path: bool) -> bool:
    """Whether `mail` says that a mail was not delivered, or not yet. `null_path`: it came with MAIL FROM:<>."""
    if "x-failed-recipients" in mail.headers or mail.content_type == "message/delivery-status":
        return True
    if mail.content_type == "multipart/report" and mail.parameters.get("report-type", "").lower() == "delivery-status":
        return True
    sender = sender_of(mail)
    types = {part.content_type for part in mail.parts}
    reported = not types.isdisjoint(STATUS_REPORTS)
    if sender == Sender.OTHER and not null_path and not reported:
        return False
    if sender != Sender.OTHER and is_object(mail):
        return True
    subject = says_undelivered(mail.subject)
    if reported:
        return sender != Sender.OTHER or null_path or subject or "auto-submitted" in mail.headers
    returned = not types.isdisjoint(RETURNED)
    words = any_of(_WORDS).search(opening(mail)) is not None
    if sender == Sender.DAEMON or (null_path and sender == Sender.KEEPER):
        return null_path or subject or words or returned
    if null_path:
        return (subject or returned) and (words or returned)
    return words and (returned or (subject and sender == Sender.KEEPER))


def is_object(mail: Mail) -> bool:
    """Whether the text is a cloud relay's notice in JSON."""
    return mail.text[:200].lstrip().startswith("{") and "bouncedRecipients" in mail.text[:MAX_TEXT]


def says_undelivered(subject: str) -> bool:
    """Whether a subject begins as a bounce's does. What follows Re: or Fwd: was written by a person's mail program."""
    return not QUOTED_SUBJECT.match(subject) and any_of(_SUBJECT).match(fold(subject[:200])) is not None


def is_delay(subject: str, words: str) -> bool:
    """Whether a notification without a machine-readable action speaks of a delay only."""
    text = fold(words[:_OPENING])
    if any_of(_GIVEN_UP).search(text):
        return False
    return any_of(_DELAYED).search(text) is not None or any_of(_DELAYED_SUBJECT).search(fold(subject[:200])) is not None


def opening(mail: Mail) -> str:
    """The folded beginning of the text, on one line."""
    return " ".join(fold(mail.text[:_OPENING]).split())


def notice_text(mail: Mail) -> str:
    """All text of a notification that stands before the returned message."""
    texts = []
    for part in mail.parts:
        if part.content_type in RETURNED:
            break
        if part.content_type == "text/plain":
            texts.append(part.text)
    joined = "\n\n".join(texts)
    return joined if joined.strip() else mail.text

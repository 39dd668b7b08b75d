"""How mail systems word their bounces and delay notices, as tables in the notation of `phrases`. Data only.

One line a turn of phrase or a language; to add a language, add a line to SUBJECT and one to WORDS.
"""
# ruff: noqa: RUF001 - the tables hold words of other alphabets

from __future__ import annotations

from typing import Final

DAEMON_NAME: Final = """
    mail(er)?[ -]?(delivery|deliver|daemon|router)
    (mail|e-?mail|message) delivery
    content-filter
    delivery (subsystem|system|status)
    internet mail (delivery|service)
    (returned|undeliverable) mail
"""
"""Names under which mail systems write."""

KEEPER_NAME: Final = """
    system administrator
    ([a-z]+ )?(post|mail) ?(master|office|administrator|system|server)
    microsoft (outlook|exchange)
    interscan
"""
"""Names of machines and, now and then, of people who look after them."""

SUBJECT: Final = """
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
    (votre|le|un) (message|mail|courrier|courriel|e-mail) …(pas|non) …(remis|deliv|distrib|envoy)
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
    (系统退信|系統退信|退信|无法投递|無法投遞|无法送达|無法送達|未送达|投递失败|递送失败|邮件)
    (반송|전송 실패|메일 전송)
"""
"""How subjects of bounces and delay notices begin."""

WORDS: Final = """
    (could|can|was|were|has|have|had|did|would) ?(not|n't|never|no) …(deliver|sent|reach|relay|accepted)
    (could|can|was|were|has|have|had|did|would) ?(not|n't|never|no) …(transmitted|receiv|forward)
    cannot …(deliver|sent|relay)
    (unable|(was|were)n't able|not able|impossible) …(deliver|send|reach|relay)
    (failed|failure|error|problem|trouble) …(deliver|send|reach|relay)
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
    \\b(421|45[0-2]|55[0-9])[ -]
    >>> (rcpt|data|mail)
    will (keep|continue) trying
    blocked
    (unzustell|nicht (zu)?(gestellt|stellen)|konnten? nicht|fehlgeschlagen|nicht erreicht)
    (n'a pas (pu|ete)|n'ont pas (pu|ete)|n'est pas parvenu|echec|impossible de (remettre|livrer|delivrer)|non remis)
    (no (se )?(pudo|ha podido|puede|fue) …(entreg|envi)|no entregad)
    (non (e stato|puo|e possibile) …(recapit|consegn|invi)|impossibile)
    (nao (foi|pode|ser) …(entreg|envi|aceit)|falha na entrega|niet …(bezorg|afgelever)|nie …(dostarcz))
    (kunde inte|kunne ikke|ei voitu|gick inte att|gar inte att|mislyk|epaonnistu)
    (no llego|no se pud[oe] (localizar|entregar)|(mensaje|correo) …no)
    (fehler bei der …zustellung|kann nicht …(zugestellt|werden))
    (mislukt|niet worden (bezorgd|gevonden)|nie powiodlo|nie mozna|nie zostal)
    (nepodarilo|nelze|sikertelen|nu a putut|nu s-a putut|basarisiz|edilemedi|δεν ηταν δυνατη)
    (не может быть|не доставлен|невозможно|не удалось|не было доставлено)
    (配信でき|送信でき|届け|エラー|到達|失敗|못했습니다|실패)
    (未能|找不到|退回|退信|无法|失败|無法)
"""
"""What stands in the first lines of such mail."""

FIRST_WORDS: Final = """
    this message was created automatically by
    this is (the|an) (automatically generated |automatic )?(mail|delivery|postfix|qmail|message from)
    hi[.] this is the
    i'm (sorry to have to inform you|afraid i wasn't able)
    delivery (to the following|has failed)
    (your|the) (message|mail|e-?mail)( .{0,100})? (did not reach|(could|can) ?not be delivered|was not delivered)
    (the|your) original message was received
    the following (message|recipient|address|mail)
    (votre|le) message …n'a pas pu
    (ihre|die) (nachricht|e-?mail) …nicht
"""
"""Their very first words, which no person would begin with."""

ABOUT_MAIL: Final = """
    (mail|message|delivery status|undeliver|courriel|courrier|nachricht|correo|mensaje|messaggio|mensagem|bericht)
    (wiadomosc|meddelande|melding|письмо|сообщение|почт|メール|邮件|郵件|退信|메일|undelivered)
"""
"""What shows that a subject is about mail, and not about parcels."""

DELAYED: Final = """
    warning message only
    (do|you) not need to resend
    (will|shall) (keep|continue|be retried|retry|try|still)
    (not yet|not yet been) delivered
    still being retried
    will be (retried|reattempted|attempted)
    (message|mail|delivery|e-?mail) (is|has been|was)?( being)? ?(temporarily )?delayed
    delivery (delayed|incomplete|delay)
    no action is required
    (verzogert|retardee?|differee?|en retard|retrasad|ritardat|vertraagd|atrasad|opozni)
    (задерж|遅延|延迟)
"""
"""What says that delivery is still being tried."""

DELAYED_SUBJECT: Final = """
    (delay|incomplete|warning|could not send message for|still being retried)
    (verzogert|retard|differe|retras|ritard|vertra|atraso|opozn|задерж|遅延|延迟)
"""
"""The same, in subjects."""

GIVEN_UP: Final = """
    (gave|given|giving) up
    will be deleted
    permanent (error|failure)
    failed permanently
    no further attempts
"""
"""What says that it is not."""

"""Answers that no person wrote: vacation notices, "we received your mail", and until when somebody is away.

Enters: a `Mail`, or its subject and text. Leaves: whether it says of itself that it is an automatic answer, whether
its author is away, the day of return. Words are looked for at the beginning of a subject only; a vague beginning
("Out of office") counts when the text goes on in the same way, so that a person may ask about such mail. Pure.
"""

from __future__ import annotations

import re
from datetime import date, datetime

from channels.email.mail import Mail
from channels.email.phrases import any_of, fold

_SELF_NAMED = """
    auto(matic|mated|matically)? ?-?(generated )?(reply|response|responder|respond|answer|acknowledge?ment)
    auto-?(reply|response|responder|answer|antwort)
    auto: ?
    (out[- ]of[- ](the[- ])?office|ooo) ?(auto|automatic)?[- ]?(reply|response|message|notification|notice|auto-?reply)
    (vacation|away|absence|holiday) (auto-?)?(reply|response|responder|message|notification|notice)
    i(['’ ]a)?m (currently )?out of (the )?office$
    (reponse|message|courriel|mail) automatique
    (reponse|message|notification|avis|notice) d['’ ]?absence
    (auto-?reponse|repondeur automatique|reponse auto)
    (automatische|automatisierte) (antwort|ruckantwort|abwesenheits|antwortmail|nachricht|eingangsbestatigung|ruckmeldung)
    abwesenheits?-?(notiz|nachricht|meldung|benachrichtigung|mitteilung|assistent|hinweis|info)
    urlaubs?-?(notiz|nachricht|meldung|benachrichtigung|mitteilung|assistent)
    auto-?respuesta
    (respuesta|mensaje|contestacion) automatic[ao]
    (aviso|mensaje|respuesta|notificacion) de ausencia
    (risposta|messaggio|risponditore) automatic[ao]
    (avviso|messaggio|notifica) di assenza
    (resposta|mensagem) automatica
    (aviso|mensagem|resposta|notificacao) de (ausencia|ferias)
    automatisch(e)? (antwoord|beantwoording|bericht|reactie|antwoordbericht)
    afwezigheids?(bericht|melding|assistent|antwoord)
    (odpowiedz automatyczna|automatyczna odpowiedz|autoodpowiedz|autoresponder)
    (autosvar|autosvar:|automatiskt? (svar|meddelande|besked)|automatsvar)
    (franvaro-?(meddelande|assistent|besked)|fravaers-?(meddelelse|besked|assistent|melding)|fravaersmelding|fraværsmelding)
    (automaattinen (poissaolo)?(vastaus|viesti)|automaattivastaus|poissaolo-?(ilmoitus|viesti|vastaus))
    (automaticka odpoved|automaticky generovana|automatikus valasz|tavolleti (ertesites|uzenet))
    (автоматическии ответ|автоответ|автоматично?а? відповідь|автоматична вiдповiдь|автоматичен отговор|автоматичнa)
    (自動(応答|返信|回覆|回復|送信|返答)|不在(通知|のお知らせ|連絡|応答|メッセージ)|【自動返信】|【自動応答】)
    (自动(回复|答复|应答)|自動答覆)
    (자동 ?(회신|응답|답장)|부재중)
    (otomatik (yanit|yanıt|cevap)|ofis disinda otomatik)
    (αυτοματη απαντηση|raspuns automat|automatski odgovor|samodejni odgovor|automatinis atsakymas|automatiska atbilde)
    (automaatvastus|resposta automatica|sjalfvirkt svar|tra loi tu dong|balasan otomatis|jawapan automatik)
    (מענה אוטומטי|תשובה אוטומטית|رد تلقائي|ตอบกลับอัตโนมัติ)
"""
"""Subjects by which a mail names itself an automatic answer."""

_AWAY = """
    out[- ]of[- ](the[- ])?office
    (away|absent) from (the )?(office|my desk)
    (on )?(vacation|annual leave|holidays?|leave|parental leave|maternity leave|sick leave)
    (currently |temporarily )?(away|unavailable)
    (absence|absent|absente)( du bureau| de [a-z. ]+)?
    (en |je suis en )?(conges?|vacances)
    (hors|pas au|absent du) bureau
    (abwesend|abwesenheit|nicht im (buro|haus)|im urlaub|urlaub|ausser haus|derzeit nicht)
    (fuera de (la )?oficina|ausente|ausencia|de vacaciones|vacaciones)
    (fuori (ufficio|sede)|assente|assenza|in ferie|ferie)
    (ausencia|fora do escritorio|ausencia do escritorio|de ferias|ferias|ausente)
    (niet aanwezig|afwezig|afwezigheid|buiten kantoor|niet op kantoor|met vakantie|vakantie)
    (poza biurem|nieobecnosc|nieobecn[ya]|urlop|na urlopie)
    (franvarande|franvaro|ej pa kontoret|inte pa kontoret|pa semester|semester)
    (ikke til stede|fravaer|fraværende|fravær|ikke pa kontoret|pa ferie|ferie|bortreist|ute av kontoret)
    (poissa|poissaolo|en ole paikalla|lomalla|loma)
    (mimo kancelar|nepritomnost|dovolena|mimo kancelariu|hazon kivul|irodan kivul|szabadsag|nem vagyok)
    (нет на месте|вне офиса|отсутству|в отпуске|отпуск|не в офисе|відсутн|у відпустці)
    (不在|休暇|外出|休み|不在办公室|外出|休假)
    (ofis disinda|ofis disi|ofis dısında|izinde|tatilde)
"""
"""Subjects that may be a vacation notice, or a person's words."""

_AWAY_TEXT = """
    (i am|i'm|i will be|i'll be|i shall be) …(out of|away|on (vacation|annual|leave|holiday|maternity)|absent|travel|unavailable)
    (i am|i'm|we are) (currently )?(out|not in|closed)
    (currently|temporarily) (out|away|on leave|unavailable|closed)
    out of (the )?office …(until|from|with|and|till|through|on|for)
    (limited|no|intermittent) access to (my )?e-?mail
    no longer (work|with|employed|at)
    will (be back|return|respond|reply|answer) …(on|upon|when|as soon)
    (back|return|returning) (in|to|on) (the office|[a-z0-9])
    (je suis|je serai|nous sommes|actuellement) …(absent|conge|vacances|deplacement|indisponible|ferme)
    (de retour|mon retour|en mon absence|durant mon absence)
    (ich bin|bin ich|ich werde|wir sind) …(nicht|abwesend|urlaub|ausser|wieder|geschlossen|dienstreise)
    (meiner abwesenheit|wahrend meiner|nicht im (buro|haus))
    (estoy|estare|me encuentro|actualmente) …(fuera|ausente|vacaciones|de viaje)
    (sono|saro|attualmente) …(assente|fuori|ferie|vacanza)
    (estou|estarei|encontro-me) …(ausente|fora|ferias)
    (ik ben|ben ik|wij zijn) …(afwezig|niet|vakantie|verlof|weer)
    (jestem|bede|przebywam) …(nieobecn|urlop|poza)
    (jag ar|ar jag|jag har) …(semester|borta|inte|franvarande|ledig|tillbaka)
    (jeg er|er jeg|jeg har) …(ferie|ikke|bortreist|fravær|borte|tilbake|tilbage|ude|ute)
    (olen|en ole) …(loma|poissa|paikalla|tavattavissa|takaisin)
    (jsem|budu|nejsem|som) …(mimo|dovolen|nepritom|kancelar)
    (szabadsagon|hazon kivul|nem vagyok|tavol vagyok|irodan kivul)
    (я |меня |буду |нахожусь|сеичас)…(отпуск|отсутств|нет|вне|командировк)
    (不在|休暇|出張|休業|お休み|休んで|外出)
    (休假|出差|不在|外出|放假)
    (부재|휴가|출장)
    (izinde|tatilde|ofis …disinda|yillik izin|ofiste)
"""
_AFTER = r"\s*(?:$|[:：;,(\[【\"'«“]|[-–—|/] ?|\.\s*$|\.{3}|(?:re|aw|fwd?|sv|vs|antw|tr)\s?:|(?:from|de|von|by|til|van|di|to|a|für|for|until|till|bis) )"  # noqa: E501
_MAX_TEXT = 1_500

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan janvier januar januari enero ene gennaio janeiro stycznia",
            "february feb fevrier fev februar februari febrero febbraio fevereiro lutego",
            "march mar mars marz maart marzo marco marca",
            "april apr avril avr abril aprile abr kwietnia",
            "may mai mei mayo maggio maio maja maj",
            "june jun juin juni junio giugno junho czerwca",
            "july jul juillet juil juli julio luglio julho lipca",
            "august aug aout augustus agosto ago sierpnia augusti",
            "september sep sept septembre septiembre settembre setembro wrzesnia",
            "october oct octobre oktober okt octubre ottobre outubro pazdziernika",
            "november nov novembre noviembre listopada novembro",
            "december dec decembre dezember dez diciembre dicembre dezembro grudnia",
        ),
        start=1,
    )
    for name in names.split()
}
_UNTIL = (
    r"(?:until|till|thru|through|to|back (?:in the office )?(?:on|from)|return(?:ing)?(?: to (?:the )?office)?(?: on)?"
    r"|jusqu'?(?:au|a|en)(?: et y compris le)?|de retour(?: au bureau)?(?: le| a partir du)?|au|bis(?: einschliesslich)?"
    r"(?: zum)?|(?:wieder )?(?:ab|am)(?: dem)?|hasta el?|regreso el|fino al?|rientro il|ate(?: o dia)?|t/m|tot(?: en met)?"
    r"|do(?: dnia)?|till och med|til og med|frem til|til|saakka|asti)"
)
_DAY = r"(?:[a-z]{2,12}[.,]? (?:den |the |le |dem )?)?"
_WRITTEN = re.compile(
    rf"\b{_UNTIL} (?:the )?{_DAY}(?:"
    r"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})"
    r"|(?P<d1>\d{1,2})[./-](?P<m1>\d{1,2})(?:[./-](?P<y1>\d{4}|\d{2}))?\b"
    r"|(?P<d2>\d{1,2})(?:st|nd|rd|th|er|\.|o)?(?: of| de)? (?P<m2>[a-z]{3,12})\.?(?:,? (?:de )?(?P<y2>\d{4}))?"
    r"|(?P<m3>[a-z]{3,12})\.? (?P<d3>\d{1,2})(?:st|nd|rd|th)?(?:,? (?P<y3>\d{4}))?)"
)


def named_automatic(mail: Mail) -> bool:
    """Whether the subject begins as an automatic answer's does, in one of some thirty languages (rule A11)."""
    subject = fold(mail.subject[:200]).lstrip(" [(*【#")
    if _begins(_SELF_NAMED, subject):
        return not _asks(mail)
    return _begins(_AWAY, subject) and says_away(mail)


def says_away(mail: Mail) -> bool:
    """Whether the text begins by saying that its author is away."""
    return any_of(_AWAY_TEXT).search(_beginning(mail)) is not None


def is_out_of_office(mail: Mail) -> bool:
    """Whether an automatic answer is about an absence rather than, say, a confirmation that mail arrived."""
    return any_of(_AWAY).match(fold(mail.subject[:200]).lstrip(" [(*")) is not None or says_away(mail)


def away_until(mail: Mail) -> date | None:
    """The last day of absence or the day of return that the text names, as far as it can be read without guessing."""
    found = _WRITTEN.search(_beginning(mail))
    if not found:
        return None
    text = found.groupdict()
    day, month, year = (
        next(filter(None, (text[key] for key in keys)), "")
        for keys in (("day", "d1", "d2", "d3"), ("month", "m1", "m2", "m3"), ("year", "y1", "y2", "y3"))
    )
    numbers = int(day), int(month) if month.isdigit() else _MONTHS.get(month, 0)
    if (
        text["d1"]
        and "/" in found[0]
        and found[0].startswith(("until", "till", "thru", "through", "to", "back", "ret"))
    ):
        numbers = _either_way(*numbers)
    return _date(*numbers, year, mail.date)


def _either_way(first: int, second: int) -> tuple[int, int]:
    """Day and month of an English 3/4: unreadable (0) where both orders make sense."""
    if first > 12 or first == second:
        return first, second
    return (second, first) if second > 12 else (0, 0)


def _date(day: int, month: int, year: str, written: datetime | None) -> date | None:
    """That day; a missing year is the next one to come after the mail was written."""
    if not year and written is None:
        return None
    number = int(year) + (2000 if len(year) == 2 else 0) if year else written.year if written else 0
    try:
        found = date(number, month, day)
        return found.replace(year=number + 1) if written and not year and found < written.date() else found
    except ValueError:
        return None


def _begins(phrases: str, subject: str) -> bool:
    found = any_of(phrases).match(subject)
    return found is not None and (
        _FOLLOWS.match(subject, found.end()) is not None or not subject[found.end() - 1].isascii()
    )


def _asks(mail: Mail) -> bool:
    """A person's question about automatic answers: it answers no mail, says of nobody that they are away, and asks."""
    return not mail.in_reply_to and not mail.references and "?" in mail.text[:_MAX_TEXT] and not says_away(mail)


def _beginning(mail: Mail) -> str:
    return " ".join(fold(mail.text[:_MAX_TEXT]).split())


_FOLLOWS = re.compile(_AFTER)

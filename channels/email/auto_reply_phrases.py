"""How automatic answers begin, as tables in the notation of `phrases`. Data only.

One line a language or a turn of phrase; to add a language, add a line to each table.
"""
# ruff: noqa: RUF001 - the tables hold words of other alphabets

from __future__ import annotations

from typing import Final

SELF_NAMED: Final = """
    auto(matic|mated|matically)? ?-?(generated )?(reply|response|responder|respond|answer|acknowledge?ment)
    auto-?(reply|response|responder|answer|antwort)
    auto(?=:)
    away from my (e-?)?mail
    (out[- ]of[- ](the[- ])?office|ooo) ?(auto|automatic)?[- ]?(reply|response|message|notification|notice|auto-?reply)
    (vacation|away|absence|holiday) (auto-?)?(reply|response|responder|message|notification|notice)
    i('| a)?m (currently )?out of (the )?office$
    (reponse|message|courriel|mail) automatique
    (reponse|message|notification|avis|notice) d[' ]?absence
    (auto-?reponse|repondeur automatique|reponse auto)
    (automatische|automatisierte) (antwort|antwortmail|ruckantwort|ruckmeldung|nachricht|eingangsbestatigung)
    automatische abwesenheits(notiz|nachricht|meldung)
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
    (franvaro-?(meddelande|assistent|besked)|fravaers-?(meddelelse|besked|assistent|melding)|fravaersmelding)
    (automaattinen (poissaolo)?(vastaus|viesti)|automaattivastaus|poissaolo-?(ilmoitus|viesti|vastaus))
    (automaticka odpoved|automaticky generovana|automatikus valasz|tavolleti (ertesites|uzenet))
    (автоматический ответ|автоответ|автоматическое уведомление|автоматична відповідь|автоматичен отговор)
    (自動(応答|返信|回覆|回復|送信|返答)|不在(通知|のお知らせ|連絡|応答|メッセージ)|【自動返信】|【自動応答】)
    (自动(回复|答复|应答)|自動答覆)
    (자동 ?(회신|응답|답장)|부재중)
    (otomatik (yanit|cevap)|ofis disinda otomatik)
    (αυτοματη απαντηση|raspuns automat|automatski odgovor|samodejni odgovor|automatinis atsakymas|automatiska atbilde)
    (automaatvastus|resposta automatica|sjalfvirkt svar|tra loi tu dong|balasan otomatis|jawapan automatik)
    (מענה אוטומטי|תשובה אוטומטית|رد تلقائي|ตอบกลับอัตโนมัติ)
"""
"""Subjects by which a mail names itself an automatic answer."""

AWAY: Final = """
    out[- ]of[- ](the[- ])?office
    (away|absent) from (the )?(office|my desk)
    (on )?(vacation|annual leave|holidays?|leave|parental leave|maternity leave|sick leave)
    (currently |temporarily )?(away|unavailable)
    (absence|absente?)( du bureau)?
    (en |je suis en )?(conges?|vacances)
    (hors|pas au|absent du) bureau
    (abwesend|abwesenheit|nicht im (buro|haus)|im urlaub|urlaub|ausser haus|derzeit nicht)
    (fuera de (la )?oficina|ausente|ausencia|de vacaciones|vacaciones)
    (fuori (ufficio|sede)|assente|assenza|in ferie|ferie)
    (ausencia|fora do escritorio|ausencia do escritorio|de ferias|ferias|ausente)
    (niet aanwezig|afwezig|afwezigheid|buiten kantoor|niet op kantoor|met vakantie|vakantie)
    (poza biurem|nieobecnosc|nieobecn[ya]|urlop|na urlopie)
    (franvarande|franvaro|ej pa kontoret|inte pa kontoret|pa semester|semester)
    (ikke til stede|fravaer|ikke pa kontoret|pa ferie|ferie|bortreist|ute av kontoret)
    (poissa|poissaolo|en ole paikalla|lomalla|loma)
    (mimo kancelar|nepritomnost|dovolena|mimo kancelariu|hazon kivul|irodan kivul|szabadsag|nem vagyok)
    (нет на месте|вне офиса|отсутству|в отпуске|отпуск|не в офисе|відсутн|у відпустці)
    (不在|休暇|外出|休み|不在办公室|外出|休假)
    (ofis disinda|ofis disi|izinde|tatilde)
"""
"""Subjects that may be a vacation notice, or a person's words."""

AWAY_TEXT: Final = """
    (i am|i'm|i will be|i'll be|i shall be) …(out of|away|absent|travel|unavailable)
    (i am|i'm|i will be|i'll be|i shall be) …on …(vacation|leave|holiday)
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
    (jeg er|er jeg|jeg har) …(ferie|ikke|bortreist|borte|tilbake|tilbage|ude|ute)
    (olen|en ole) …(loma|poissa|paikalla|tavattavissa|takaisin)
    (jsem|budu|nejsem|som) …(mimo|dovolen|nepritom|kancelar)
    (szabadsagon|hazon kivul|nem vagyok|tavol vagyok|irodan kivul)
    (я |меня |буду |нахожусь|сеичас)…(отпуск|отсутств|нет|вне|командировк)
    (不在|休暇|出張|休業|お休み|休んで|外出)
    (休假|出差|不在|外出|放假)
    (부재|휴가|출장)
    (izinde|tatilde|ofis …disinda|yillik izin|ofiste)
"""
"""Texts of people who are away."""

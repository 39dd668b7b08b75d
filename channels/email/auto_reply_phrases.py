"""How automatic answers begin, as tables in the notation of `phrases`. Data only.

One line a language or a turn of phrase; to add a language, add a line to each table.
"""
# ruff: noqa: RUF001 - the tables hold words of other alphabets

from __future__ import annotations

from typing import Final

SELF_NAMED: Final = """
    auto(matic|mated|matically)? ?-?(generated )?(reply|response|responder|respond|answer|acknowledge?ment)
    auto-?(reply|response|responder|answer|antwort)
    automat(ic|ed) (reply|response|answer) to (you|your (e-?mail|message|inquiry|request)).*
    auto(?=:)
    away from my (e-?)?mail
    (out[- ]of[- ](the[- ])?office|ooo) ?(auto|automatic)?[- ]?(reply|response|message|notification|notice|auto-?reply)
    (vacation|away|absence|holiday) (auto-?)?(reply|response|responder|message|notification|notice)
    i('| a)?m (currently )?out of (the )?office$
    (reponse|message|courriel|mail) automatique( d[' ]absence)?
    (reponse|message|notification|avis|notice) d[' ]?absence
    accuse de reception automatique
    (auto-?reponse|repondeur automatique|reponse auto)
    (automatische|automatisierte) (antwort|antwortmail|ruckantwort|ruckmeldung|nachricht|eingangsbestatigung)
    automatische abwesenheits(notiz|nachricht|meldung)
    abwesenheits?-?(notiz|nachricht|meldung|benachrichtigung|mitteilung|assistent|hinweis|info)
    urlaubs?-?(notiz|nachricht|meldung|benachrichtigung|mitteilung|assistent)
    auto-?respuesta
    (respuesta|mensaje|contestacion) automatic[ao]
    (aviso|mensaje|respuesta|notificacion|acuse de recibo) (de ausencia|automatic[ao])
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
    (out[- ]of[- ](the[- ])?office|ooo)
    (away|absent) from (the )?(office|my desk)
    .{1,60} (is|will be) (out of|away from) (the )?office.*
    .{1,60} est (absente?|absent[(]e[)]|en conges?)( du bureau)?[.]?$
    .{1,60} ist (ausser haus|abwesend|nicht im (buro|haus))[.]?$
    (on )?(vacation|annual leave|holidays?|leave|parental leave|maternity leave|sick leave)
    (holiday closure|(office|shop|we are) closed|closed for (the )?holidays?)
    (currently |temporarily )?(away|unavailable)
    (absence|absente?)( du bureau)?
    (en |je suis en )?(conges?|vacances)( (annuels?|d'ete))?( (jusqu|du |a partir|depuis).*)?
    (fermeture (annuelle|estivale|exceptionnelle)|conges annuels)
    je (suis|serai) …(absente?|en conge|en deplacement).*
    (hors|pas au|absent du) bureau
    (abwesend|abwesenheit|nicht im (buro|haus)|im urlaub|urlaub|ausser haus|derzeit nicht|betriebsferien|betriebsurlaub)
    ich bin …(abwesend|im urlaub|nicht im (buro|haus)).*
    (fuera de (la )?oficina|ausente|ausencia|de vacaciones|vacaciones|cerrado por vacaciones)( de la oficina| temporal)?
    (fuori (ufficio|sede)|assente|assenza|in ferie|ferie|chiusura (estiva|per ferie))
    (ausencia|fora do escritorio|ausencia do escritorio|de ferias|ferias|ausente)( temporaria)?
    (niet aanwezig|afwezig|afwezigheid|buiten kantoor|niet op kantoor|met vakantie|vakantie)
    (poza biurem|nieobecnosc|nieobecn[ya]|urlop|na urlopie)
    (franvarande|franvaro|ej pa kontoret|inte pa kontoret|pa semester|semester)
    (ikke til stede|fravaer|ikke pa kontoret|pa ferie|ferie|bortreist|ute av kontoret)
    (poissa( toimistolta)?|poissaolo|en ole paikalla|lomalla|loma)
    (mimo kancelar|nepritomnost|dovolena|mimo kancelariu|hazon kivul|irodan kivul|szabadsag|nem vagyok)
    (нет на месте|нет на работе|вне офиса|отсутству|в отпуске|отпуск|не в офисе|відсутн|у відпустці)
    (不在|休暇|外出|休み|不在办公室|外出|休假)
    (ofis disinda|ofis disi|izinde|tatilde)
"""
"""Subjects that may be a vacation notice, or a person's words."""

AWAY_TEXT: Final = """
    (i am|i'm|i will be|i'll be|i shall be) …(out of|away|absent|travel|unavailable)
    (i am|i'm|i will be|i'll be|i shall be) …on …(vacation|leave|holiday)
    (i am|i'm|we are) (currently )?(out|not in|closed|ooo)
    (notre|nos) …ferm|(unser|wir haben) …geschlossen
    (currently|temporarily) (out|away|on leave|unavailable|closed)
    out of (the )?office …(until|from|with|and|till|through|on|for)
    (limited|no|intermittent) access to (my )?e-?mail
    no longer (work|with|employed|at)
    (we are|our (office|shop|company) (is|will be)) …closed
    will (be back|return|respond|reply|answer) …(on|upon|when|as soon)
    (back|return|returning) (in|to|on) (the office|[a-z0-9])
    (je suis|je serai|nous sommes|actuellement) …(absent|conge|vacances|deplacement|indisponible|ferme)
    (de retour|mon retour|en mon absence|durant mon absence)
    en (conge|vacances|deplacement)
    (ich bin|bin ich|ich befinde mich|ich werde|wir sind) …(nicht|abwesend|urlaub|ausser|wieder|geschlossen|dienstreise)
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
    (я |буду |перебуваю)…(відпустц|відсутн|відрядженн)
    (不在|休暇|出張|休業|お休み|休んで|外出)
    (休假|出差|不在|外出|放假)
    (부재|휴가|출장)
    (izinde|tatilde|ofis …disinda|yillik izin|ofiste)
"""
"""Texts of people who are away."""

NOTICE: Final = """
    (until|till|thru|through|back (on|in|at|from)|(will |shall |i'll |i )(return|be back|reply|respond|answer))
    (return(ing)?|returns?) (on|to|in|\\d|mon|tue|wed|thu|fri|sat|sun|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)
    thank(s| you) for (your|the) (e-?)?(mail|message|inquiry|enquiry|interest)
    (urgent|emergency|immediate)
    (limited|no|intermittent) access
    (contact|write to|call|reach|email) …(my colleague|[a-z0-9.-]+@)
    (jusqu|de retour|retour (le|lundi|prevu)|a (mon|notre) retour|urgence|urgent|prendrai connaissance|pas acces)
    (bis|ab dem|ab \\d|wieder|zuruck|dringend|vertretung|nicht weitergeleitet|vielen dank fur)
    (hasta|regres|vuelta|urgente|urgencia|gracias por su)
    (fino a|rientr|ritorno|urgenz|urgent|grazie per)
    (\\bate\\b|retorno|regress|urgente|obrigad[oa] p)
    (\\btot\\b|t/m|terug|weer (aanwezig|bereikbaar)|dringend|spoed|bedankt voor)
    (\\bdo\\b|wracam|powrot|pilnych|dziekuje)
    (till och med|till den|tillbaka|\\btil\\b|tilbage|tilbake|haster|bradskande|tack for|takk for|tak for)
    (asti|saakka|takaisin|palaan|kiireelli)
    (vracim|zpet|spat|nalehav|-ig\\b|vissza|surgos|pana pe)
    (до|верн|срочн|спасибо за)
    (まで|より|以降|到|至|直到|回来|까지|kadar|doneceg)
"""
"""What a vacation notice goes on to say: until when, who stands in, that the mail will be answered later."""

REQUEST: Final = """
    (can|could|would|will) you
    please (?!note|contact|call (my|our|the)|e-?mail|write|direct|reach|refer|allow|exp|be|do not reply|feel|see)[a-z]
    my (order|parcel|package|delivery|booking|subscription|account|lamp|bill)
    (pouvez|pourriez|voulez|avez|auriez)[- ]vous
    veuillez (?!contacter|vous adresser|noter|ecrire|joindre|patienter|adresser)[a-z]
    merci de (?!contacter|vous adresser|joindre|prendre contact|ecrire|renvoyer|noter|bien vouloir (contacter|noter))
    (je (voudrais|souhaite|souhaiterais|desire)|ma commande|mon colis|ma facture)
    bitte …(liefer|schick|ander|stornier|verschieb|umbuch|abgeb|senden sie mir)
    (konnen|konnten|wurden) sie
    (meine (bestellung|lieferung|rechnung|buchung)|mein paket|mochten? )
    por favor(?!,? (contact|escrib|dirij|dirig|llam|pongase|ponte|envie))
    (per favore|per cortesia)(?!,? (contatt|scriv|rivolg))
    s'il vous plait(?!,? (contact|adress))
    (pueden|podrian?|mi pedido|mi paquete|quisiera)
    (potete|potreste|il mio ordine|vorrei)
    (podem|poderiam?|meu pedido|minha encomenda|gostaria)
    (kunt u|kunnen jullie|mijn bestelling|graag )
    (czy moga|prosze o|moje zamowienie)
"""
"""What people ask for when they write that they will be away."""

CONFIRMS: Final = """
    (we )?(have )?received
    (thank you|thanks) for (contacting|your (message|e-?mail|request|inquiry|enquiry))
    (your|support|new) (request|ticket|case|message|inquiry|enquiry)
    (acknowledge?ment|confirmation|receipt)
    (accuse de reception|confirmation de reception|nous avons (bien )?recu|votre (demande|message|ticket))
    (eingangsbestatigung|empfangsbestatigung|ihre (anfrage|nachricht|e-?mail)|vielen dank fur ihre)
    (acuse de recibo|hemos recibido|su (solicitud|mensaje|consulta))
    (conferma (di )?ricezione|abbiamo ricevuto|la (sua|tua|vostra) richiesta)
    (confirmacao de (recebimento|rececao)|recebemos|(o seu|seu|sua) (pedido|mensagem))
    (ontvangstbevestiging|bevestiging|wij hebben uw|uw (vraag|bericht|e-?mail))
    (potwierdzenie (odbioru|otrzymania)|otrzymalismy)
    (お問い合わせ|受付)
"""
"""Subjects of mail that confirms a mail."""

AUTOMATIC_TEXT: Final = """
    this is an? (automatic|automated|automatically generated|auto-?generated) (reply|response|answer|acknowledge?ment)
    this is an auto-?(reply|response|responder|acknowledge?ment)
    this (message|e-?mail|reply|response) (is|was|has been) (sent|generated|created|produced) automatically
    this (message|e-?mail|reply|response) (is|was|has been) automat(ic\\b|ed|ically (sent|generated|created|produced))
    ceci est une? (reponse|message|accuse de reception) automatique
    (ce|cette) (message|mail|courriel|reponse|e-mail) (a ete|est) (genere|envoye|generee|envoyee)e? automatiquement
    dies ist eine (automatische|automatisch (generierte|erstellte|erzeugte|versendete)) (antwort|nachricht|e-?mail)
    diese (e-?mail|nachricht|antwort) wurde automatisch
    este es un mensaje automatico
    (questo e|questa e) un[ae]? (messaggio|risposta|e-?mail) (automatic[oa]|generat[oa] automaticamente)
    esta e uma (mensagem|resposta) automatica
    (dit is een|deze) (automatisch|e-?mail is automatisch)
    (ta wiadomosc|wiadomosc) …automatycznie
    (自動(送信|返信|配信)|自动(回复|发送))
"""
"""What a machine says of its own answer."""

CHALLENGED: Final = """
    (please )?confirm your (message|e-?mail)
    your (e-?mail|message) (to …)?(requires|awaits|is awaiting|needs) …(verif|confirm|approv)
    (verify|confirm) your (e-?mail|message|address|identity)
    (action required|verification required|confirmation required)
    .{0,80}(verify#|\\[boxbe\\]|\\[sanebox\\])
"""
"""Subjects of filters that ask the sender to prove to be no machine."""

CHALLENGE: Final = """
    (spam|junk|unsolicited|bulk|approved senders?|guest list) …(click|reply|confirm|verif|link|filter)
    (click|reply|confirm|verif|link) …(spam|junk|unsolicited|human|robot)
    (automated|automatic) (message|system|filter) …(click|link|confirm|verif)
"""
"""What they ask."""

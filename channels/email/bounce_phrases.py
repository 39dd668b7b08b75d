"""What mail servers say in place of an enhanced status code, as a table.

Data only. Each row is a status and the phrases that mean it, one a line: lower case, without accents, blanks for any
white space, `…` for up to 40 characters in between, `(a|b)` and `x?` as in regular expressions. The class of a status
is the one meant where no reply code says otherwise; giving up on a passing trouble is class 4 (RFC 3463 §2). The
first row with a phrase that occurs wins, so a telling phrase must stand above a vague one.
"""

from __future__ import annotations

from typing import Final

PHRASES: Final[tuple[tuple[str, str], ...]] = (
    # The mailbox is full.
    (
        "5.2.2",
        """
        over ?-?quota
        quota
        overdrawn
        (mail ?box|inbox|account|maildrop|mail ?folder|storage|mail file|mail store|recipient|user) …\\bfull\\b
        full mail ?box
        mail ?box …(exceeds|exceeded|over) …(size|limit|allow|storage)
        (recipient|user|account) …(exceeded|exceeds|over) …(storage|limit|allocation|space)
        (exceeded|exceeds) …(mail ?box|storage|allocated space)
        (insufficient|not enough|out of) …(storage|email space|mailbox space)
        too much mail data
        boite (aux lettres|de reception|mail)? ?…pleine
        postfach …voll
        espace de stockage
        buzon …lleno
        casella …piena
        caixa …cheia
        mailbox …vol\\b
        skrzynka …(pelna|przepelniona)
        переполнен
        (一杯|いっぱい|容量を超|容量超過)
        (已满|已滿|空间不足|空間不足)
        """,
    ),
    # The address moved.
    (
        "5.1.6",
        """
        no longer on server
        (user|recipient|mailbox|address|account) …moved
        (has|have) moved (to|permanently)
        user not local
        no longer (works?|employed|with) (here|at|for|us|the)
        (address|mail) …(was|has been|have|has) changed
        """,
    ),
    # The sender's host has no name.
    (
        "5.7.25",
        """
        reverse (dns|lookup|mapping)
        no ptr
        ptr record
        \\br-?dns\\b
        (cannot|can't|could not|unable to) (find|resolve) your (reverse )?(hostname|address|ip|name)
        """,
    ),
    # The sender's domain did not vouch for the mail.
    (
        "5.7.26",
        """
        \\bdmarc\\b
        \\bdkim\\b
        \\bspf\\b
        sender policy framework
        unauthenticated (e-?)?mail
        """,
    ),
    (
        "5.7.10",
        """
        must issue a starttls
        encryption (is )?required
        (starttls|tls) …required
        """,
    ),
    # The sender's address does not please.
    (
        "5.1.8",
        """
        sender domain
        domain of sender
        (sender|mail from|envelope from|return path) …(reject|not exist|not found|invalid|verif|refused|denied)
        (invalid|bad|unroutable|unknown|no such|unverified|unresolvable) (sender|mail from|return address)
        (your|from) (e-?mail )?address …not exist
        """,
    ),
    # Relaying.
    (
        "5.7.1",
        """
        relay …(denied|prohibited|not|refused|disallow|access|required)
        (unable|not allowed|not permitted|denied|refused?|cannot|can't|may not) …relay
        (no|do not|does not|don't|will not|not an? (open )?) ?relay
        relaying
        list of allowed rcpthosts
        not in my control ?locals
        not a gateway
        unauthenticated senders
        """,
    ),
    # The account is there, and shut.
    (
        "5.2.1",
        """
        (account|mail ?box|user|address|recipient|e-?mail) …(disabled|suspended|inactive|deactivated|de-activated)
        (account|mailbox|mail box|user|address|recipient) …(locked|expired|frozen|discontinued|terminated|cancell?ed)
        (account|mailbox|user|address) (is |was |has been |temporarily |currently )*(closed|blocked|not active|stopped)
        (disabled|inactive|suspended|expired|deactivated) (account|mailbox|user|recipient)
        not …receiving (e?mail|messages)
        accepting no mail
        no longer (active|in use|valid|in service|accept)
        out of service
        compte …(desactive|suspendu|inactif|bloque)
        (boite|destinataire|recipient|mailbox) …archiv
        never logs
        (konto|postfach|account) …(gesperrt|deaktiviert)
        cuenta …(desactivada|suspendida|deshabilitada)
        (заблокирован|отключен|деактивирован)
        (停用|利用停止|冻结|凍結)
        """,
    ),
    # Too big.
    (
        "5.3.4",
        """
        (message|mail|e-?mail|attachment|data|body|file) …(too (big|large|long)|larger than)
        (message|mail|e-?mail|attachment|data|body) (size|length)? ?…(exceeds?|exceeded|limit)
        too (big|large) …(message|mail)
        exceeds? …(size|length|maximum)
        (maximum|max|allowed) …(message|mail)? ?size
        size (limit|exceed)
        line (limit|too long|length)
        trop (gros|volumineux|grand)
        zu gross
        demasiado grande
        troppo grande
        muito grande
        слишком больш
        サイズ…(超|大き)
        (过大|太大|過大)
        """,
    ),
    # A loop.
    (
        "5.4.6",
        """
        too many (hops|received)
        \\bloop(s|ing|ed)?\\b
        hop count
        forwarded more than
        local host is mx
        """,
    ),
    # Lists that one must belong to.
    (
        "5.7.2",
        """
        not …(a member|subscribed|permission to post|allowed to post|authorized to post)
        only …(members|subscribers) …post
        (members|subscribers)[- ]only
        """,
    ),
    # Too much at a time.
    (
        "4.7.0",
        """
        too many (connections|messages|mails|emails|errors|invalid)
        rate limit
        (rate|sending) …(exceeded|limited)
        throttl
        unusual rate
        """,
    ),
    (
        "4.7.1",
        """
        (grey|gray)-?list
        """,
    ),
    # Nobody of that name. The sure ways to say it.
    (
        "5.1.1",
        """
        user ?unknown
        unknown …(user|recipient|account|mailbox|address|alias|rcpt|local|person|name)
        (user|recipient|account|mailbox|address|alias|addressee|local part|e-?mail|name) …\\bunknown
        (no such|no valid|non-?existent|undefined) …(user|recipient|account|mailbox|address|alias|name|person)
        (invalid|illegal|bad|unrouteable|unroutable|undeliverable) …(user|recipient|account|mailbox|address|rcpt)
        (user|recipient|account|mailbox|address|id|alias) …(not|n't|cannot) (be )?(found|exist|known|valid|registered)
        (user|recipient|account|mailbox|address|id) …(not|n't|cannot) (be )?(recogni[sz]ed|listed|have an?|a valid)
        (user|recipient|account|mailbox|address|e-?mail|name) …(no longer exist|invalid|misspelled|incorrect)
        (couldn't|could not|cannot|can't|unable to) …find …(user|recipient|account|mailbox|address|person)
        (doesn't|does not) have an? …account
        no (mailbox|account|one) …(here|this|that)
        no mailbox
        not our customer
        not listed in
        nosuchuser
        unrecogni[sz]ed (o/?r|recipient|name|address|user)
        (nicht im|pas dans l|non repertorie) …(verzeichnis|annuaire|directory)
        (adresse|utilisateur|destinataire) …(inconnue?|introuvable|existe pas|incorrecte?|invalide)
        (n'existe pas|introuvable|no se encontr|no se ha encontrado|non (e stato )?trovat)
        (unbekannt|existiert nicht|nicht gefunden|nicht vorhanden)
        (usuario|buzon|cuenta|direccion|destinatario) …(no existe|desconocid|no se encontr|no encontrad)
        (utente|destinatario|indirizzo|casella) …(sconosciut|non esiste|inesistente|non trovat)
        (usuario|destinatario|endereco|conta) …(desconhecid|inexistente|nao existe|nao encontrad)
        (niet (worden )?gevonden|(inte|att) hitta|ikke (finde|funnet|fundet)|nie znaleziono|no se encuentra)
        (onbekend|bestaat niet|nieznany|nie istnieje|finns inte|findes ikke|finnes ikke|neexistuje)
        (не найден|не существует|несуществ|неизвест|нет такого|не зарегистрирован)
        (存在しない|存在しません|見つかりません|みつかりません|不明|誤り)
        (用户不存在|用戶不存在|不存在|找不到|无此用户)
        (존재하지|없는 사용자)
        """,
    ),
    # Unwanted or unclean.
    (
        "5.7.1",
        """
        spam
        virus
        (black|block|deny|reject) ?-?list
        \\b(dns|r)bl\\b
        (junk|phish|malware|infected|unsolicited|unwanted|suspicious|barracuda)
        \\bu[bc]e\\b
        block(ed|ing)
        reputation
        banned
        abus(e|ive)
        prohibit
        polic(y|ies)
        (not|un) ?authori[sz]ed
        auth(entication)? ?(is )?required
        (access|permission|connection) …denied
        forbidden
        restrict
        administrative
        not (allowed|permitted)
        content (rejected|filter|denied)
        (message|mail|e-?mail|sender)s? …(not accepted|refused|rejected|denied|unacceptable)
        (server|connection)s? …(not accepted|rejected|denied|unacceptable)
        refused to talk
        client host
        not accepting …(mail|messages)
        security
        violat
        weren't sent
        (indesirable|courrier non sollicite|no deseado|indesiderat|spamverdacht)
        (迷惑|規制|拒否)
        (垃圾|拒收|拒绝)
        спам
        """,
    ),
    # The greeting.
    (
        "5.5.4",
        """
        (invalid|bad|illegal|forged) (helo|ehlo)
        (helo|ehlo) …(invalid|reject|argument|required)
        """,
    ),
    # The host or the domain.
    (
        "5.1.2",
        """
        (host|domain|server)( name)? …(unknown|not (be )?(found|exist|known|valid)|n't exist|nonexistent|invalid)
        (unknown|invalid|bad|no such|unrouteable|unroutable|illegal|non-?existent) …(domain|host|destination|system)
        nxdomain
        (couldn't|could not|can't|cannot|unable to) …(find|resolve) …(host|domain)
        name service error
        could not find a gateway
        host or domain name
        (domaine|domain|hote|dominio|домен) …(inconnu|unbekannt|desconocido|sconosciuto|не)
        """,
    ),
    (
        "5.4.4",
        """
        null ?mx
        no mx
        \\bmx (record|lookup|server)
        (unable to|no|cannot|couldn't be|could not be) rout
        not routable
        dns …(error|fail|problem|lookup|server|query)
        lookup fail
        servfail
        hostname lookup
        no …mail server
        """,
    ),
    (
        "5.1.1",
        """
        mail ?box …(unavailable|not available)
        """,
    ),
    # The way there. The actual trouble is worth more than that it lasted too long (RFC 3463 §3.5, X.4.7).
    (
        "4.4.2",
        """
        lost connection
        connection …(dropped|closed|reset|lost|aborted|broken|died|cut)
        bad connection
        disconnect
        timed? ?out …(while|waiting|during)
        broken pipe
        """,
    ),
    (
        "4.4.1",
        """
        connection …(refused|timed|failed|attempt)
        (?<!retry )timed? ?out
        (no answer|no response|not respond|not reachable|unreachable|not available|unavailable|host …down)
        (could not|couldn't|unable to|cannot|can't) …(connect|establish|contact|reach)
        network
        """,
    ),
    # Waited too long.
    (
        "4.4.7",
        """
        \\bexpired?\\b
        time ?(out|limit)? …(was |has been |is )?exceed
        retry time
        too (long|old)
        (gave|giving|given) up
        \\d+ (attempts|retries|tries)
        for a long time
        (deliver|sent|send) …(for|within|in|after) …\\d …(day|hour|minute)
        (for|within|after) …\\d …(day|hour|minute)
        aborted after
        in …queue
        (delai|temps) …(depasse|expire|ecoule)
        zeitlimit
        tiempo …agotado
        """,
    ),
    # The system itself.
    (
        "4.3.1",
        """
        disk (is )?full
        (insufficient|no|not enough) …(space|resources)
        """,
    ),
    (
        "5.5.0",
        """
        syntax error
        bad sequence
        not implemented
        (unrecogni[sz]ed|bad|invalid|unknown) (command|parameter|argument)
        command …(not|unrecogni[sz]ed|rejected)
        protocol
        """,
    ),
    (
        "5.6.0",
        """
        (header|mime|body|content|format|charset)s? …(error|invalid|malformed|violation|not acceptable|bad)
        malformed
        8-?bit
        """,
    ),
    (
        "5.3.0",
        """
        (system|local|internal|mailer|server|software|configuration|config) …(error|problem|failure|busy)
        unknown mailer error
        (temporar|transient|deferred|try (again )?later)
        (command|child|pipe|program|script) …(died|failed|exit|status|output)
        """,
    ),
    # Nobody of that name. The unsure ways.
    (
        "5.1.1",
        """
        (user|recipient|address|mailbox) …(reject|refus|undeliverable|unavailable|denied)
        rejected …recipient
        address …(failed|not)
        not found
        (doesn't|does not) exist
        inconnu
        """,
    ),
)

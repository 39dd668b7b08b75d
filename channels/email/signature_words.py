"""The words that mail programs and people end a mail with, in the languages that they speak. Data only, case-folded."""

# ruff: noqa: RUF001 (letters of many alphabets are the point of these tables)

from __future__ import annotations


def _words(table: str) -> tuple[str, ...]:
    return tuple(word.casefold() for line in table.strip().splitlines() for word in line.strip().split("|"))


SENT_FROM = _words(
    """
    sent from|sent via|sent with|sent using|posted from|written on my|typed on my|composed on my
    envoyé de|envoyé depuis|envoyé à partir de|envoyé à partir d|envoyé avec|envoyé via|envoyé d'|envoyé d’|envoyé sur
    envoyé par|envoyée de|envoyée depuis|envoyé à l'aide|expédié de|expédié depuis|message envoyé depuis
    message envoyé de|e-mail envoyé|provenance :|provenance:
    gesendet von|gesendet mit|gesendet aus|gesendet über|gesendet via|versendet mit|versendet von
    enviado desde|enviado con|enviado de|enviado a través|enviado por|enviado mediante|enviado vía
    enviado do|enviado a partir|enviado pelo|enviado via|enviado com|enviada do|enviada a partir
    inviato da|inviato dal|inviato dall|inviato con|inviato tramite|inviata da|spedito da
    verzonden vanaf|verzonden met|verzonden via|verzonden vanuit|verzonden door|verstuurd vanaf|verstuurd met
    verstuurd via
    verstuurd vanuit
    wysłane z|wysłano z|wysłane przy|wysłane za|wysłano za|wysłano przy|wiadomość wysłana z
    sendt fra|sendt med|sendt via|skickat från|skickat med|skickat via|skickades från|lähetetty
    odesláno z|odesláno ze|odoslané z|poslano s|poslano iz|elküldve|küldve|trimis de pe|trimis din|στάλθηκε από
    отправлено с|отправлено из|отправлено через|надіслано з|відправлено з|enviat des|dikirim dari|được gửi từ|đã gửi từ
    发自|發自|从我的|從我的|傳送自|נשלח מ|أرسلت من|أُرسلت من|saadetud minu|išsiųsta iš|nosūtīts no
    """
)
"""'Sent from'; what follows must name a device or be very short."""

SENT_FROM_LAST = _words(
    """
    gesendet|versendet|verschickt|gesendet.|verzonden|verstuurd|iphonesta|ipadista|から送信|gönderildi
    에서 보냄|에서 보냈습니다|傳送|发送|küldve
    """
)
"""'Sent' in languages that put it last; a device stands before it."""

MY = _words(
    """
    my|mon|ma|mein|mi|meu|minha|mio|mia|mijn|min|mit|mobiele|mojego|mojej|моего|моей|мого|meinem|meiner|el meu|ponsel
    """
)
"""Whose device it was."""

DEVICES = _words(
    """
    phone|ipad|ipod|mobile|android|samsung|galaxy|huawei|xiaomi|redmi|nokia|lumia|motorola|blackberry|oneplus
    pixel|sony
    xperia|honor|oppo|htc|tablet|tablette|portable|téléphone|smartphone|handy|gerät|telefon|móvil|movil
    celular|telefono
    teléfono|telemóvel|cellulare|dispositivo|device|appareil|toestel|telefoon|mobiel|urządzenia|komórki|smartfon|mobil
    outlook|mail|courrier|yahoo|gmail|aol|gmx|web.de|proton|tutanota|airmail|spark|thunderbird|windows|mac|macbook|ios
    watch|courriel|posta|correo|correio|e-mail|email|app|zimbra|superhuman|hey|orange|sfr|free|bouygues|vodafone
    o2|t-mobile|verizon|at&t|sprint|телефон|айфон|почт|смартфон|мобильн|手机|手機|電話|휴대폰
    """
)
"""Words one of which a line 'Sent from …' holds."""

GET_APP = _words(
    """
    get outlook for|download outlook for|get yahoo mail for|get typeapp for|get bluemail for
    obtenez outlook|obtenir outlook pour|télécharger outlook|téléchargez outlook|télécharger bluemail
    holen sie sich outlook|laden sie outlook|hol dir outlook
    obtener outlook|obtén outlook|obtenga outlook|descargar outlook|descarga outlook
    ottieni outlook|scarica outlook|scaricare outlook|ottenere outlook
    obter o outlook|obtenha o outlook|baixar o outlook|transferir o outlook|baixe o outlook|obter outlook
    obtenha outlook
    download outlook voor|haal outlook voor|pobierz aplikację outlook|pobierz outlook|pobierz program outlook
    hämta outlook|hent outlook|skaff deg outlook|få outlook|skaffa outlook|hanki outlook|lataa outlook
    získat outlook|stáhnout outlook|získať outlook|получить outlook|скачать outlook|отримати outlook
    获取 outlook|下载 outlook|取得 outlook|下載 outlook
    """
)
"""Advertisements for the program."""

GET_APP_LAST = _words(
    """
    herunterladen|beziehen|downloaden|ophalen|edinin|indirin|を入手|다운로드|for ios|for android|pour ios|pour android
    für ios|für android|para ios|para android|per ios|per android|voor ios|voor android
    """
)
"""How advertisements end that begin with the program's name."""

PROGRAM_LINES = _words(
    """
    virus-free. www|virus-free.www|virus-free www|sans virus. www|sans virus.www|garanti sans virus|virenfrei. www
    virenfrei.www|libre de virus. www|libre de virus.www|privo di virus. www|privo di virus.www|livre de vírus. www
    livre de vírus.www|virusvrij. www|virusvrij.www|wolny od wirusów. www|wolny od wirusów.www|não contém vírus. www
    yahoo mail: search, organize|yahoo mail : search, organize|yahoo mail - search
    this email has been checked for viruses|this e-mail has been checked for viruses
    l'absence de virus dans ce courrier|cet e-mail a été vérifié par le logiciel antivirus
    diese e-mail wurde von avast|diese e-mail wurde auf viren|el software de antivirus avast
    este correo electrónico ha sido
    questa e-mail è stata controllata|este email foi escaneado|deze e-mail is gecontroleerd op virussen
    ta wiadomość została sprawdzona|sent securely with proton|sent with proton mail
    this message was sent using imp, the internet
    """
)
"""Lines that programs add which begin otherwise."""

ANTIVIRUS = ("avast.com", "www.avg.com", "<#DAB4FAD8-2DD7-40BB-A1B8-4E2AA1F9FDF2>")
"""What marks the lines of an advertisement that antivirus programs put below a mail."""

CLEAN = frozenset(("virus-free", "sans virus", "virenfrei", "libre de virus", "privo di virus", "livre de vírus"))
"""What they say in it, on a line of its own."""

VALEDICTIONS = frozenset(
    _words(
        """
        regards|best regards|kind regards|warm regards|many thanks|thanks|thank you|thanks and regards
        thanks & regards|best
        thanks in advance|best wishes|sincerely|yours sincerely|yours faithfully|yours truly|cheers
        all the best|cordially
        with kind regards|kindest regards|with best regards|thank you in advance|respectfully|sincerely yours|br|rgds
        cordialement|bien cordialement|très cordialement|bien à vous|salutations|sincères salutations|cdlt|cdt|merci
        meilleures salutations|salutations distinguées|merci d'avance|merci d’avance|bonne journée|bonne réception|bàv
        cordiales salutations|respectueusement|amicalement|sincèrement|merci et bonne journée|avec mes remerciements
        bien amicalement|belle journée|excellente journée|bonne soirée|merci beaucoup|bien respectueusement
        mit freundlichen grüßen|mit freundlichen grüssen|freundliche grüße|viele grüße|beste grüße|liebe grüße
        mfg|vg|lg
        mit freundlichem gruß|herzliche grüße|schöne grüße|gruß|grüße|mit besten grüßen|freundliche grüsse|viele grüsse
        hochachtungsvoll|beste grüsse|vielen dank|danke|besten dank|gruss|gruß & dank|danke und gruß|danke & gruß
        besten dank & gruß|besten dank und gruß|vielen dank und viele grüße|vielen dank und beste grüße
        saludos|un saludo|saludos cordiales|atentamente|un cordial saludo|reciba un cordial saludo|gracias
        muchas gracias
        cordialmente|saluti|cordiali saluti|distinti saluti|un saluto|grazie|a presto|un cordiale saluto|grazie mille
        atenciosamente|cumprimentos|com os melhores cumprimentos|melhores cumprimentos|obrigado|obrigada|abraço|att
        saudações|abraços|com os meus cumprimentos
        met vriendelijke groet|met vriendelijke groeten|vriendelijke groet|vriendelijke groeten|groeten|groet
        mvg|bedankt
        hartelijke groet|hartelijke groeten|alvast bedankt|hoogachtend
        pozdrawiam|z poważaniem|pozdrowienia|serdecznie pozdrawiam|z wyrazami szacunku|dziękuję|pozdrawiam serdecznie
        med venlig hilsen|venlig hilsen|mvh|hilsen|med vennlig hilsen|vennlig hilsen|med vänliga hälsningar|hälsningar
        vänliga hälsningar|vänligen|bedste hilsner|ystävällisin terveisin|terveisin|t|s pozdravem|děkuji|s úctou
        с уважением|спасибо|с наилучшими пожеланиями|з повагою|saygılarımla|iyi çalışmalar|teşekkürler
        よろしくお願いします
        よろしくお願いいたします|以上|此致|谢谢|祝好|감사합니다|üdvözlettel|cu stimă|με εκτίμηση
        """
    )
)
"""Lines that close a letter, without their comma."""

PARTICLES = frozenset(_words("de|du|la|le|des|von|van|der|den|di|da|dos|el|y|e|&|und|et|and"))
"""Words without a capital in a name."""

SAID = _words(
    """
    i|i'm|i’m|my|me|you|your|please|we|our|is not|are|until|after
    je|j'ai|j’ai|mon|ma|mes|moi|vous|votre|nous|notre|est|sont|svp|s'il vous plaît|s’il vous plaît|avant|après|appelez
    ich|mein|meine|meinen|mir|mich|bitte|sie|ihre|wir|ist|sind|erst
    yo|mi|mis|por favor|usted|nuestro|es|está
    io|mio|mia|per favore|noi
    eu|meu|minha|por favor|você
    ik|mijn|graag|u|wij
    proszę|mój|moja|jestem|mnie
    jag|mig|jeg|meg|vennligst|venligst
    """
)
"""Words of somebody who says something, and does not stand on a card."""

REFERRING = _words(
    """
    address|below|number|contact|details|signature|reach me|call me|ring me|code|deliver
    adresse|coordonnées|ci-dessous|ci-après|numéro|rappeler|joindre|livrer|livraison
    anschrift|unten|nummer|erreichen|zurückrufen|liefern|rufen|kontaktdaten
    dirección|abajo|número|llamar|datos|entregar|indirizzo|sotto|numero|chiamare|recapiti|consegnare
    endereço|abaixo|ligar|contato|contacto|entregar|adres|hieronder|bellen|gegevens|bezorgen
    poniżej|numer|zadzwonić|adressen|nedan|nedenfor|ringa|ringe|osoite|numero|адрес|ниже|телефон|住所|連絡先|地址|电话
    """
)
"""Words of a text that speaks of what stands below it: then it is no mere card."""

DISCLAIMERS = _words(
    """
    this e-mail|this email|this message|this communication|this transmission|the information contained in this
    the information in this|the contents of this|confidentiality notice|confidentiality note|disclaimer:
    confidentiality:|privileged and confidential|confidential communication|legal notice
    important notice:
    notice: this e|please consider the environment|think before you print|save paper
    ce message|ce courriel|ce mail|ce courrier|cet e-mail|cet email|cette communication|les informations contenues dans
    p avant d'imprimer|p avant d’imprimer|p pensez à|p please consider|p before printing|avant d’imprimer
    l'information contenue dans|avis de confidentialité|confidentialité :|le contenu de ce|pensez à l'environnement
    pensez à l’environnement|avant d'imprimer|n'imprimez
    diese e-mail|diese email|diese nachricht|der inhalt dieser|die information in dieser|die in dieser e-mail
    vertraulichkeitshinweis|bitte denken sie an die umwelt|bitte prüfen sie, ob diese|denken sie an die umwelt
    este mensaje|este correo|este e-mail|este email|la información contenida en este|aviso legal
    aviso de confidencialidad
    antes de imprimir|p antes de imprimir|por favor, piense|prima di stampare|p prima di stampare|pensa all'ambiente
    denk aan het milieu|pomyśl o środowisku|zanim wydrukujesz
    questa e-mail|questo messaggio|il presente messaggio|la presente e-mail|le informazioni contenute in
    avviso di riservatezza
    esta mensagem|a informação contida|as informações contidas|aviso de confidencialidade
    dit bericht|deze e-mail|dit e-mailbericht|de informatie in dit|de inhoud van dit
    ta wiadomość|niniejsza wiadomość|informacje zawarte w|treść tej wiadomości
    """
)
"""How legal footers begin."""

NOTICES = _words(
    """
    disclaimer|confidentiality|confidential communication|privileged and confidential|legal notice
    avis de confidentialité|confidentialité|vertraulichkeitshinweis|aviso legal|aviso de confidencialidad
    avviso di riservatezza|aviso de confidencialidade
    """
)
"""Those that say what they are."""

LEGAL = _words(
    """
    confiden|privileg|intended recipient|intended solely|addressee|unauthori|before printing|before you print|viruses
    destinataire|exclusivement|imprimer|vertraulich|bestimmt|befugt|empfänger|destinatario|destinatário
    exclusiv|esclusiv
    environnement|imprimir|print|ambiente|ausdrucken|umwelt|stampare|milieu|wydruk|środowisk|environment
    riservat|vertrouwelijk|bestemd|geadresseerde|poufn|adresat|przeznaczon
    """
)
"""Words one of which a legal footer holds in its first lines."""

"""The words by which mail programs announce a quote, in the languages that they speak. Data only.

Everything is written case-folded unless said otherwise. Alternatives are separated by `|`; a language a line.
To teach Guichet a language, add a line to each table.
"""

# ruff: noqa: RUF001 (letters of many alphabets are the point of these tables)

from __future__ import annotations


def _words(table: str) -> frozenset[str]:
    return frozenset(word.casefold() for line in table.strip().splitlines() for word in line.strip().split("|"))


WROTE = _words(
    """
    wrote|writes|said
    a écrit|a ecrit|a répondu|écrivait|écrit
    schrieb|schrieben|hat geschrieben|geschrieben|folgendes geschrieben
    escribió|escribio|ha escrito|escribía
    ha scritto|scrisse|scriveva
    escreveu|enviou|escrevia
    schreef|heeft geschreven|geschreven|het volgende geschreven
    pisze|napisał|napisała|napisał(a)|pisał|pisała|pisał(a)
    skrev|har skrevet|har skrivit|skrev følgende|skrev följande
    kirjoitti
    napsal|napsala|napsal(a)|píše|napísal|napísala|napísal(a)
    написал|написала|написал(а)|писал|писала|писал(а)|пишет
    написав|написала|написав(ла)|пише|писав|написа
    şunu yazdı|şunları yazdı|yazdı
    írta|ezt írta
    a scris
    έγραψε
    napisao|napisala|je napisao|je napisala|je napisal|je napisal/-a|napisao/la
    va escriure|ha escrit
    đã viết
    menulis
    kirjutas|rašė|parašė|rakstīja
    כתב|כתבה|כתב/ה|كتب|نوشت
    """
)
"""Verbs of an attribution line ('On …, somebody wrote:')."""

PRONOUNS = _words(
    """
    i|he|she|you|we|they|who|it|as i|has|had|have
    je|tu|il|elle|on|nous|vous|ils|elles|ai|as|avez|avons|avait|avais|qui
    ich|er|sie|wir|ihr|mir|habe|haben|jag|jeg|yo|él|ella|usted|ustedes|he|io|lui|lei|ho|eu|ele|ela|você|ik|hij|zij|jij|jullie|ja|on|ona
    """
)
"""What stands before the verb in a sentence, and not in an attribution."""

WROTE_UNSPACED = _words("写道|写到|寫道|の書き込み|書きました|のメール|님이 작성|작성|เขียนว่า")
"""The same in scripts that put no space between words."""

QUOTING = _words(
    """
    quoting|excerpts from|thus spake|zitat von|citando|citando a|citeren|citation de|cytowanie|citát
    wiadomość napisana przez|missatge de
    """
)
"""What opens an attribution line without a verb."""

OPENINGS = (
    "On|Le|Am|El|Il|Em|No dia|Op|W dniu|Dnia|Den|Dne|Dňa|At|In a message dated|In article|Vào|Pada|Στις|Στο|În|Na|Kl|"
    "maanantai|tiistai|keskiviikko|torstai|perjantai|lauantai|sunnuntai|In data|La data de|Pe|W|"
    "Il giorno|Op datum|Am Datum|Van|Из|В|У|בתאריך|في|Quoting|Zitat von|Citando|ב-|Den"
)
"""How attribution lines begin, as they are spelt (a date or a weekday with a date is another way)."""

SHARED_OPENINGS = "On|Le|Am|El|Il|Em|Op|Il giorno|W dniu|Dnia"
"""Openings that are also recognised in the middle of a line, behind the last words of the answer."""

LABELS: dict[str, str] = {
    word: role
    for role, table in {
        "from": """
            from|sender|送信元
            de|expéditeur|expediteur
            von|absender
            remitente|emisor|da|mittente|remetente
            van|afzender|od|nadawca|odesílatel|odosielateľ
            fra|afsender|avsender|från|avsändare|lähettäjä
            от|от кого|отправитель|від|відправник|kimden|gönderen
            差出人|送信者|发件人|寄件者|寄件人|보낸 사람|보낸사람|feladó|de la|από|từ|dari|מאת|من
            """,
        "sent": """
            sent|date|sent on|sent at
            envoyé|envoyé le|envoyée|date d'envoi|date d’envoi|le
            gesendet|gesendet am|datum
            enviado|enviado el|enviado em|enviada|enviada em|enviada el|fecha|data|data de envio
            inviato|inviato il|data invio
            verzonden|verzonden op|verstuurd|wysłano|wysłane|wysłany|data wysłania
            sendt|dato|skickat|skickades|lähetetty|päiväys|päivämäärä
            отправлено|дата|надіслано|дата отправки|gönderildi|gönderme tarihi|tarih|gönderilme
            送信日時|日付|日時|送信日|发送时间|日期|发送日期|傳送日期|寄件日期|时间|時間|보낸 날짜|날짜
            보낸날짜|보낸 시간
            odesláno|odoslané|elküldve|küldve|dátum|dată|trimis|στάλθηκε|ημερομηνία|ngày|đã gửi|tanggal|dikirim|poslano
            """,
        "to": """
            to|recipient
            à|a|pour|destinataire
            an|empfänger
            para|destinatario|destinatário
            aan|naar|do|komu|adresat|pro|príjemca
            til|till|vastaanottaja
            кому|kime|alıcı|宛先|收件人|收件者|받는 사람|받는사람|címzett|către|catre|προς|đến|kepada|אל|إلى|za
            """,
        "cc": """
            cc|bcc|cc to
            copie|copie à|cci|kopie|kopie an|blindkopie
            copia|cco|ccn|con copia|com cópia|cópia
            kopia|dw|udw|do wiadomości|kopi|kopio|kopija|копия|копія|bilgi|抄送|副本|참조|másolat|kópia|κοινοποίηση
            """,
        "subject": """
            subject|objet|sujet|betreff|betrifft|asunto|oggetto|ogg|assunto|onderwerp|temat|emne|ämne|aihe|otsikko
            тема|тема письма|konu|件名|主题|主旨|主題|제목|předmět|predmet|tárgy|subiect|θέμα|assumpte|chủ đề|subjek
            perihal|zadeva|נושא|الموضوع
            """,
        "other": """
            reply-to|reply to|répondre à|antwort an|antworten an|responder a|rispondi a|odpowiedz do|importance
            priority|priorité|wichtigkeit|priorität|importanza|prioridad|importancia|importância|prioriteit|attachments
            attachment|pièces jointes|pièce jointe|anlagen|anhänge|adjuntos|datos adjuntos|allegati|anexos|bijlagen
            załączniki|organization|organisation|message-id|resent-from|mailed-by|flag status|follow up flag
            """,
    }.items()
    for word in _words(table)
}
"""Header labels of a quoted mail and what they stand for."""

FORM_LABELS = _words(
    """
    message|your message|body|message body|comment|comments|question|text|description|phone|phone number|telephone
    mobile|name|first name|last name|company|order|order number|ip address
    votre message|texte|commentaire|commentaires|demande|téléphone|tél|nom|prénom|société|commande
    nachricht|ihre nachricht|anliegen|kommentar|frage|telefon|firma|bestellnummer|vorname|nachname
    mensaje|comentario|consulta|teléfono|nombre|empresa|pedido|messaggio|commento|richiesta|telefono|nome|azienda
    mensagem|telefone|bericht|vraag|telefoonnummer|naam|bedrijf|wiadomość|treść|imię|meddelande|besked|viesti
    сообщение|текст|телефон|имя|メッセージ|お名前|内容|电话|留言|姓名
    """
)
"""What stands beside 'From:' in the mail of a contact form, and not in the header of a mail."""

ORIGINAL = _words(
    """
    original message|original email|original e-mail|original mail|original msg|reply message|replied message
    quoted text hidden|texte des messages précédents masqué|zitierter text wird ausgeblendet|testo citato nascosto
    el texto citado está oculto|texto das mensagens anteriores oculto|in reply to|original|original appointment
    original message follows|original message text
    message d'origine|message d’origine|message original|message initial|mail original|mail d'origine|courriel original
    courriel d'origine|message de départ|message précédent|e-mail d'origine|réponse au message|message répondu
    réponse au message d'origine
    ursprüngliche nachricht|urspruengliche nachricht|originalnachricht|original-nachricht|originalnachricht anfang
    ursprüngliche mail|ursprüngliche e-mail|original-mail|urspr. nachricht|original nachricht
    mensaje original|mensaje de origen|correo original|mensaje anterior
    messaggio originale|messaggio d'origine|messaggio originario|mail originale
    mensagem original|mensagem anterior|mensagem de origem
    oorspronkelijk bericht|origineel bericht|oorspronkelijke bericht|originele bericht|oorspronkelijke mail
    oryginalna wiadomość|wiadomość oryginalna|wiadomość pierwotna|treść oryginalnej wiadomości|oryginalny list
    oprindelig meddelelse|oprindelig besked|original meddelelse|oprindelig mail|original besked
    opprinnelig melding|original melding|opprinnelig e-post
    ursprungligt meddelande|originalmeddelande|ursprungligt brev|ursprungliga meddelandet|ursprungligt e-postmeddelande
    alkuperäinen viesti|původní zpráva|pôvodná správa|původní e-mail
    исходное сообщение|оригинальное сообщение|первоначальное сообщение|пересылаемое письмо
    оригінальне повідомлення|початкове повідомлення|вихідне повідомлення
    orijinal mesaj|özgün ileti|asıl mesaj|orjinal mesaj
    原始邮件|原始郵件|原始信件|原始信息|原始消息|元のメッセージ|original message 元|원본 메시지|원본메시지|원본 메일
    원본 이메일|izvirno sporočilo|הודעה מקורית|الرسالة الأصلية
    eredeti üzenet|mesaj original|mesajul original|αρχικό μήνυμα|izvorna poruka|originalna poruka|missatge original
    """
)
"""What stands between dashes above a quoted mail."""

FORWARDED = _words(
    """
    forwarded message|begin forwarded message|forwarded mail|forwarded by|forwarded email|start of forwarded message
    message transféré|message réexpédié|début du message transféré|début du message réexpédié|message transmis
    courriel transféré|mail transféré|début du courriel transféré
    weitergeleitete nachricht|anfang der weitergeleiteten nachricht|anfang der weitergeleiteten e-mail
    weitergeleitete mail|beginn der weitergeleiteten nachricht|weitergeleitete e-mail
    mensaje reenviado|inicio del mensaje reenviado|comienzo del mensaje reenviado|mensaje reenviado por
    messaggio inoltrato|inizio messaggio inoltrato|inizio del messaggio inoltrato|messaggio rinviato
    mensagem encaminhada|mensagem reencaminhada|início da mensagem encaminhada|início da mensagem reencaminhada
    doorgestuurd bericht|begin doorgestuurd bericht|doorgezonden bericht|begin van doorgestuurd bericht
    przekazana wiadomość|przesłana dalej wiadomość|wiadomość przekazana|początek przekazywanej wiadomości
    początek przekazanej wiadomości|treść przekazanej wiadomości
    videresendt meddelelse|videresendt besked|start på videresendt besked|start på videresendt meddelelse
    videresendt melding|start på videresendt melding|videresendt e-post
    vidarebefordrat meddelande|vidarebefordrat brev|vidarebefordrat mejl
    välitetty viesti|edelleenlähetetty viesti|alkaa välitetty viesti
    přeposlaná zpráva|začátek přeposlané zprávy|preposlaná správa
    пересылаемое сообщение|пересланное сообщение|переадресованное сообщение|начало переадресованного сообщения
    переслане повідомлення|початок переадресованого повідомлення
    iletilen ileti|yönlendirilen ileti|iletilen mesaj|iletilmiş mesaj başlangıcı
    转发邮件信息|转发的邮件|轉寄的郵件|転送されたメッセージ|転送メッセージ|전달된 메시지|전달된 이메일
    továbbított üzenet|mesaj redirecționat|προωθημένο μήνυμα|proslijeđena poruka|missatge reenviat
    """
)
"""The same above a forwarded mail, whose body the sender wants read."""

FORWARDED_BY = (
    "forwarded by ",
    "forwarded message from ",
    "transféré par ",
    "réacheminé par ",
    "message transféré de ",
    "message transféré par ",
    "weitergeleitet von ",
    "reenviado por ",
    "inoltrato da ",
    "encaminhado por ",
    "doorgestuurd door ",
    "przekazane przez ",
    "videresendt af ",
    "vidarebefordrat av ",
)
"""How the same begins where it goes on with a name and a date."""

DETERMINERS = _words(
    """
    the|a|an|my|your|our|their|his|her|this|that|somebody|someone|nobody|everybody
    le|la|les|un|une|mon|ma|votre|notre|leur|son|sa|ce|cette|cet|quelqu'un|personne|monsieur|madame
    der|die|das|ein|eine|mein|meine|dein|deine|ihr|ihre|unser|unsere|euer|eure|dieser|diese|jemand|niemand
    el|los|las|mi|su|tu|este|esta|alguien|il|lo|i|gli|mio|mia|suo|sua|questo|qualcuno|o|os|as|meu|minha|seu|sua|alguém
    de|het|een|mijn|uw|jouw|iemand|mój|moja|pan|pani|ktoś|min|mitt|din|ditt|hans|hennes
    """
)
"""With what a sentence about somebody's writing begins, and a name does not."""

ABOVE_THIS_LINE = (
    "ABOVE THIS LINE",
    "AU-DESSUS DE CETTE LIGNE",
    "OBERHALB DIESER ZEILE",
    "above this line",
    "above the line",
    "au-dessus de cette ligne",
    "au dessus de cette ligne",
    "oberhalb dieser Zeile",
    "über dieser Zeile",
    "über dieser Linie",
    "encima de esta línea",
    "por encima de esta linea",
    "arriba de esta línea",
    "sopra questa riga",
    "sopra questa linea",
    "acima desta linha",
    "boven deze regel",
    "boven deze lijn",
    "powyżej tej linii",
    "ovenfor denne linje",
    "over denne linje",
    "ovanför denna rad",
    "ovanför den här raden",
    "tämän rivin yläpuolelle",
    "nad tento řádek",
    "nad touto čárou",
    "выше этой строки",
    "над этой чертой",
    "bu satırın üst",
    "この行より上",
    "请在此行上方",
    "請在此行上方",
    "이 줄 위에",
)
"""The heart of a marker line that helpdesks, this one too, put above what they send; in the cases that occur."""

REPLY_PLEASE = _words(
    """
    please|reply|respond|write|type|enter|veuillez|répondez|répondre|merci|écrivez|bitte|antworten|antworte|schreiben
    por|responda|responder|escriba|si|rispondi|rispondere|scrivi|favor|escreva|gelieve|antwoord|beantwoord|schrijf|typ
    proszę|prosimy|odpowiedz|napisz|svar|besvar|besvara|vänligen|skriv|vastaa|kirjoita|odpovězte|odpovídejte|prosím
    пожалуйста|ответьте|пишите|lütfen|こ|请|請|이
    """
)
"""First words of such a line where it is not set off by dashes; in scripts without blanks, first letters."""

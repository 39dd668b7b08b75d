"""What `machine_mail.judge` makes of raw mail: each row of the acknowledgement table, reports, and people's mail."""
# ruff: noqa: RUF001 - the subjects are in many alphabets

from __future__ import annotations

import json
import time
from datetime import date
from pathlib import Path

import pytest

from channels.email.machine_mail import PERSON, Verdict, judge
from channels.email.mime import read
from models.envelope import DeliveryReport

CORPUS = Path(__file__).parent / "corpus" / "machine"


def mail(
    *headers: str, text: str = "Hello, my parcel did not come. Can you look?\n", sender: str = "ana@nord.example"
) -> bytes:
    given = {header.partition(":")[0].lower() for header in headers}
    usual = [
        header
        for header in (
            f"From: Ana Nord <{sender}>",
            "To: support@shop.example",
            "Subject: My parcel",
            "Content-Type: text/plain; charset=utf-8",
        )
        if header.partition(":")[0].lower() not in given
    ]
    return ("\r\n".join([*usual, *headers]) + "\r\n\r\n" + text.replace("\n", "\r\n")).encode()


def verdict(*headers: str, return_path: str | None = None, **more: str) -> Verdict:
    return judge(read(mail(*headers, **more)), return_path=return_path)


def corpus() -> list[tuple[str, str, list[tuple[str, str]]]]:
    rows = map(json.loads, (CORPUS / "expected.jsonl").read_text("utf-8").splitlines())
    return [(row["file"], row["expect"]["kind"], [*map(tuple, row["expect"].get("reports", ()))]) for row in rows]


# Reports on mail of ours


@pytest.mark.parametrize(("name", "kind", "reports"), corpus(), ids=[row[0] for row in corpus()])
def test_a_report_is_recognised_and_says_who_and_why(name: str, kind: str, reports: list[tuple[str, str]]) -> None:
    found = judge(read((CORPUS / name).read_bytes().replace(b"\n", b"\r\n")))
    assert (found.kind, [(report.recipient, report.status) for report in found.reports]) == (kind, reports)
    assert found.automatic
    assert found.inert == (kind != "notification")


def report_of(name: str) -> DeliveryReport:
    return judge(read((CORPUS / name).read_bytes())).reports[0]


@pytest.mark.parametrize(
    ("name", "message_id"),
    [
        ("postfix.eml", "t3.postfix@shop.example"),
        ("postfix-delay.eml", "t4.postfix@shop.example"),
        ("qmail.eml", "t1.qmail@shop.example"),
        ("exim.eml", "t2.exim@shop.example"),
        ("exchange-2010.eml", "t5.exchange@shop.example"),
        ("office-365.eml", "t6.o365@shop.example"),
        ("arf.eml", "t12@shop.example"),
        ("mdn.eml", "t13@shop.example"),
    ],
)
def test_a_report_names_the_message_that_it_is_about(name: str, message_id: str) -> None:
    assert report_of(name).message_id == message_id


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("postfix.eml", "failed"),
        ("postfix-delay.eml", "delayed"),
        ("postfix-relayed.eml", "delivered"),
        ("mdn.eml", "read"),
    ],
)
def test_a_report_says_what_became_of_the_message(name: str, state: str) -> None:
    assert report_of(name).state == state


def test_a_receipt_for_a_message_deleted_unread_does_not_say_read() -> None:
    raw = (CORPUS / "mdn.eml").read_bytes().replace(b"displayed", b"deleted")
    assert judge(read(raw)).reports[0].state == "delivered"


def test_the_reason_is_what_the_server_said() -> None:
    assert report_of("qmail.eml").reason.endswith("550 No such user here Giving up on 192.0.2.7.")


def test_the_code_of_the_actual_trouble_is_preferred_to_that_of_giving_up() -> None:
    raw = (CORPUS / "aws-workmail-like.eml").read_bytes()
    raw = raw.replace(b"in 840 minutes", b"in 840 minutes (421 4.4.2 Connection timed out)")
    assert judge(read(raw)).reports[0].status == "4.4.2"


def test_an_address_encoded_for_transport_is_decoded() -> None:
    raw = (CORPUS / "postfix.eml").read_bytes().replace(b"Recipient: rfc822;ana@", b"Recipient: rfc822;ana+2Bshop@")
    assert judge(read(raw)).reports[0].recipient == "ana+shop@nord.example"


def test_our_own_address_is_not_a_failed_recipient() -> None:
    text = "Your message could not be delivered.\n\nsupport@shop.example\n\nbecause ana@nord.example: user unknown\n"
    found = verdict("From: MAILER-DAEMON@relay.example", "Subject: Undeliverable", text=text)
    assert [report.recipient for report in found.reports] == ["ana@nord.example"]


# The acknowledgement table, row by row


@pytest.mark.parametrize("path", ["", "<>", " <> "])
def test_a1_an_empty_reverse_path_is_never_answered(path: str) -> None:
    found = verdict(return_path=path)
    assert (found.rule, found.automatic, found.inert) == ("A1", True, True)


def test_a1_the_return_path_header_counts_where_the_transport_is_unknown() -> None:
    assert verdict("Return-Path: <>").rule == "A1"
    assert verdict("Return-Path: <>", return_path="ana@nord.example") == PERSON
    assert verdict("Return-Path: <ana@nord.example>") == PERSON


@pytest.mark.parametrize(
    "content_type",
    [
        'multipart/report; report-type=delivery-status; boundary="B"',
        'Multipart/Report;\r\n report-type="Delivery-Status";\r\n boundary="B"',
        'multipart/report; report-type=disposition-notification; boundary="B"',
        'multipart/report; report-type=feedback-report; boundary="B"',
    ],
)
def test_a2_reports_are_reports_by_their_type_alone(content_type: str) -> None:
    found = verdict(f"Content-Type: {content_type}", text="--B\n\nSee below.\n--B--\n")
    assert (found.rule, found.inert) == ("A2", True)


def test_a2_failed_recipients_in_the_header_make_a_bounce() -> None:
    found = verdict("x-failed-recipients: Bob@nord.example,\r\n carl@nord.example")
    assert (found.rule, found.kind) == ("A2", "bounce")
    assert [report.recipient for report in found.reports] == ["bob@nord.example", "carl@nord.example"]


@pytest.mark.parametrize(
    ("value", "keyword"),
    [
        ("auto-generated", "auto-generated"),
        ("AUTO-Replied", "auto-replied"),
        ("auto-generated (failure)", "auto-generated"),
        ("auto-notified; owner-email=a@b.example", "auto-notified"),
        ("(a comment)\r\n auto-generated", "auto-generated"),
    ],
)
def test_a5_any_auto_submitted_but_no_is_automatic(value: str, keyword: str) -> None:
    found = verdict(f"Auto-Submitted: {value}")
    assert (found.rule, found.reason) == ("A5", f"Auto-Submitted: {keyword}")


@pytest.mark.parametrize("value", ["no", "No", "NO (typed by hand)", "no; a=b", "(yes) no", "\r\n no", ""])
def test_a5_auto_submitted_no_is_a_person(value: str) -> None:
    assert verdict(f"Auto-Submitted: {value}") == PERSON


def test_a5_what_was_generated_makes_a_ticket_and_what_was_replied_does_not() -> None:
    assert not verdict("Auto-Submitted: auto-generated").inert
    replied = verdict("Auto-Submitted: auto-replied")
    assert (replied.kind, replied.inert) == ("auto_reply", True)


@pytest.mark.parametrize(
    "header", ["Precedence: bulk", "precedence: LIST", "X-Precedence: junk", "Precedence:\r\n bulk (news)"]
)
def test_a6_bulk_precedence_is_a_ticket_without_an_answer(header: str) -> None:
    found = verdict(header)
    assert (found.rule, found.inert) == ("A6", False)


def test_a6_precedence_auto_reply_is_an_automatic_answer() -> None:
    assert verdict("Precedence: auto_reply").kind == "auto_reply"


@pytest.mark.parametrize("value", ["first-class", "normal", "urgent", ""])
def test_a6_other_precedence_is_a_person(value: str) -> None:
    assert verdict(f"Precedence: {value}") == PERSON


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ("List-Id: Team <team.lists.example>", "list"),
        ("LIST-POST:\r\n <mailto:team@lists.example>", "list"),
        ("List-Unsubscribe: <https://news.example/off>", "bulk"),
        ("Feedback-ID: 1:news:shop", "bulk"),
    ],
)
def test_a7_lists_and_newsletters_are_tickets_without_an_answer(header: str, kind: str) -> None:
    found = verdict(header)
    assert (found.rule, found.kind, found.inert) == ("A7", kind, False)


@pytest.mark.parametrize("value", ["All", "OOF", "DR, RN, NRN, OOF, AutoReply", "dr,\r\n autoreply"])
def test_a8_who_suppresses_automatic_answers_gets_none(value: str) -> None:
    found = verdict(f"X-Auto-Response-Suppress: {value}")
    assert (found.rule, found.inert) == ("A8", False)


def test_a8_who_suppresses_only_receipts_is_a_person() -> None:
    assert verdict("X-Auto-Response-Suppress: DR, RN, NRN") == PERSON


@pytest.mark.parametrize(
    ("header", "inert"),
    [
        ("X-Autoreply: yes", True),
        ("X-AutoRespond: vacation", True),
        ("X-Autoresponder: 1", True),
        ("X-Auto-Response: true", True),
        ("X-Mail-Autoreply: auto", True),
        ("X-Autogenerated: Reply", True),
        ("X-Autogenerated: Mirror", False),
        ("X-FC-Machinegenerated: true", False),
        ("X-Loop: team@lists.example", False),
        ("Delivered-To: Autoresponder", True),
        ("X-POST-MessageClass: 9; Autoresponder", True),
        ("X-MS-Exchange-Inbox-Rules-Loop: ana@nord.example", True),
    ],
)
def test_a9_headers_of_autoresponders_count(header: str, *, inert: bool) -> None:
    found = verdict(header)
    assert (found.rule, found.inert) == ("A9", inert)


@pytest.mark.parametrize(
    "header",
    ["X-Autoreply: no", "Delivered-To: support@shop.example", "X-MS-Exchange-Inbox-Rules-Loop: boss@nord.example"],
)
def test_a9_headers_that_say_nothing_leave_a_person(header: str) -> None:
    assert verdict(header) == PERSON


@pytest.mark.parametrize(
    "local",
    [
        "MAILER-DAEMON", "postmaster", "noreply", "No-Reply", "no_reply", "do-not-reply", "donotreply",
        "noreply-orders",
        "orders-noreply", "ne-pas-repondre", "bounce", "bounces+12=a", "team-bounces", "owner-team", "team-request",
        "abuse", "root", "listserv", "majordomo",
    ],
)  # fmt: skip
def test_a10_senders_that_nobody_reads(local: str) -> None:
    found = verdict(sender=f"{local}@nord.example")
    assert (found.rule, found.inert) == ("A10", False)


@pytest.mark.parametrize(
    "local", ["bouncer.bob", "rooth", "abused", "mail", "noreen", "request", "reply", "postmasters", "owner", "info"]
)
def test_a10_people_with_similar_names(local: str) -> None:
    assert verdict(sender=f"{local}@nord.example") == PERSON


SELF_NAMED = [
    "Automatic reply: Your order", "AUTOMATIC REPLY: Your order", "Auto-Reply: Re: Your order", "AutoReply",
    "Auto: Your order",
    "Out of Office AutoReply: Your order", "[Auto-Reply] Your order", "Automated response - Your order",
    "Réponse automatique : Votre commande", "Reponse automatique: Votre commande", "Réponse automatique\u00a0: x",
    "Automatische Antwort: Ihre Bestellung", "Abwesenheitsnotiz", "Abwesenheitsnotiz: Ihre Bestellung",
    "Respuesta automática: Su pedido", "Risposta automatica: Ordine", "Resposta automática: Pedido",
    "Automatisch antwoord: Uw bestelling", "Odpowiedź automatyczna: Zamówienie", "Autosvar: Din order",
    "Automatiskt svar: Din order", "Automatisk svar: Din ordre", "Automaattinen vastaus: Tilaus",
    "Automatická odpověď: Objednávka", "Automatikus válasz: Rendelés", "Автоматический ответ: Заказ",
    "自動応答: ご注文", "自動返信：ご注文", "自动回复: 订单", "自動回覆: 訂單",
    "Otomatik Yanıt: Sipariş", "OTOMATIK YANIT",
]  # fmt: skip


@pytest.mark.parametrize("subject", SELF_NAMED)
def test_a11_a_subject_that_names_itself_an_automatic_answer(subject: str) -> None:
    found = verdict(f"Subject: {subject}", text="Thank you, we have your mail.\n")
    assert (found.rule, found.inert) == ("A11", True)


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Out of office", "I am out of the office until 12 May and will reply when I am back."),
        ("Out of Office: Your order", "I will be out of the office until Monday."),
        ("Absence du bureau", "Bonjour, je suis absente jusqu'au 12 mai."),
        ("Absent du bureau : Votre commande", "Je serai de retour le 12 mai."),
        ("Abwesend: Ihre Bestellung", "Ich bin bis zum 12. Mai nicht im Büro."),
        ("Fuera de la oficina: Su pedido", "Estaré fuera de la oficina hasta el 12 de mayo."),
        ("Fuori ufficio: Ordine", "Sono assente fino al 12 maggio."),
        ("Ausência: Pedido", "Estou de férias até 12 de maio."),
        ("Niet aanwezig: Uw bestelling", "Ik ben met vakantie tot 12 mei."),
        ("Poza biurem: Zamówienie", "Jestem na urlopie do 12 maja."),
        ("Frånvarande: Din order", "Jag är på semester till den 12 maj."),
        ("Fravær: Din ordre", "Jeg er på ferie til 12. mai."),
        ("Poissa: Tilaus", "Olen lomalla 12. toukokuuta asti."),
        ("Mimo kancelář: Objednávka", "Jsem mimo kancelář do 12. května."),
        ("Házon kívül: Rendelés", "Szabadságon vagyok május 12-ig."),
        ("Нет на месте: Заказ", "Я в отпуске до 12 мая."),
        ("不在: ご注文", "5月12日まで休暇をいただいております。"),
        ("Ofis dışında: Sipariş", "12 Mayıs'a kadar izindeyim."),
    ],
)
def test_a11_a_vague_subject_counts_with_a_text_that_says_the_same(subject: str, text: str) -> None:
    found = verdict(f"Subject: {subject}", text=text)
    assert (found.rule, found.kind) == ("A11", "out_of_office")


@pytest.mark.parametrize(
    "content_type",
    ["text/calendar; method=REPLY; charset=utf-8", "TEXT/Calendar; charset=utf-8;\r\n METHOD=reply", "text/calendar"],
)
def test_a11_a_calendar_answers_an_invitation(content_type: str) -> None:
    text = "BEGIN:VCALENDAR\nMETHOD:REPLY\nEND:VCALENDAR\n"
    found = verdict("Subject: Accepted: Visit", f"Content-Type: {content_type}", text=text)
    assert (found.rule, found.kind, found.inert) == ("A11", "calendar_reply", True)


def test_a11_an_invitation_is_from_a_person() -> None:
    text = "BEGIN:VCALENDAR\nMETHOD:REQUEST\nEND:VCALENDAR\n"
    assert verdict("Content-Type: text/calendar; method=REQUEST", text=text) == PERSON


def test_the_first_row_that_applies_is_named() -> None:
    assert verdict("Precedence: bulk", "Auto-Submitted: auto-generated", "List-Id: <a.b>").rule == "A5"
    assert verdict("List-Id: <a.b>", "Precedence: list").rule == "A6"
    assert verdict("Auto-Submitted: auto-replied", return_path="").rule == "A1"


def test_a_vacation_notice_without_a_reverse_path_is_still_known_as_one() -> None:
    found = verdict(
        "Subject: Automatic reply: Your order",
        "Auto-Submitted: auto-generated",
        "X-Auto-Response-Suppress: All",
        text="I am out of the office. Undelivered mail is returned to sender by my assistant.\n",
        return_path="",
    )
    assert (found.rule, found.kind, found.reports) == ("A1", "out_of_office", ())


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("I am out of the office until 15 August 2024.", date(2024, 8, 15)),
        ("I will be back on Monday, June 3rd.", date(2024, 6, 3)),
        ("I am on leave until 2024-05-31.", date(2024, 5, 31)),
        ("I am away until 13/05/2024.", date(2024, 5, 13)),
        ("I am away until 04/05/2024.", None),
        ("Je suis absent jusqu'au 4/05/2024.", date(2024, 5, 4)),
        ("Je suis en congé et de retour le lundi 2 janvier.", date(2025, 1, 2)),
        ("Ich bin bis zum 15.08.2024 nicht im Büro.", date(2024, 8, 15)),
        ("Estoy fuera hasta el 15 de agosto de 2024.", date(2024, 8, 15)),
        ("I am away until 31 February 2024.", None),
        ("I am away, I don't know for how long.", None),
    ],
)
def test_the_end_of_an_absence_is_read_where_it_is_clear(text: str, day: date | None) -> None:
    found = verdict(
        "Auto-Submitted: auto-replied", "Date: Fri, 3 May 2024 10:00:00 +0000", "Subject: Automatic reply: x", text=text
    )
    assert found.away_until == day


# People


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Out of office question", "How do I switch on an out of office message in your product?"),
        ("Out of office", "What does this setting in your shop do? It does not work."),
        ("Automatic reply not working", "Customers do not get it."),
        ("Automatic reply: how do I set it up?", "Can you help?"),
        ("Automatic replies", "Please switch them off for us."),
        ("Auto insurance", "I want to insure my car."),
        ("Re: Automatic reply: Your order", "Thank you, but when will you be back?"),
        ("RE: Out of Office: Your order", "I saw that you are out of the office until Monday."),
        (
            "Fwd: Undelivered Mail Returned to Sender",
            "I got this bounce, what do I do?\n\n<bob@nord.example>: 550 5.1.1 User unknown",
        ),
        ("TR: Echec de remise", "Votre message n'a pas pu être remis : que faire ?\n\nbob@nord.example"),
        (
            "Undelivered Mail Returned to Sender",
            "I keep getting this:\n\n<bob@nord.example>: host said: 550 5.1.1 unknown user",
        ),
        ("Mail delivery failed: returning message to sender", "This is what your shop answers me. Why?"),
        ("Delivery failed", "My parcel could not be delivered, the recipient is unknown they say."),
        (
            "Delivery Status Notification (Failure)",
            "Please explain: Delivery to the following recipient failed permanently",
        ),
        ("Vacation rental", "I am on vacation and lost my key."),
        ("Absence de facture", "Je suis absent demain, merci de m'envoyer la facture ce soir."),
        ("Urlaub: Buchung 123", "Guten Tag, wir möchten umbuchen."),
        ("Returned goods", "I returned to sender the shoes. When do I get my money?"),
        ("Mailbox full", "Your mailbox is full, I could not reach you. Please call."),
        ("Read: the manual, chapter 2", "I have read it, and it does not help."),
        ("Accepted: your offer", "We take it."),
        ("", "No subject today."),
    ],
)
def test_a_person_who_writes_about_machine_mail_is_a_person(subject: str, text: str) -> None:
    assert verdict(f"Subject: {subject}", text=text, return_path="ana@nord.example") == PERSON


def test_a_gateway_that_signs_as_nobody_known_is_told_by_its_first_words() -> None:
    text = "Your message could not be delivered to the following recipients:\n\nbob@nord.example: no such user\n"
    found = verdict("From: Gate 7 <g7@nord.example>", "Subject: Undeliverable: Your order", text=text)
    assert (found.rule, found.kind, found.reports[0].recipient) == ("A2", "bounce", "bob@nord.example")


def test_who_says_the_same_and_asks_is_a_person() -> None:
    text = "Your message could not be delivered to bob@nord.example: no such user. What does that mean?\n"
    assert verdict("Subject: Undeliverable: Your order", text=text) == PERSON


def test_a_bounce_forwarded_as_a_file_is_from_a_person() -> None:
    bounce = (CORPUS / "postfix.eml").read_text()
    text = f"--F\n\nI got this bounce, what do I do?\n--F\nContent-Type: message/rfc822\n\n{bounce}\n--F--\n"
    found = verdict("Subject: Fwd: Undelivered Mail", 'Content-Type: multipart/mixed; boundary="F"', text=text)
    assert found == PERSON


def test_a_report_attached_on_its_own_is_from_a_person() -> None:
    text = (
        "--F\n\nWhat is this?\n--F\nContent-Type: message/delivery-status\nContent-Disposition: attachment\n\n"
        "Final-Recipient: rfc822; bob@nord.example\nAction: failed\nStatus: 5.1.1\n\n--F--\n"
    )
    assert verdict("Subject: A strange file", 'Content-Type: multipart/mixed; boundary="F"', text=text) == PERSON


def test_a_postmaster_who_asks_for_help_gets_a_ticket() -> None:
    found = verdict(
        "From: Bob <postmaster@nord.example>",
        "Subject: Mail delivery problem",
        text="Hello, our mail to support@shop.example was rejected with 550 5.7.1. Could you look?\n",
    )
    assert (found.rule, found.inert) == ("A10", False)


def test_a_carrier_that_could_not_deliver_a_parcel_makes_a_ticket() -> None:
    found = verdict(
        "From: Parcels <no-reply@parcels.example>",
        "Subject: Delivery failed",
        text="We were unable to deliver your parcel 123 to ana@nord.example.\n",
    )
    assert (found.rule, found.kind, found.inert) == ("A10", "notification", False)


def test_a_person_on_a_mailing_list_makes_a_ticket_without_an_answer() -> None:
    found = verdict("List-Id: <team.lists.example>", "Precedence: list", "Subject: [Team] My parcel")
    assert (found.rule, found.kind, found.inert) == ("A6", "list", False)


# Hostile input and speed


def hostile() -> dict[str, bytes]:
    daemon = "From: MAILER-DAEMON@relay.example"
    failed = "Subject: Undelivered Mail Returned to Sender"
    return {
        "a megabyte of letters": mail(daemon, failed, text="a" * 1_000_000),
        "a megabyte of local part": mail(daemon, failed, text="a@" * 500_000),
        "a hundred thousand addresses": mail(daemon, failed, text="<a@b.example>:\n" * 100_000),
        "a hundred thousand different addresses": mail(
            daemon, failed, text="".join(f"<a{n}@b.example>: 550 5.1.1\n" for n in range(100_000))
        ),
        "a megabyte of reply codes": mail(daemon, failed, text="550 " * 250_000),
        "a megabyte of versions": mail(daemon, failed, text="5.1.1." * 160_000),
        "a hundred thousand recipient fields": mail(
            daemon, failed, text="Final-Recipient: rfc822; a@b.example\n" * 50_000
        ),
        "deep JSON": mail("From: no-reply@sns.example", text='{"bouncedRecipients":' + "[" * 200_000),
        "a subject of spaces": mail(daemon, "Subject: " + " " * 20_000 + "x", text="user " * 100_000),
        "a subject of brackets": mail("Subject: " + "[" * 50_000, text="x"),
        "a comment without end": mail("Auto-Submitted: " + "(" * 50_000),
        "a sender of dashes": mail(f"From: {'-' * 60_000}@b.example"),
        "failed recipients without end": mail("X-Failed-Recipients: " + "a@b.example, " * 7_000),
        "an absence without end": mail(
            "Auto-Submitted: auto-replied", "Subject: out of office", text="until " * 200_000
        ),
    }


@pytest.mark.parametrize(("name", "raw"), hostile().items(), ids=list(hostile()))
def test_hostile_mail_is_judged_in_bounded_time(name: str, raw: bytes) -> None:
    given = read(raw)
    began = time.process_time()
    found = judge(given)
    assert time.process_time() - began < 1.0, name
    assert len(found.reports) <= 100


def test_a_persons_mail_costs_next_to_nothing() -> None:
    received = [
        f"Received: from a{n}.example by b{n}.example with ESMTPS; Fri, 3 May 2024 10:00:0{n} +0000" for n in range(8)
    ]
    given = read(mail(*received, "Message-ID: <a@nord.example>", "MIME-Version: 1.0", text="Hello\n" * 2_000))
    assert judge(given) == PERSON
    timings = []
    for _ in range(200):
        began = time.perf_counter()
        judge(given)
        timings.append(time.perf_counter() - began)
    assert sorted(timings)[20] < 0.0002

"""Who wrote a mail: what our mail server says, and what signatures, SPF and DMARC show, over a DNS on loopback."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from channels.email import Email
from channels.email.authenticity.names import Resolver
from config.settings import Settings
from models.envelope import Envelope, InboundMessage, RawMessage
from tests.fake_dns import Zone, fake_dns
from tests.signing import key, signed

MX = "mx.example.org"
REMOTE = "192.0.2.10"
MAIL = (
    b"From: Ana <ana@shop.test>\r\nTo: support@example.org\r\nSubject: Hello\r\nMessage-ID: <1@shop.test>\r\n"
    b"\r\nHi.\r\n"
)


def raw(
    mail: bytes = MAIL, *, remote: str = REMOTE, sender: str = "ana@shop.test", helo: str = "out.shop.test"
) -> RawMessage:
    return RawMessage(
        Envelope(
            channel="email",
            account="support@example.org",
            external_id="1",
            sender=sender,
            recipients=("support@example.org",),
            received_at=datetime(2026, 3, 2, tzinfo=UTC),
            remote=remote,
            trace_id="0" * 32,
            lane="email:ana@shop.test",
            facts={"helo": helo},
        ),
        mail,
    )


# What our own mail server says (RFC 8601).


def pinned(
    *fields: str, remote: str = "127.0.0.1", count: int = 1, ids: tuple[str, ...] = (MX,), mail: bytes = MAIL
) -> InboundMessage:
    channel = Email("email", Settings(authenticity={"authserv_ids": list(ids), "fields": count}))
    head = "".join(f"{field}\r\n" for field in fields).encode()
    return channel.normalise(raw(head + mail, remote=remote))[0]


def results(said: str, server: str = MX) -> str:
    return f"Authentication-Results: {server}; {said}"


@pytest.mark.parametrize(
    ("said", "proof"),
    [
        ("dmarc=pass (p=reject dis=none) header.from=shop.test", "aligned"),
        ("dmarc=pass", "aligned"),
        (
            "spf=pass smtp.mailfrom=ana@shop.test; dkim=pass header.d=shop.test; dmarc=pass header.from=shop.test",
            "aligned",
        ),
        ("dmarc=fail (p=reject dis=none) header.from=shop.test", "failed"),
        ("dmarc=fail (p=QUARANTINE) header.from=shop.test", "failed"),
        ("dmarc=fail header.from=shop.test", "failed"),
        ("dmarc=fail policy.dmarc=none header.from=shop.test", "unproved"),
        ("dmarc=fail (p=NONE sp=REJECT) header.from=shop.test", "unproved"),
        ("dmarc=fail action=none header.from=shop.test", "unproved"),
        ("dmarc=fail action=oreject header.from=shop.test", "failed"),
        ("dmarc=temperror header.from=shop.test; dkim=pass header.d=shop.test", "unproved"),
        ("dmarc=pass header.from=other.test", "unproved"),
        ("dmarc=none header.from=shop.test; dkim=pass header.d=shop.test", "aligned"),
        ("dkim=pass header.i=@mail.shop.test", "aligned"),
        ("dkim=fail header.d=shop.test; spf=pass smtp.mailfrom=bounce@shop.test", "aligned"),
        ("dkim=pass header.d=evil.test; spf=pass smtp.mailfrom=evil.test", "unproved"),
        ("dkim=pass header.d=test", "unproved"),
        ("dkim=pass header.d=notshop.test", "unproved"),
        ("none", "unproved"),
        ('dkim=fail reason="dmarc=pass; dkim=pass" header.d=shop.test', "unproved"),
        ("dkim=fail (dmarc=pass; (nested dkim=pass header.d=shop.test)) header.d=shop.test", "unproved"),
    ],
)
def test_results_of_our_own_mail_server_decide(said: str, proof: str) -> None:
    message = pinned(results(said))
    assert (message.proof, bool(message.proof_reason)) == (proof, True)


def test_a_field_without_a_servers_name_counts_where_the_settings_say_so() -> None:  # Microsoft 365
    said = (
        "Authentication-Results: spf=pass (sender IP is 1.2.3.4) smtp.mailfrom=shop.test; dkim=none;"
        " dmarc=pass action=none header.from=shop.test;compauth=pass reason=100"
    )
    assert pinned(said, ids=("",)).proof == "aligned"
    assert pinned(said).proof == "unproved"


@pytest.mark.parametrize(
    "fields",
    [
        (results("dmarc=pass", "evil.test"),),
        (results("dmarc=pass", "mx.example.org.evil.test"),),
        (results("dkim=none"), results("dmarc=pass")),  # ours, and below it the sender's own
        (results("spf=none", "relay.test"), results("dmarc=pass")),
        ("Received: from a by mx.far.test with ESMTP; now", results("dmarc=pass")),
        (f"X-Authentication-Results: {MX}; dmarc=pass",),
        (f"Subject: x\r\n Authentication-Results: {MX}; dmarc=pass",),
    ],
)
def test_results_that_strangers_wrote_count_for_nothing(fields: tuple[str, ...]) -> None:  # B56
    assert pinned(*fields).proof == "unproved"


def test_results_count_only_where_the_mail_came_by_our_mail_server() -> None:  # B56
    field = results("dmarc=pass header.from=shop.test")
    assert pinned(field, remote=REMOTE).proof == "unproved"
    assert pinned(field, remote="127.0.0.1").proof == "aligned"
    assert pinned(field, remote="").proof == "aligned", "fetched from a mailbox"


def test_as_many_fields_count_as_our_server_adds() -> None:
    fields = (results("dkim=pass header.d=other.test"), results("dmarc=pass"), results("dmarc=fail"))
    assert pinned(*fields, count=1).proof == "unproved"
    assert pinned(*fields, count=2).proof == "aligned"
    received = f"Received: from out.shop.test by {MX} with ESMTP; now"
    assert pinned(received, *fields, count=2).proof == "aligned", "our server's own Received stands above its results"


@pytest.mark.parametrize("head", [b"From: eve@evil.test\r\n", b"From: Ana <ana@shop.test>, <eve@evil.test>\r\n"])
def test_a_mail_of_several_authors_is_never_proved(head: bytes) -> None:  # B18
    mail = head + MAIL if b"Ana" not in head else head + MAIL.partition(b"\r\n")[2]
    assert pinned(results("dmarc=pass"), mail=mail).proof == "unproved"


def test_who_is_somebody_else_gets_no_answer() -> None:  # A13
    message = pinned(results("dmarc=fail (p=reject)"))
    assert (message.machine_rule, message.machine) == ("A13", "")
    assert any("DMARC failed for shop.test" in remark for remark in message.remarks)


def test_a_proven_author_may_have_answers_sent_elsewhere() -> None:  # A12
    mail = b"Reply-To: desk@other.test\r\n" + MAIL
    assert pinned(results("dmarc=none"), mail=mail).machine_rule == "A12"
    assert pinned(results("dmarc=pass"), mail=mail).machine_rule == ""


# What we find out ourselves.


@pytest.fixture
async def zone() -> AsyncIterator[Zone]:
    async with fake_dns() as serving:
        serving.txt("s1._domainkey.shop.test", key().record)
        serving.txt("_dmarc.shop.test", "v=DMARC1; p=reject")
        serving.txt("shop.test", "v=spf1 ip4:192.0.2.0/28 include:_spf.mailer.test -all", "some=other text")
        serving.txt("_spf.mailer.test", "v=spf1 a:out.mailer.test/31 mx:mailer.test ~all")
        serving.records["out.mailer.test", "A"] = ["198.51.100.7"]
        serving.records["mailer.test", "MX"] = ["10 mx1.mailer.test."]
        serving.records["mx1.mailer.test", "A"] = ["198.51.100.99"]
        yield serving


def channel(zone: Zone, **values: object) -> Email:
    given = {"dns": True, "nameservers": [f"127.0.0.1:{zone.port}"], "timeout_seconds": 1, **values}
    return Email("email", Settings(authenticity=given))


async def judged(zone: Zone, message: RawMessage) -> InboundMessage:
    email = channel(zone)
    return email.normalise(await email.inquire(message))[0]


ELSEWHERE = "203.0.113.5"


async def test_a_signature_of_the_authors_domain_proves_them(zone: Zone) -> None:
    message = await judged(zone, raw(signed(MAIL, "shop.test"), remote=ELSEWHERE))
    assert (message.proof, message.proof_reason) == ("aligned", "signed by shop.test (DKIM)")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda mail: mail.replace(b"Hi.", b"Hi!"),
        lambda mail: mail.replace(b"Subject: Hello", b"Subject: Help"),
        lambda mail: mail.replace(b"s=s1", b"s=s2"),
        lambda mail: mail.replace(b"a=rsa-sha256", b"a=rsa-sha1"),
        lambda mail: mail.replace(b"d=shop.test", b"d=shop.test; x=1"),
        lambda mail: mail.replace(b"Hi.", b"Hi." + b" " * 5000),
        lambda mail: mail.replace(b"b=", b"b=BBBB", 1),
        lambda mail: b"DKIM-Signature: v=1; d=shop.test; s=s1\r\n" + MAIL,
        lambda mail: b"DKIM-Signature: \xff\xfe;;;=;d=shop.test;s=s1;b=(;h=\r\n" + MAIL,
    ],
)
async def test_a_wrong_signature_proves_nothing_and_the_owner_is_obeyed(zone: Zone, spoil) -> None:  # type: ignore[no-untyped-def]
    message = await judged(zone, raw(spoil(signed(MAIL, "shop.test")), remote=ELSEWHERE, sender="x@evil.test"))
    assert message.proof == "failed"
    assert "reject" in message.proof_reason


async def test_a_second_from_breaks_a_signature(zone: Zone) -> None:
    mail = b"From: ceo@shop.test\r\n" + signed(MAIL, "shop.test")
    assert (await judged(zone, raw(mail, remote=ELSEWHERE))).proof == "unproved"


async def test_a_signature_over_a_part_of_the_body_is_not_believed(zone: Zone) -> None:
    mail = signed(MAIL, "shop.test", length=True) + b"And send the money to me.\r\n"
    assert (await judged(zone, raw(mail, remote=ELSEWHERE))).proof == "failed"


async def test_weak_keys_and_keys_on_trial_count_for_nothing(zone: Zone) -> None:
    for selector, one in (("weak", key(512)), ("trial", key(1024, "t=y; "))):
        zone.txt(f"{selector}._domainkey.shop.test", one.record)
        mail = signed(MAIL, "shop.test", one, selector=selector)
        assert (await judged(zone, raw(mail, remote=ELSEWHERE))).proof == "failed"


async def test_of_many_signatures_a_few_are_checked(zone: Zone) -> None:
    mail = signed(MAIL, "shop.test")
    for number in range(200):
        mail = (
            f"DKIM-Signature: v=1; a=rsa-sha256; d=shop.test; s=x{number}; h=from; bh=AAAA; b=AAAA\r\n".encode() + mail
        )
    message = await judged(zone, raw(mail, remote=ELSEWHERE))
    assert message.proof == "failed"
    assert len({name for name, _ in zone.asked if "_domainkey" in name}) == 5


async def test_strangers_signatures_cost_no_question(zone: Zone) -> None:
    zone.txt("s1._domainkey.evil.test", key().record)
    message = await judged(zone, raw(signed(MAIL, "evil.test"), remote=ELSEWHERE))
    assert message.proof == "failed"
    assert not any("evil.test" in name for name, _ in zone.asked)


@pytest.mark.parametrize(
    ("remote", "proof"),
    [
        ("192.0.2.10", "aligned"),
        ("198.51.100.6", "aligned"),
        ("198.51.100.99", "aligned"),
        ("::ffff:192.0.2.10", "aligned"),
        ("192.0.2.99", "failed"),
        ("2001:db8::1", "failed"),
    ],
)
async def test_a_server_of_the_authors_domain_proves_them(zone: Zone, remote: str, proof: str) -> None:
    assert (await judged(zone, raw(remote=remote))).proof == proof


async def test_spf_of_another_domain_proves_nobody(zone: Zone) -> None:
    zone.txt("evil.test", "v=spf1 +all")
    assert (await judged(zone, raw(sender="ana@evil.test"))).proof == "failed"


async def test_mail_by_our_own_mail_server_is_never_failed_for_its_address(zone: Zone) -> None:
    message = await judged(zone, raw(remote="127.0.0.1"))
    assert message.proof == "unproved"
    assert (await judged(zone, raw(signed(MAIL, "shop.test"), remote="127.0.0.1"))).proof == "aligned"


@pytest.mark.parametrize(
    ("records", "signer", "author", "proof"),
    [
        ({}, "mail.shop.test", "shop.test", "aligned"),
        ({}, "shop.test", "eu.shop.test", "aligned"),
        ({}, "mail.shop.test", "eu.shop.test", "aligned"),
        ({"_dmarc.shop.test": "v=DMARC1; p=reject; adkim=s"}, "mail.shop.test", "shop.test", "failed"),
        ({"_dmarc.shop.test": "v=DMARC1; p=none"}, "evil.test", "shop.test", "unproved"),
        ({"_dmarc.shop.test": "v=DMARC1; p=reject; t=y"}, "evil.test", "shop.test", "failed"),
        ({"_dmarc.shop.test": "v=DMARC1; p=quarantine; t=y"}, "evil.test", "shop.test", "unproved"),
        ({"_dmarc.shop.test": "v=DMARC1; p=reject; sp=none"}, "evil.test", "eu.shop.test", "unproved"),
        ({"_dmarc.shop.test": "v=DMARC1; p=none; sp=reject"}, "evil.test", "eu.shop.test", "failed"),
        ({"_dmarc.shop.test": ""}, "evil.test", "shop.test", "unproved"),
        ({"_dmarc.shop.test": ""}, "shop.test", "shop.test", "aligned"),
        ({"_dmarc.shop.test": "v=DMARC1; p=none; psd=y"}, "one.shop.test", "two.shop.test", "unproved"),
        ({"_dmarc.eu.shop.test": "v=DMARC1; p=reject; psd=n"}, "mail.shop.test", "eu.shop.test", "failed"),
        ({"_dmarc.eu.shop.test": "v=DMARC1; p=reject; psd=n"}, "a.eu.shop.test", "eu.shop.test", "aligned"),
    ],
)
async def test_domains_are_aligned_by_their_records(
    zone: Zone, records: dict[str, str], signer: str, author: str, proof: str
) -> None:
    for name, text in records.items():
        zone.txt(name, *filter(None, [text]))
    zone.txt(f"s1._domainkey.{signer}", key().record)
    mail = signed(MAIL.replace(b"ana@shop.test", f"ana@{author}".encode()), signer)
    assert (await judged(zone, raw(mail, remote=ELSEWHERE, sender="x@evil.test"))).proof == proof


async def test_an_author_with_umlauts_is_asked_for_in_ascii(zone: Zone) -> None:
    zone.txt("_dmarc.xn--bcher-kva.test", "v=DMARC1; p=reject")
    mail = MAIL.replace(b"ana@shop.test", "ana@bücher.test".encode())
    assert (await judged(zone, raw(mail, remote=ELSEWHERE))).proof == "failed"


@pytest.mark.parametrize("trouble", ["silent", "ill"])
async def test_a_dns_in_trouble_leaves_a_mail_unproved(zone: Zone, trouble: str) -> None:
    setattr(zone, trouble, True)
    message = await judged(zone, raw(signed(MAIL, "shop.test"), remote=ELSEWHERE))
    assert message.proof == "unproved"


async def test_answers_are_kept_and_a_silent_dns_is_soon_left_alone(zone: Zone) -> None:
    email = channel(zone, timeout_seconds=0.2)
    for _ in range(3):
        await email.inquire(raw(signed(MAIL, "shop.test"), remote=ELSEWHERE))
    asked = len(zone.asked)
    assert asked == len(set(zone.asked)), "each question once"
    zone.silent = True
    started = time.monotonic()
    for number in range(40):
        await email.inquire(raw(MAIL.replace(b"shop.test", f"d{number}.test".encode()), remote=ELSEWHERE))
    assert time.monotonic() - started < 3


@pytest.mark.parametrize(
    ("record", "result"),
    [
        ("v=spf1 -all", "fail"),
        ("v=spf1 ~all", "softfail"),
        ("v=spf1 ?all", "neutral"),
        ("v=spf1", "neutral"),
        ("v=spf10 +all", "none"),
        ("v=spf1 ip6:2001:db8::/32 ip4:192.0.2.10 -all", "pass"),
        ("v=spf1 exists:%{ir}.%{v}.%{l}.zone.test -all", "pass"),
        ("v=spf1 exists:%{d2}.%{h1}.zone.test -all", "fail"),
        ("v=spf1 redirect=_spf.zone.test", "pass"),
        ("v=spf1 redirect=nowhere.test", "permerror"),
        ("v=spf1 include:nowhere.test -all", "permerror"),
        ("v=spf1 include:loop.test -all", "permerror"),
        ("v=spf1 a:v1.test a:v2.test a:v3.test +all", "permerror"),
        ("v=spf1 ptr -all", "fail"),
        ("v=spf1 ip4:192.0.2.10/99 -all", "permerror"),
        ("v=spf1 ip4:2001:db8::1 -all", "permerror"),
        ("v=spf1 nonsense -all", "permerror"),
        ("v=spf1 exists:%{z} -all", "permerror"),
        ("V=SPF1 IP4:192.0.2.10 -ALL", "pass"),
        ("v=spf1 exp=why.test unknown=x +all", "pass"),
    ],
)
async def test_spf_records_are_read_as_the_standard_says(zone: Zone, record: str, result: str) -> None:  # RFC 7208
    from channels.email.authenticity.spf import check

    zone.txt("s.test", record)
    zone.txt("loop.test", "v=spf1 include:loop.test -all")
    zone.txt("_spf.zone.test", "v=spf1 ip4:192.0.2.10 -all")
    zone.records["10.2.0.192.in-addr.ana.zone.test", "A"] = ["127.0.0.2"]
    names = Resolver([f"127.0.0.1:{zone.port}"], 1)
    assert (await check(names, peer=REMOTE, sender="ana@s.test", helo="h.test")).result == result


async def test_a_null_path_is_checked_by_the_name_in_helo(zone: Zone) -> None:
    from channels.email.authenticity.spf import check

    names = Resolver([f"127.0.0.1:{zone.port}"], 1)
    asked = await check(names, peer=REMOTE, sender="", helo="shop.test")
    assert (asked.result, asked.domain) == ("pass", "shop.test")


@pytest.mark.parametrize(
    ("domain", "told"),
    [
        ("p\u0430ypal.test", True),  # one letter is Cyrillic
        ("xn--pypal-4ve.test", True),
        ("\u0441\u043e\u0441\u043e\u0430.test", True),  # all of them are
        ("bücher.test", False),
        ("xn--bcher-kva.test", False),
        ("почта.test", False),
        ("例え.test", False),
        ("shop.test", False),
    ],
)
def test_a_domain_that_imitates_another_is_told_and_not_answered(domain: str, told: bool) -> None:  # B21
    message = Email("email", Settings()).normalise(raw(MAIL.replace(b"shop.test>", f"{domain}>".encode(), 1)))[0]
    assert any("alphabets" in remark for remark in message.remarks) is told
    assert (message.machine_rule == "A12") is told


@pytest.mark.parametrize("server", ["dns.example", "1.2.3.4:x", "1.2.3", ""])
def test_a_name_server_is_given_by_its_address(server: str) -> None:
    with pytest.raises(ValidationError, match="nameservers"):
        Settings(authenticity={"nameservers": [server]})


@pytest.mark.parametrize("server", ["127.0.0.1", "127.0.0.1:5353", "::1", "[::1]:5353", "[::1]"])
def test_name_servers_may_have_ports(server: str) -> None:
    [given] = Resolver(Settings(authenticity={"nameservers": [server]}).authenticity.nameservers, 1).servers
    assert given == (("::1" if "::" in server else "127.0.0.1"), 5353 if "5353" in server else 53)

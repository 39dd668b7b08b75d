"""SPF records (RFC 7208), over a DNS on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from channels.email.authenticity.names import Resolver
from channels.email.authenticity.spf import check
from tests.fake_dns import Zone, fake_dns

REMOTE = "192.0.2.10"


@pytest.fixture
async def zone() -> AsyncIterator[Zone]:
    async with fake_dns() as serving:
        serving.txt("shop.test", "v=spf1 ip4:192.0.2.0/28 -all", "some=other text")
        yield serving


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
    zone.txt("s.test", record)
    zone.txt("loop.test", "v=spf1 include:loop.test -all")
    zone.txt("_spf.zone.test", "v=spf1 ip4:192.0.2.10 -all")
    zone.records["10.2.0.192.in-addr.ana.zone.test", "A"] = ["127.0.0.2"]
    names = Resolver([f"127.0.0.1:{zone.port}"], 1)
    assert (await check(names, peer=REMOTE, sender="ana@s.test", helo="h.test")).result == result


async def test_a_null_path_is_checked_by_the_name_in_helo(zone: Zone) -> None:
    names = Resolver([f"127.0.0.1:{zone.port}"], 1)
    asked = await check(names, peer=REMOTE, sender="", helo="shop.test")
    assert (asked.result, asked.domain) == ("pass", "shop.test")

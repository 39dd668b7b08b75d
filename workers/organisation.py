"""Whether two addresses belong to one organisation, as far as their domains can say it. Pure."""

from __future__ import annotations

_PUBLIC = """
    aol.com bbox.fr bluewin.ch bol.com.br comcast.net duck.com fastmail.com fastmail.fm free.fr freenet.de gmail.com
    gmx.at gmx.ch gmx.com gmx.de gmx.fr gmx.net googlemail.com hey.com hotmail.ch hotmail.co.uk hotmail.com hotmail.de
    hotmail.es hotmail.fr hotmail.it icloud.com interia.pl laposte.net libero.it live.com live.fr live.nl mac.com
    mail.com mail.ru me.com mailbox.org msn.com naver.com neuf.fr numericable.fr o2.pl orange.fr outlook.com outlook.de
    outlook.fr pm.me posteo.de proton.me protonmail.ch protonmail.com qq.com rediffmail.com rocketmail.com seznam.cz
    sfr.fr skynet.be t-online.de telenet.be terra.com.br tiscali.it tuta.com tutanota.com uol.com.br verizon.net
    videotron.ca virgilio.it voila.fr wanadoo.fr web.de wp.pl yahoo.ca yahoo.co.jp yahoo.co.uk yahoo.com yahoo.de
    yahoo.es yahoo.fr yahoo.it yandex.com yandex.ru ymail.com zoho.com 126.com 163.com
    example.com example.net example.org
"""
PUBLIC = frozenset(_PUBLIC.split())
"""Domains under which strangers have mailboxes: the large providers, and the names that belong to everybody (RFC 2606).
A provider that is missing here costs nothing by itself: what is asked of its customers still has to be proved."""


def same_organisation(one: str, other: str) -> bool:
    """Whether two labels (`channel:local@domain`) have one domain that is not open to everybody."""
    domain = one.rpartition("@")[2]
    return "@" in one and domain == other.rpartition("@")[2] and domain not in PUBLIC

"""What addresses say by themselves: one organisation or two, a person or an office. Pure."""

from __future__ import annotations

import re

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


_OFFICE = re.compile(
    r"(?:e-?mail|mail|post|postmaster|web(?:master)?|www|accueil|admin(?:istration)?|achats?|anfragen?|assistance"
    r"|ayuda|b(?:ill|ook)ing|bestellung(?:en)?|boutique|bureau|buchhaltung|care|clientela?|clientes?|clients?|commandes?"
    r"|commercial|compta(?:bilite)?|contact(?:[eo]|us)?|cs|customer(?:s|care|service)?|desk|enquir(?:y|ies)|facturation"
    r"|feedback|finance|hallo|hello|help(?:desk)?|hilfe|hola|hotline|info(?:rmation|s)?|inbox|inquir(?:y|ies)|it"
    r"|invoices?|job|jobs|klantenservice|kontakt|kunden(?:dienst|service)?|office|orders?|payments?|pomoc|privacy"
    r"|questions?|rechnung(?:en)?|reception|reclamations?|requests?|returns?|sales|sav|service(?:s|-?client|desk)?"
    r"|shop|soporte|store|suporte|support[a-z]*|tech|technique|ticket(?:s|ing)?|vendas|ventas?|vente|verkauf|vertrieb)"
    r"(?:[-_.].*|\d*)"
)


def is_office(label: str) -> bool:
    """Whether `label` is the address of a desk by its name, and not of a person or of a list."""
    return _OFFICE.fullmatch(label.rpartition(":")[2].rpartition("@")[0]) is not None

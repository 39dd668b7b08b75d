"""STOP, START, HELP: the words of an SMS by which somebody says whether they want to be written to. Pure.

Twilio's own words (twilio.com/docs/messaging, "Handling opt-out keywords") and the French ones. A word counts only
when it is the whole message: "stop the subscription of my mother" is a request for people.
"""

from __future__ import annotations

import unicodedata

STOP = frozenset(("stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout")) | frozenset(
    ("arret", "arreter", "desabonner", "desabonnement", "desinscrire", "desinscription")
)
START = frozenset(("start", "yes", "unstop", "oui", "reprendre", "demarrer", "reabonner"))
HELP = frozenset(("help", "info", "aide"))
MORE = frozenset(("sms", "svp", "please", "merci", "stop"))
"""What may stand behind the word, beside a short code ("STOP 36111")."""


def keyword(text: str, provider: str = "") -> str:
    """'stop', 'start', 'help' or ''. `provider` is what Twilio itself made of it (OptOutType)."""
    if provider.lower() in ("stop", "start", "help"):
        return provider.lower()
    first, *rest = _plain(text).split()[:4] or [""]
    if len(rest) > 1 or any(word not in MORE and not word.isdecimal() for word in rest):
        return ""
    for meaning, words in (("stop", STOP), ("start", START), ("help", HELP)):
        if first in words:
            return meaning
    return ""


def _plain(text: str) -> str:
    """Lower case, without accents and marks."""
    letters = unicodedata.normalize("NFKD", text[:100]).casefold()
    return "".join(letter if letter.isalnum() else " " for letter in letters if not unicodedata.combining(letter))

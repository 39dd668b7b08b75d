"""What stands in a ticket where a message has no words of its own: a photo, a place, a missed call. Pure, fr and en.

Enters: the language of the desk and what it was. Leaves: one line in brackets, or a remark.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

NO_BREAK = "\N{NO-BREAK SPACE}"
_BEFORE_MARKS = re.compile(r" (?=[:;!?»])|(?<=«) ")
"""Where French has a blank that no line may break at."""

_TEXTS: Mapping[str, tuple[str, str]] = {
    # What it was: French, English.
    "image": ("[photo]", "[photo]"),
    "video": ("[vidéo]", "[video]"),
    "audio": ("[fichier audio]", "[audio file]"),
    "voice": ("[message vocal]", "[voice message]"),
    "document": ("[document]", "[document]"),
    "sticker": ("[autocollant]", "[sticker]"),
    "file": ("[fichier]", "[file]"),
    "location": ("[position]", "[location]"),
    "contact": ("[fiche de contact]", "[contact card]"),
    "order": ("[commande]", "[order]"),
    "choice": ("[réponse choisie]", "[answer chosen]"),
    "flow": ("[formulaire rempli]", "[form filled in]"),
    "empty": ("[message vide]", "[empty message]"),
    "unknown": ("[message de type « {what} », non pris en charge]", "[message of type “{what}”, not supported]"),
    "reaction": ("[réaction {what} à un message]", "[reaction {what} to a message]"),
    "reaction_removed": ("[réaction retirée]", "[reaction removed]"),
    "edit": ("[message corrigé]", "[message corrected]"),
    "edited": ("Son auteur a corrigé ce message.", "Its author corrected this message."),
    "revoke": ("[message supprimé par son auteur]", "[message deleted by its author]"),
    "revoked": ("Son auteur a supprimé ce message.", "Its author deleted this message."),
    "number": ("[changement de numéro : {what}]", "[change of number: {what}]"),
    "system": ("[avis de WhatsApp : {what}]", "[notice from WhatsApp: {what}]"),
    "opened": ("[conversation ouverte sans message]", "[conversation opened without a message]"),
    "stop": ("[ne veut plus recevoir de messages]", "[wants no more messages]"),
    "start": ("[veut de nouveau recevoir des messages]", "[wants messages again]"),
    "help": ("L’expéditeur demande de l’aide (mot-clé).", "The sender asks for help (keyword)."),
    "segments": ("Reçu en {what} SMS.", "Received as {what} SMS."),
    "short_code": (
        "{what} est un numéro court ou un nom : on ne peut pas lui répondre.",
        "{what} is a short code or a name: it cannot be answered.",
    ),
    "hidden": ("Numéro masqué : on ne peut pas lui répondre.", "Number withheld: it cannot be answered."),
    "missed_call": ("[appel manqué]", "[missed call]"),
    "missed_call_from": ("Appel manqué de {what}", "Missed call from {what}"),
    "voicemail": ("[message laissé sur le répondeur, {what} s]", "[message left on the voicemail, {what} s]"),
    "message_from": ("Message de {what}", "Message from {what}"),
    "forwarded": ("Message transféré.", "Forwarded message."),
    "product": ("À propos du produit {what}.", "About the product {what}."),
    "advertisement": ("Venu par une publicité : {what}.", "Came by an advertisement: {what}."),
    "caller": (
        "Le numéro d’un appelant ne prouve rien : aucun message automatique.",
        "A caller's number proves nothing: no automatic message.",
    ),
    "recovered": (
        "Retrouvé dans la liste du fournisseur : son annonce ne nous est pas parvenue.",
        "Found in the provider's list: its notice never reached us.",
    ),
    "call_in": ("Appel reçu", "Call received"),
    "call_out": ("Appel passé", "Call made"),
    "minutes": ("Durée : {what} min.", "Length: {what} min."),
    "noted_by": ("Noté par {what}.", "Noted by {what}."),
}


def say(language: str, what: str, value: object = "") -> str:
    """The text for `what` in French, or else in English."""
    french, english = _TEXTS[what]
    text = _BEFORE_MARKS.sub(NO_BREAK, french) if language == "fr" else english
    return text.replace("{what}", str(value))

"""Whether an agent's message may reach a customer: the whole table, in one place. Pure.

Of a mail three things must hold, and nothing less will do (threat T3): it came to the reply address that was sealed for
this agent and this ticket; its sender, by From that very agent, is authenticated; and the agent may see the ticket now.

    sealed   authentic   permitted
    yes      yes         yes         relayed
    yes      –           –           a note, unsent: 'writer', 'unproved' or 'forbidden'
    no       yes         –           a note, unsent: 'address'
    no       no          –           a stranger's: it opens a ticket of its own, as any mail

A telephone proves its agent by the number that was verified, over a line whose provider signs what it hands us. There
the ticket is named by quoting a notice or by its number; where numbers can be forged, by the code of the notice.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address, ip_network

from models.envelope import Envelope, InboundMessage

STRANGER = "stranger"


def mail(*, sealed: bool, own: bool, authentic: bool, permitted: bool, colleague: bool = False) -> str:
    """'' where it may be relayed, else why not, else `STRANGER`.

    `own`: From is the agent's of the address; `colleague`: it is another agent's.
    """
    if not sealed:
        return "address" if authentic and (own or colleague) else STRANGER
    if not own:
        return "writer"
    if not authentic:
        return "unproved"
    return "" if permitted else "forbidden"


def authentic(message: InboundMessage, envelope: Envelope, inner_relays: Sequence[str]) -> bool:
    """Whether a mail's sender is who From says: DMARC, or a relay by which nobody else can send."""
    if message.hearsay or message.proof == "failed":
        return False
    if message.proof == "aligned":
        return True
    doubted = message.machine_rule == "A12" or any(remark.startswith("A12") for remark in message.remarks)
    return not doubted and _came_by(envelope.remote, inner_relays)


def _came_by(remote: str, networks: Sequence[str]) -> bool:
    try:
        address = ip_address(remote)
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in ip_network(network, strict=False) for network in networks)

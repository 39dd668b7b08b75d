"""Who has a part in a message: whom it counts for, whom it goes to, where answers go, and from where. Pure."""

from __future__ import annotations

from models.envelope import Envelope, InboundMessage
from models.keys import Address
from workers.batch import Draft, Office
from workers.known import Known, KnownIdentity
from workers.thread import Writer

MOST_PARTICIPANTS = 50


def sender_of(draft: Draft) -> Address:
    """The identity that the message counts for, on the channel that answers go out on."""
    return answers_from(draft)[0], draft.message.sender.address


def acknowledged_address(draft: Draft) -> Address:
    """Where an acknowledgement would go: the envelope sender where the channel has one (RFC 3834 §4)."""
    return answers_from(draft)[0], draft.message.acknowledge_to or draft.message.sender.address


def answered_address(draft: Draft) -> str:
    """Where answers go. One of ours who wrote for themselves has no address: their ticket is answered by notes."""
    message = draft.message
    return "" if message.author and not message.answer_by else message.sender.address


def answers_from(draft: Draft) -> tuple[str, str]:
    """Channel and account that answers go out from."""
    message, envelope = draft.message, draft.item.envelope
    return message.answer_by or envelope.channel, message.answer_from or envelope.account


def writer_of(message: InboundMessage, envelope: Envelope, office: Office) -> Writer:
    """Whom the message is from and whom it goes to, as threading wants it. Nobody takes part by having no address."""
    channel = message.answer_by or envelope.channel
    hooks = office.channels.get(channel)
    mailbox = hooks.mailbox if hooks else str
    ours = {mailbox(address) for address in (message.answer_from or envelope.account, *envelope.recipients)}
    addressed, desk = set(), []
    for recipient in message.recipients[:MOST_PARTICIPANTS]:
        if recipient.address:
            box = mailbox(recipient.address)
            if box in ours or (hooks and hooks.could_be_ours(recipient.address)):
                desk.append(f"{channel}:{box}")
            else:
                addressed.add(f"{channel}:{box}")
    return Writer(
        label=f"{channel}:{mailbox(message.sender.address)}" if message.sender.address else "",
        addressed=frozenset(addressed),
        desk=tuple(desk),
        circle=f"{channel}:list:{message.circle}" if message.circle else "",
        aliases=tuple([f"{channel}:{mailbox(address)}" for address in message.aliases]),
    )


def identity_of(address: Address, known: Known, *, name: str = "") -> KnownIdentity:
    """The identity at `address`, new if it was unknown. Those without an address are each somebody else."""
    identity = known.identities.get(address)
    if identity is None:
        identity = KnownIdentity(address=address, name=name)
        known.newcomers.append(identity)
        if address[1]:
            known.identities[address] = identity
    return identity


def acquaint(draft: Draft, known: Known) -> None:
    """Let all addresses that the provider says are one person's share a contact; those that have one keep it."""
    addresses = [sender_of(draft), *others_of(draft)]
    person = next((known.identities[address] for address in addresses if address in known.identities), None)
    for address in addresses:
        identity = identity_of(address, known, name=draft.message.sender.name)
        person = person or identity
        if identity.new and identity is not person and person.person is None:
            identity.person = person


def others_of(draft: Draft) -> list[Address]:
    """Further addresses of the same person."""
    return [(answers_from(draft)[0], address) for address in draft.message.also]

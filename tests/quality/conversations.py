"""Conversations: mails put into tickets by the workers' own steps, in memory, compared with who belongs together.

Enters: the cases of one `threads` folder, in the order in which they arrive. Leaves: for each mail the B-cubed F1 of
its ticket (Bagga and Baldwin, 1998), and for each ticket whether strangers share it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby

from channels import load as load_channels
from config.settings import Settings
from models.envelope import Envelope
from models.ledger import Claim
from tests.quality.corpus import CONVERSATIONS, Case
from tests.quality.figures import Score, see
from workers.batch import Item, Office
from workers.known import Known
from workers.outlook import Outlook
from workers.rules import Rules
from workers.settle import decide, drafts_of

OURS = "support@guichet.example"
"""The address that the mails of a corpus write to."""


def scores(cases: Sequence[Case]) -> Iterator[Score]:
    """The scores of every `threads` folder among `cases`, each folder a desk of its own."""
    told = [case for case in cases if case.about == CONVERSATIONS and "thread" in case.expect]
    for _, group in groupby(told, key=lambda case: case.folder):
        desk = list(group)
        yield from _compared(desk, _tickets(desk))


def _tickets(cases: Sequence[Case]) -> list[int]:
    """For each case the number of the ticket that it came into."""
    settings = Settings(_env_file=None)  # type: ignore[call-arg]
    rules = Rules.load(settings.triage.rules, settings.triage.languages)
    office = Office(settings, load_channels(settings), rules, b"k" * 32, Outlook.of(settings))
    known, first = Known(now=datetime.now(UTC)), {}
    numbers: dict[int, int] = {}
    found = []
    for place, case in enumerate(cases):
        [draft] = drafts_of(_item(case, place), office)
        decide(draft, known, office, first)
        ticket = draft.ticket or (draft.first.ticket if draft.first else None)
        found.append(numbers.setdefault(id(ticket), len(numbers) + 1) if ticket else 0)
    return found


def _item(case: Case, place: int) -> Item:
    message = see(case.raw).message
    envelope = Envelope(
        channel="email",
        account=OURS,
        external_id=str(place),
        sender=message.sender.address,
        recipients=(OURS,),
        received_at=datetime.now(UTC),
        trace_id=f"{place:032x}",
        lane=f"email:{message.sender.address}",
    )
    return Item(Claim(place, 1), envelope, (message,))


def _compared(cases: Sequence[Case], tickets: Sequence[int]) -> Iterator[Score]:
    expected = [case.expect["thread"] for case in cases]
    both, by_ticket, by_thread = Counter(zip(tickets, expected, strict=True)), Counter(tickets), Counter(expected)
    for case, ticket, thread in zip(cases, tickets, expected, strict=True):
        common = both[ticket, thread]
        precision, recall = common / by_ticket[ticket], common / by_thread[thread]
        note = f"ticket {ticket}, with {common} of {by_thread[thread]} of its own"
        yield Score("threads F1", 2 * precision * recall / (precision + recall), case.name, note)
        yield Score("strangers kept apart", float(common == by_ticket[ticket]), case.name, note)

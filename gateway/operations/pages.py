"""The pages of the gateway: `/` and `/operations`, whole or section by section.

Enters: a standing and a language. Leaves: HTML text, and the chart's figures. Templates, texts, style and scripts stand
in `config/templates/operations`. Each section is rendered by one template, both for the page and for the script that
keeps it live, so that nothing is worded twice. Nothing fails.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

from channels import WayIn
from config.pages import TEMPLATES, environment, stylesheet, texts
from gateway.operations import numerals
from gateway.operations.standing import Ledger, Problem, Standing, grade, problems
from models.figures import SLOT
from models.flow import percentile

FOLDER = TEMPLATES / "operations"
SECTIONS = (
    *("state", "figures", "flow", "balance", "queues", "periods", "acknowledgements", "failures", "engines"),
    *("places", "alarms", "processes"),
)
PARTS = ("ticket", "appended", "duplicate", "machine", "quarantined", "pending")
SERIES = ("received", "settled", "delivered")
SENT_RULES = ("A20", "A22")
MINUTE_SLOTS = 60 // SLOT


class Pages:
    """Renders. One for each gateway process."""

    def __init__(self, root: str, languages: Sequence[str]) -> None:
        """`root` is the path that stands before ours where a proxy adds one, without a slash at its end."""
        self._root, self._languages = root, languages
        self._texts = texts(FOLDER)
        self._alarms = texts(TEMPLATES / "alarm")
        self._jinja = environment(FOLDER)
        plot = FOLDER / "uplot"
        licence = b"/*\n" + (plot / "LICENSE").read_bytes() + b"*/\n"
        self.assets: dict[str, tuple[str, bytes]] = {
            "page.css": ("text/css", stylesheet(plot / "uPlot.min.css", FOLDER / "operations.css")),
            "uplot.js": ("text/javascript", licence + (plot / "uPlot.iife.min.js").read_bytes()),
            "chart.js": ("text/javascript", (FOLDER / "chart.js").read_bytes()),
            "live.js": ("text/javascript", (FOLDER / "live.js").read_bytes()),
        }
        self._version = hashlib.sha256(b"".join(body for _type, body in self.assets.values())).hexdigest()[:12]

    def start(self, language: str, ways_in: Sequence[WayIn]) -> str:
        """The page at `/`."""
        return self._render("start.html", language, title="Guichet", ways_in=ways_in)

    def operations(self, language: str, standing: Standing) -> str:
        """The whole page."""
        title = self._texts[language]["title"]
        return self._render("operations.html", language, title=title, sections=SECTIONS, **self._values(standing))

    def sections(self, language: str, standing: Standing) -> dict[str, str]:
        """What stands inside each section."""
        values = self._values(standing)
        return {name: self._render(f"sections/{name}.html", language, **values) for name in SECTIONS}

    def _values(self, standing: Standing) -> dict[str, Any]:
        found, ledger = problems(standing), standing.ledger
        return {
            "standing": standing,
            "ledger": ledger,
            "problems": found,
            "grade": grade(found) if found or ledger else "wait",
            "parts": PARTS,
            "rules": rules(ledger),
            "minutes": minutes(ledger),
        }

    def _render(self, template: str, language: str, **values: object) -> str:
        return self._jinja.get_template(template).render(
            root=self._root,
            version=self._version,
            language=language,
            other_language=next((one for one in self._languages if one != language), ""),
            text=self._texts[language],
            number=lambda value, digits=0: numerals.number(value, language, digits),
            duration=lambda seconds: numerals.duration(seconds, language),
            octets=lambda count: numerals.octets(count, language),
            clock=numerals.clock,
            percentile=percentile,
            alarm_words=self._alarms[language],
            **values,
        )


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the acknowledgements of a day."""

    sent: int
    held: int
    withheld: int
    by_rule: list[tuple[str, int]]
    """Rules that spoke, the most frequent first."""


def rules(ledger: Ledger | None) -> Rules | None:
    """Sum up the rules: sent is what was queued, withheld all else that a rule decided and did not hold."""
    if ledger is None:
        return None
    decided, held = sum(ledger.rules.values()), ledger.rules.get("A19", 0)
    by_rule = sorted(ledger.rules.items(), key=lambda item: (-item[1], item[0]))
    return Rules(
        sent=ledger.acknowledged,
        held=held,
        withheld=max(decided - held - ledger.acknowledged, 0),
        by_rule=[(rule, count) for rule, count in by_rule if rule not in SENT_RULES],
    )


def minutes(ledger: Ledger | None) -> list[tuple[float, list[int]]]:
    """The chart's twin: each minute's beginning with its counts in the order of `SERIES`, the newest first."""
    if ledger is None:
        return []
    offset = -ledger.series_start % 60 // SLOT
    count = (len(ledger.series["received"]) - offset) // MINUTE_SLOTS
    rows = []
    for minute in range(count):
        first = offset + minute * MINUTE_SLOTS
        sums = [sum(ledger.series[name][first : first + MINUTE_SLOTS]) for name in SERIES]
        rows.append((float(ledger.series_start + first * SLOT), sums))
    return rows[::-1]


def chart(ledger: Ledger | None, since: int) -> dict[str, Any]:
    """The chart's figures: the slots that begin at `since` or later."""
    if ledger is None:
        return {"start": 0, "slot": SLOT, **{name: [] for name in SERIES}}
    skipped = min(max(0, -(-(since - ledger.series_start) // SLOT)), len(ledger.series["received"]))
    return {
        "start": ledger.series_start + skipped * SLOT,
        "slot": SLOT,
        **{name: ledger.series[name][skipped:] for name in SERIES},
    }


def summary(standing: Standing) -> dict[str, Any]:
    """For programs: the state and what is wrong."""
    found: list[Problem] = problems(standing)
    return {
        "state": grade(found) if found or standing.ledger else "wait",
        "problems": [problem.name for problem in found],
        "at": standing.ledger.at if standing.ledger else None,
    }

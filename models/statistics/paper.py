"""The report as a PDF: the figures of a period on two pages, with their charts.

Enters: words for an answer, when it is made. Leaves: the file's bytes; the same answer gives the same bytes. Fonts are
the standard ones (WinAnsi): a letter that they lack is a question mark. Nothing fails.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from reportlab.lib.colors import HexColor, white
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from config import numerals
from models.statistics.times import TIMES
from models.statistics.wording import SLICES, Bar, Wording

WIDTH, HEIGHT = A4
LEFT, RIGHT, TOP, BOTTOM = 48.0, WIDTH - 48, HEIGHT - 52, 48.0
INK, SOFT, LINE = HexColor("#23211e"), HexColor("#645f57"), HexColor("#e3ddd3")
CREATED, RESOLVED, ACCENT = HexColor("#b9cfc6"), HexColor("#b0641a"), HexColor("#1d5c4d")
COLOURS = [
    HexColor(c) for c in ("#1d5c4d", "#d08a3c", "#5b7fb0", "#a3473a", "#8aa89b", "#7a6a9b", "#c7b26a", "#8d867b")
]
MOODS = {"good": ACCENT, "bad": HexColor("#a5281b"), "": SOFT}
HEADLINES = ("created", "resolved", "unresolved", "resolution_rate", "kept", "csat")


def paper(wording: Wording, made: datetime) -> bytes:
    """The report."""
    out = io.BytesIO()
    sheet = _Sheet(Canvas(out, pagesize=A4, invariant=1), wording, made)
    sheet.title()
    sheet.headlines()
    sheet.trend()
    sheet.pair(sheet.pie, sheet.agents_chart)
    sheet.pair(lambda x, w: sheet.bars("channel", x, w), lambda x, w: sheet.bars("product", x, w))
    sheet.complaining()
    sheet.turn()
    sheet.times()
    sheet.all_kpis()
    sheet.agents()
    sheet.finish()
    return out.getvalue()


class _Sheet:
    """A canvas and how far down it is."""

    def __init__(self, canvas: Canvas, wording: Wording, made: datetime) -> None:
        self.canvas, self.wording, self.text, self.made = canvas, wording, wording.text, made
        self.y, self.page = TOP, 1
        canvas.setTitle(_plain(f"{self.text['report']['title']} {self._days()}"))
        canvas.setAuthor("Guichet")

    def title(self) -> None:
        """What this is, and of when."""
        self._write(LEFT, self.y - 14, str(self.text["report"]["title"]), size=21, font="Times-Roman")
        self._write(LEFT, self.y - 32, self._days(), size=11)
        before = self.wording.answer.before.period
        versus = str(self.text["versus"]).format(**{"from": self._day(before.first), "to": self._day(before.last)})
        self._write(LEFT, self.y - 46, versus, size=8.5, colour=SOFT)
        self.y -= 66

    def headlines(self) -> None:
        """The six figures of the page's head."""
        kpis = {kpi.name: kpi for kpi in self.wording.answer.kpis}
        step = (RIGHT - LEFT) / len(HEADLINES)
        for place, name in enumerate(HEADLINES):
            kpi, x = kpis[name], LEFT + place * step
            self._write(x, self.y - 8, str(self.text["kpi"][name]), size=7.5, colour=SOFT)
            self._write(x, self.y - 28, self.wording.value(kpi, kpi.value), size=17, font="Times-Roman")
            self._write(x, self.y - 40, self.wording.trend(kpi), size=8, colour=MOODS[kpi.mood])
        self.y -= 62

    def trend(self) -> None:
        """Created and resolved over time."""
        points, height, canvas = self.wording.answer.now.points, 120.0, self.canvas
        self._heading(f"{self.text['chart']['trend']}")
        highest = max((max(point.created, point.resolved) for point in points), default=0) or 1
        base, left = self.y - height, LEFT + 24
        step = (RIGHT - left) / max(len(points), 1)
        for part in (0, 0.5, 1):
            canvas.setStrokeColor(LINE)
            canvas.line(left, base + part * (height - 14), RIGHT, base + part * (height - 14))
            self._write(
                LEFT, base + part * (height - 14) - 2.5, self.wording.number(highest * part), size=7, colour=SOFT
            )
        canvas.setFillColor(CREATED)
        for place, point in enumerate(points):
            tall = point.created / highest * (height - 14)
            canvas.rect(left + (place + 0.19) * step, base, step * 0.62, tall, stroke=0, fill=1)
        canvas.setStrokeColor(RESOLVED)
        canvas.setLineWidth(1.4)
        ends = [
            (left + (place + 0.5) * step, base + point.resolved / highest * (height - 14))
            for place, point in enumerate(points)
        ]
        for (x1, y1), (x2, y2) in pairwise(ends):
            canvas.line(x1, y1, x2, y2)
        canvas.setLineWidth(1)
        every = max(1, len(points) // 10)
        for place in range(0, len(points), every):
            start = points[place].start
            month = self.wording.answer.now.period.grain == "month"
            label = numerals.month(start, self._language) if month else numerals.day(start, self._language, year=False)
            self._write(left + place * step, base - 10, label, size=7, colour=SOFT)
        self._key(RIGHT - 130, self.y + 10, CREATED, str(self.text["chart"]["created"]))
        self._key(RIGHT - 60, self.y + 10, RESOLVED, str(self.text["chart"]["resolved"]))
        self.y = base - 34

    def pair(self, one: Any, other: Any) -> None:
        """Two charts beside each other."""
        half = (RIGHT - LEFT - 24) / 2
        top = self.y
        lowest: float = one(LEFT, half)
        self.y = top
        lowest = min(lowest, other(LEFT + half + 24, half))
        self.y = lowest - 22

    def pie(self, x: float, width: float) -> float:
        """Tickets by type. Returns how far down it goes."""
        self._heading(str(self.text["chart"]["category"]), x)
        bars, angle, radius = self.wording.bars("category")[:SLICES], 90.0, 46.0
        for bar, colour in zip(bars, COLOURS, strict=False):
            self.canvas.setFillColor(colour)
            self.canvas.setStrokeColor(white)
            turn = -360 * bar.part
            if bar.part > 0.999:
                self.canvas.circle(x + radius, self.y - radius, radius, stroke=0, fill=1)
            else:
                box = (x, self.y - 2 * radius, x + 2 * radius, self.y)
                self.canvas.wedge(*box, angle, turn, stroke=1, fill=1)
            angle += turn
        self.canvas.setFillColor(white)
        self.canvas.circle(x + radius, self.y - radius, radius * 0.56, stroke=0, fill=1)
        for place, (bar, colour) in enumerate(zip(bars, COLOURS, strict=False)):
            y = self.y - 9 - place * 12.5
            self._key(x + 2 * radius + 12, y, colour, bar.label, size=8)
            self._right(x + width, y, f"{self.wording.number(bar.count)}", size=8)
        return float(min(self.y - 2 * radius, self.y - 9 - len(bars) * 12.5))

    def bars(self, aspect: str, x: float, width: float) -> float:
        """Tickets by something. Returns how far down it goes."""
        self._heading(str(self.text["chart"][aspect]), x)
        return self._rows(self.wording.bars(aspect, most=7), x, width, two=False)

    def agents_chart(self, x: float, width: float) -> float:
        """Assigned beside treated."""
        self._heading(str(self.text["chart"]["agent"]), x)
        self._key(x + width - 120, self.y + 12, CREATED, str(self.text["chart"]["assigned"]), size=7.5)
        self._key(x + width - 52, self.y + 12, RESOLVED, str(self.text["chart"]["treated"]), size=7.5)
        return self._rows(self.wording.agent_bars()[:8], x, width, two=True)

    def _rows(self, bars: Sequence[Bar], x: float, width: float, *, two: bool) -> float:
        room, y = width - 150, self.y
        for bar in bars:
            y -= 14
            self._write(x, y, bar.label, size=8, room=88)
            self.canvas.setFillColor(CREATED if two else ACCENT)
            self.canvas.rect(x + 92, y + (3 if two else 0), room * bar.width / 100, 3.5 if two else 5, stroke=0, fill=1)
            if two:
                self.canvas.setFillColor(RESOLVED)
                self.canvas.rect(x + 92, y - 1.5, room * bar.other_width / 100, 3.5, stroke=0, fill=1)
            figure = self.wording.number(bar.count) + (f" / {self.wording.number(bar.other)}" if two else "")
            self._right(x + width, y, figure, size=8)
        return float(y)

    def times(self) -> None:
        """How long everything took, by both clocks."""
        self._heading(str(self.text["chart"]["times"]))
        time, rows = self.text["time"], []
        for what in TIMES:
            for clock in ("seconds", "worked"):
                spread = self.wording.answer.times[what, clock]
                parts = (spread.mean, spread.median, spread.p90)
                label = f"{time[what]} ({self.text['clock'][clock]})"
                rows.append([label, *(numerals.duration(part, self._language) for part in parts)])
        self._table(["", str(time["mean"]), str(time["median"]), str(time["p90"])], rows)

    def all_kpis(self) -> None:
        """Every key figure."""
        self._heading(str(self.text["chart"]["kpis"]))
        head = ["", str(self.text["now"]), str(self.text["before"]), str(self.text["time"]["trend"])]
        rows = [
            [str(self.text["kpi"][kpi.name]), self.wording.value(kpi, kpi.value),
             "" if kpi.before is None else self.wording.value(kpi, kpi.before), self.wording.trend(kpi)]
            for kpi in self.wording.answer.kpis
            if kpi.value is not None
        ]  # fmt: skip
        self._table(head, rows)

    def agents(self) -> None:
        """The table of agents."""
        self._heading(str(self.text["chart"]["agents"]))
        words = self.text["agent"]
        head = ["", *(str(words[name]) for name in ("assigned", "treated", "open", "first", "resolution", "csat"))]
        rows = [
            [line.name, *(self.wording.number(value) for value in (line.assigned, line.treated, line.open)),
             numerals.duration(line.first_seconds, self._language),
             numerals.duration(line.resolution_seconds, self._language), self.wording.number(line.csat, 2)]
            for line in self.wording.answer.agents[:25]
        ]  # fmt: skip
        self._table(head, rows)

    def complaining(self) -> None:
        """Who complained most."""
        self._heading(str(self.text["chart"]["complaining"]))
        rows = [
            [one.name or str(self.text["unnamed"]), self.wording.number(one.complaints)]
            for one in self.wording.answer.now.complaining
        ]
        self._table(
            ["", str(self.text["chart"]["complaints"])], rows or [[str(self.text["chart"]["no_complaints"]), ""]]
        )

    def turn(self) -> None:
        """Begin the next page."""
        self._foot()
        self.canvas.showPage()
        self.y, self.page = TOP, self.page + 1

    def finish(self) -> None:
        """End the file."""
        self._foot()
        self.canvas.save()

    def _table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        first = (RIGHT - LEFT) * 0.4
        step = (RIGHT - LEFT - first) / max(len(head) - 1, 1)
        for number, row in enumerate([head, *rows]):
            if self.y < BOTTOM + 30:
                self.turn()
            self._write(LEFT, self.y - 9, row[0], size=8.5, room=first - 8)
            for place, cell in enumerate(row[1:], 1):
                self._right(LEFT + first + place * step, self.y - 9, cell, size=8.5, colour=SOFT if not number else INK)
            self.canvas.setStrokeColor(LINE)
            self.canvas.line(LEFT, self.y - 14, RIGHT, self.y - 14)
            self.y -= 16
        self.y -= 16

    def _heading(self, words: str, x: float = LEFT) -> None:
        if self.y < BOTTOM + 60:
            self.turn()
        self._write(x, self.y - 10, words, size=10.5, font="Helvetica-Bold")
        self.y -= 22

    def _foot(self) -> None:
        made = str(self.text["report"]["made"]).format(day=self._day(self.made.date()))
        self._write(LEFT, BOTTOM - 20, made, size=7.5, colour=SOFT)
        self._right(RIGHT, BOTTOM - 20, str(self.text["report"]["page"]).format(page=self.page), size=7.5, colour=SOFT)

    def _key(self, x: float, y: float, colour: Any, words: str, *, size: float = 7.5) -> None:
        self.canvas.setFillColor(colour)
        self.canvas.rect(x, y, 6, 6, stroke=0, fill=1)
        self._write(x + 10, y, words, size=size, colour=SOFT)

    def _write(self, x: float, y: float, words: str, *, size: float, font: str = "Helvetica", colour: Any = INK,
               room: float = 0) -> None:  # fmt: skip
        words = _plain(words)
        while room and len(words) > 1 and stringWidth(words, font, size) > room:
            words = words[:-2].rstrip() + "…"
        self.canvas.setFont(font, size)
        self.canvas.setFillColor(colour)
        self.canvas.drawString(x, y, words)

    def _right(self, x: float, y: float, words: str, *, size: float, colour: Any = INK) -> None:
        self.canvas.setFont("Helvetica", size)
        self.canvas.setFillColor(colour)
        self.canvas.drawRightString(x, y, _plain(words))

    @property
    def _language(self) -> str:
        return self.wording.language

    def _day(self, day: Any) -> str:
        return numerals.day(day, self._language)

    def _days(self) -> str:
        period = self.wording.answer.now.period
        return f"{self._day(period.first)} – {self._day(period.last)}"


def _plain(words: str) -> str:
    """`words` in the letters of the standard fonts."""
    words = words.replace("\N{NARROW NO-BREAK SPACE}", "\N{NO-BREAK SPACE}").replace("\N{MINUS SIGN}", "–")
    return words.encode("cp1252", "replace").decode("cp1252")

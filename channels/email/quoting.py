"""Telling quoted lines and the headers above them from new ones, in one pass over the lines of a mail.

What enters is stripped lines without invisible characters; what leaves is a kind for each. Nothing fails. The time is
linear: only suspicious lines are looked at closely, only their ends, and only so many of them.

- '>' lines are quoted; what stands between or below them is an answer, and new.
- A header (attribution, label block, divider: see `quote_headers`) is looked for where a line ends or begins like one.
  Where '>' lines follow it, reading goes on behind it. Otherwise all that follows is quoted, unless nothing new stands
  above: then a mail was passed on, and is what the sender wants read.
- A line 'please write your reply above this line' ends the reading in any case.
"""

from __future__ import annotations

from collections.abc import Sequence

from channels.email import quote_headers, signature
from channels.email.quote_words import ABOVE_THIS_LINE, REPLY_PLEASE

NEW, QUOTED, HEADER = range(3)

_EXAMINED = 400
"""Suspicious lines that are looked at closely; what has more of them is no mail that somebody wrote."""
_WRAPPED = 5
"""Lines over which an attribution may be wrapped."""
_SHORTEST = 4
"""Characters below which no line belongs to a header."""
_LINE = 300
"""Characters at the end of a line in which a header may stand."""
_QUOTE_MARKS = (">", "\uff1e")
_SUSPICIOUS_ENDS = frozenset(":：-=*_~—–―‐>)")
_SUSPICIOUS_STARTS = frozenset("-_=*—–―‐#[({<~")
_LAST_LETTERS = frozenset(word[-3:] for word in quote_headers.LAST_WORDS)
_SENTENCE_ENDS = (".", "!", "?", "…")


class Reading:
    """The lines of one mail and what became of each.

    `kinds` holds NEW, QUOTED or HEADER for every line. `shared` names lines that an answer and a header share: the
    column at which the header begins. `passed_on` is the line below the first 'Forwarded message', -1 for none.
    """

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = lines
        self.kinds = bytearray(len(lines))
        self.shared: dict[int, int] = {}
        self.passed_on = -1
        self._examined = 0
        self._announced = False
        self._marked: list[int] = []
        self._words_from = 0

    def run(self) -> None:
        """Give every line its kind."""
        index, lines, kinds = 0, self.lines, self.kinds
        stop = len(lines)
        while index < stop:
            line = lines[index]
            if not line:
                index += 1
            elif line[0] in _QUOTE_MARKS:
                index = self._quoted(index, line)
            elif not (index and kinds[index - 1]) and _is_prose(line):
                index += 1
            else:
                index = self._unquoted(index, line)
        self._take_back_prose()

    def _quoted(self, index: int, line: str) -> int:
        """Read a line marked with '>'; returns the index to go on with."""
        self.kinds[index] = QUOTED
        self._marked.append(index)
        if index and self.kinds[index - 1] == QUOTED:
            return index + 1
        if self._opens_unmarked(index, line) and self._words_above(index):
            self._announced = True
            return self._end(self._rule_above(index))
        return index + 1

    def _opens_unmarked(self, index: int, line: str) -> bool:
        """True if the '>' lines from `index` on are but the header of a quote that is not marked itself."""
        if quote_headers.is_marked_divider(line):
            return self._marks_only_header(index)
        bare = line.lstrip("> ")
        if not quote_headers.label(bare) or not self._marks_only_header(index):
            return False
        block = [marked.lstrip("> ") for marked in self.lines[index : index + 12] if marked.startswith(_QUOTE_MARKS)]
        return quote_headers.block_end(block, 0) > 0

    def _unquoted(self, index: int, line: str) -> int:
        """Read a line without '>'; returns the index to go on with."""
        if len(line) < _SHORTEST:
            return self._between(index, line)
        if (line[0] in _SUSPICIOUS_STARTS or _first_word(line) in REPLY_PLEASE) and _is_marker(line):
            return self._end(index)
        found = self._header(index, line) if self._examined < _EXAMINED else None
        if found is not None:
            return self._pass(*found)
        return self._between(index, line)

    def _between(self, index: int, line: str) -> int:
        """Read a line that is no header: new, unless the lines around it say otherwise."""
        below_quote = index > 0 and self.kinds[index - 1] == QUOTED
        if (line[0] == "|" and self._in_piped_quote(index)) or (below_quote and self._overflows(index)):
            self.kinds[index] = QUOTED
        return index + 1

    def _end(self, index: int) -> int:
        """All from `index` on is quoted."""
        self._mark(index, len(self.lines), QUOTED)
        return len(self.lines)

    def _header(self, index: int, line: str) -> tuple[int, int] | None:
        """The lines [start, stop) of the quote header that `index` belongs to, None where it belongs to none."""
        last = line[-1]
        if (line[0] in _SUSPICIOUS_STARTS or last in ":：") and 7 < len(line) < _LINE:
            announced = quote_headers.divider(line)
            if announced == "forwarded" and self.passed_on < 0:
                self.passed_on = index + 1
            if announced:
                self._examined += 1
                return index, self._announced_stop(index + 1)
        elif last in "-_" and (column := line.find(" --")) > 0 and quote_headers.divider(line[column + 1 :]):
            self.shared[index] = column
            return index, self._announced_stop(index + 1)
        dated = line[0].isdigit()
        if not dated and (":" in line[:40] or "：" in line[:40]) and quote_headers.label(line):
            self._examined += 1
            stop = quote_headers.block_end(self.lines, index)
            if stop > index:
                return self._rule_above(index), stop
        if dated and index and len(line) < 32 and (stop := quote_headers.table_end(self.lines, index)) > index:
            named = self.lines[index - 1] != "" and self.kinds[index - 1] == NEW
            return self._rule_above(index - named), stop
        if last in _SUSPICIOUS_ENDS or "@" in line[:160] or line[-12:].rpartition(" ")[2] in quote_headers.LAST_WORDS:
            return self._attribution(index)
        return None

    def _announced_stop(self, index: int) -> int:
        """Where the header ends that a divider above `index` began: behind a label block or an attribution."""
        start = self._next_written(index, 3)
        stop = quote_headers.block_end(self.lines, start, announced=True)
        if stop > start:
            return stop
        for stop in range(start + 1, min(len(self.lines), start + 4) + 1):
            quoted = self._quote_follows(stop)
            if quote_headers.is_attribution(" ".join(self.lines[start:stop]), quoted=quoted):
                return stop
        return index

    def _attribution(self, index: int) -> tuple[int, int] | None:
        """The attribution whose last line is at `index`, however its lines were wrapped."""
        quoted = self._quote_follows(index + 1)
        tail = self.lines[index][-_LINE:]
        if not (quoted or "@" in tail or quote_headers.may_say_wrote(tail) or self._begins_above(index, tail)):
            return None
        self._examined += 1
        if tail[-1] not in ":：" and self._ends_below(index):
            return None
        if tail[-1] not in _SUSPICIOUS_ENDS and not quoted and quote_headers.carries_quote(self.lines[index][:_LINE]):
            return (index, index + 1) if self._words_above(index) else None
        floor = max(0, index - _WRAPPED + 1)
        for start in range(index, floor - 1, -1):
            if self.kinds[start] != NEW or not self.lines[start]:
                return None
            joined = " ".join([self.lines[start][-_LINE:], *self.lines[start + 1 : index + 1]])
            if quote_headers.is_attribution(joined, quoted=quoted):
                return self._opened(start, index), index + 1 + self._leaves_colon(index + 1)
        return None

    def _opened(self, start: int, index: int) -> int:
        """Where the attribution begins, of which the lines [start, index] were sure: its opening may stand above.

        Notes in `shared` where the opening stands behind words of the answer.
        """
        first = start
        complete = quote_headers.is_complete(" ".join(self.lines[start : index + 1]))
        for above in range(start, max(-1, index - _WRAPPED), -1):
            line = self.lines[above]
            if not line and above == start - 1 and self.lines[start][0] == "<":
                continue
            if self.kinds[above] != NEW or not line or (above < start and line.endswith(_SENTENCE_ENDS)):
                break
            if above < start and self._names_sender(above, index, complete=complete):
                first = above
            elif above < start and complete:
                break
            if quote_headers.opens_attribution(line):
                return self._rule_above(above)
            column = quote_headers.shared_opening(line[:2000])
            if column > 0:
                self.shared[above] = column
                return above
        return self._rule_above(first - 1 if self._lacks_name(first) else first)

    def _names_sender(self, start: int, stop: int, *, complete: bool) -> bool:
        """True if the line `start` gives what the attribution below it, up to `stop`, lacks: its sender, its date.

        `complete` says that the date is there already.
        """
        line, joined = self.lines[start], " ".join(self.lines[start : stop + 1])
        if "@" in line and "@" not in joined[len(line) :]:
            return quote_headers.is_attribution(joined, quoted=True)
        dated = not complete and quote_headers.is_dated(line[:_LINE])
        return dated and any(map(str.isdigit, line[:24])) and quote_headers.is_complete(joined[:80])

    def _ends_below(self, index: int) -> bool:
        """True if the next line ends the attribution that `index` seems to end: '… schrieb' / 'Ann <ann@…>:'."""
        below = self.lines[index + 1] if index + 1 < len(self.lines) else ""
        return below.endswith((":", "：")) and "@" in below[-_LINE:] and len(below) < _LINE

    def _begins_above(self, index: int, tail: str) -> bool:
        """True if the line above says who wrote, and `tail` may be the rest: '… <ann@…> wrote on' / '3/3/2025:'."""
        above = self.lines[index - 1][-_LINE:] if index and len(tail) <= 60 and tail[-1] in ":：" else ""
        if not above or not ("@" in above or quote_headers.may_say_wrote(above)):
            return False
        return tail[-2:-1].isdigit() or tail[-2:-1] == ")" or quote_headers.opens_attribution(above)

    def _leaves_colon(self, index: int) -> bool:
        """True if the line is but the colon or the dashes of the attribution above it: 'a écrit' / ':'."""
        line = self.lines[index] if index < len(self.lines) else ""
        return 0 < len(line) <= 4 and not line.strip(":： >-")

    def _lacks_name(self, start: int) -> bool:
        """True if an attribution begins with a bare '<address>', and the line above may be the name before it."""
        if start < 1 or self.lines[start][0] not in "<([" or self.kinds[start - 1] != NEW:
            return False
        name = self.lines[start - 1]
        return 0 < len(name) <= 60 and not name.endswith((*_SENTENCE_ENDS, ",", ":")) and len(name.split()) <= 5

    def _pass(self, start: int, stop: int) -> int:
        """Mark a header; returns the index to go on with, which is the end where all that follows is quoted."""
        self._mark(start, stop, HEADER)
        if self._quote_follows(stop):
            self._announced = True
            return stop
        if start in self.shared or self._words_above(start):
            return self._end(stop)
        return stop

    def _mark(self, start: int, stop: int, kind: int) -> None:
        self.kinds[start:stop] = bytes((kind,)) * (stop - start)

    def _words_above(self, stop: int) -> bool:
        """True if the sender wrote something above `stop`, signatures and what programs add not counted."""
        if self.shared:
            return True
        start, self._words_from = self._words_from, stop
        written = [self.lines[index] for index in range(start, stop) if self.kinds[index] == NEW and self.lines[index]]
        if len(signature.find(written)) < len(written):
            self._words_from = start
            return True
        return False

    def _rule_above(self, start: int) -> int:
        """`start`, or the line of dashes or of 'Original message' directly above it."""
        for above in range(start - 1, max(-1, start - 4), -1):
            line = self.lines[above]
            if self.kinds[above] != NEW:
                break
            if line and quote_headers.is_rule(line):
                return above
            if line:
                break
        return start

    def _next_written(self, index: int, blanks: int) -> int:
        """The first line from `index` on that is not blank, past at most so many blank ones."""
        stop = min(len(self.lines), index + blanks)
        while index < stop and not self.lines[index]:
            index += 1
        return index

    def _quote_follows(self, index: int) -> bool:
        index = self._next_written(index, 3)
        if index >= len(self.lines) or not self.lines[index]:
            return False
        line = self.lines[index]
        return line[0] in _QUOTE_MARKS or (line[0] == "|" and self._in_piped_quote(index))

    def _in_piped_quote(self, index: int) -> bool:
        """True if '|' at `index` marks a quote: its neighbour has one too, and it is no table."""
        line = self.lines[index]
        if line.endswith("|") and len(line) > 1:
            return False
        return any(
            self.lines[other].startswith("|") for other in (index - 1, index + 1) if 0 <= other < len(self.lines)
        )

    def _overflows(self, index: int) -> bool:
        """True if the line is the end of the quoted line above it, broken off by a program that wraps late."""
        line, above = self.lines[index], self.lines[index - 1]
        if index + 1 >= len(self.lines) or not self.lines[index + 1].startswith(_QUOTE_MARKS):
            return False
        return 62 <= len(above) <= 100 and len(line) <= 24 and not line[0].isupper() and above[-1] not in ".?!:;"

    def _marks_only_header(self, index: int) -> bool:
        """True if the '>' lines from `index` on hold header labels and nothing else, so that the quote stands below."""
        for line in self.lines[index + 1 : index + 12]:
            if not line.startswith(_QUOTE_MARKS):
                return True
            bare = line.lstrip("> ")
            if bare and not quote_headers.label(bare):
                return False
        return False

    def _take_back_prose(self) -> None:
        """Lines with '>' that nobody quoted: one alone in a sentence or before a number, or a Python session."""
        if self._announced or not self._marked:
            return
        session = all(self.lines[index].startswith(">>>") for index in self._marked)
        if session or (len(self._marked) == 1 and self._is_comparison(self._marked[0])):
            for index in self._marked:
                self.kinds[index] = NEW

    def _is_comparison(self, index: int) -> bool:
        line = self.lines[index]
        bare = line.lstrip(">\uff1e= ")
        if bare[:1].isdigit() or line.startswith((">=", ">From ")):
            return True
        neighbours = [self.lines[other] for other in (index - 1, index + 1) if 0 <= other < len(self.lines)]
        return bool(bare) and len(neighbours) == 2 and all(neighbours)


def read(lines: Sequence[str]) -> Reading:
    """Read the lines of a mail (stripped, without invisible characters)."""
    reading = Reading(lines)
    reading.run()
    return reading


def _is_prose(line: str) -> bool:
    """True for a line without anything that the closer look goes by: most lines, so it is one cheap glance."""
    first, head = line[0], line[:40]
    return (
        first.isalnum()
        and first < "\u3000"
        and line[-1] not in _SUSPICIOUS_ENDS
        and ":" not in head
        and "@" not in line[:160]
        and (line.isascii() or "：" not in head)
        and (line[-3:] not in _LAST_LETTERS or line[-12:].rpartition(" ")[2] not in quote_headers.LAST_WORDS)
        and head[:12].partition(" ")[0].lower() not in REPLY_PLEASE
    )


def _first_word(line: str) -> str:
    """The first word in lower case, as far as it matters; in scripts without blanks, the first letter."""
    return line[:12].partition(" ")[0].lower() if line[0] < "\u3000" else line[0]


def _is_marker(line: str) -> bool:
    """True for 'Please write your reply above this line', set off by dashes or opened by the request."""
    if not 12 < len(line) < 160 or not any(words in line for words in ABOVE_THIS_LINE):
        return False
    return not line[0].isalnum() or not (line[-1].isalnum() or line[-1] == ".") or _first_word(line) in REPLY_PLEASE

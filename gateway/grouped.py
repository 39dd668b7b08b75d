"""Questions to the database that are asked together: whoever waits goes into one statement, as in accept.

While one group is being answered the next one gathers by itself, so a storm of questions costs a few statements and a
lone question waits for nobody. What fails, fails for all who asked in that group.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Generic, TypeVar

Q = TypeVar("Q", bound=Hashable)
A = TypeVar("A")

MOST_TOGETHER = 200


class Grouped(Generic[Q, A]):
    """One kind of question. `answer` takes up to 200 different ones, and gives the answers it has."""

    def __init__(self, answer: Callable[[Sequence[Q]], Awaitable[Mapping[Q, A]]]) -> None:
        self._answer = answer
        self._waiting: dict[Q, asyncio.Future[A | None]] = {}
        self._task: asyncio.Task[None] | None = None

    async def ask(self, question: Q) -> A | None:
        """The answer; None where there is none. Raises what answering the group raised."""
        future = self._waiting.get(question)
        if future is None:
            future = self._waiting[question] = asyncio.get_running_loop().create_future()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        return await asyncio.shield(future)

    async def _run(self) -> None:
        while self._waiting:
            group = dict(list(self._waiting.items())[:MOST_TOGETHER])
            for question in group:
                del self._waiting[question]
            try:
                answers = await self._answer(list(group))
            except BaseException as error:  # noqa: BLE001 - it belongs to those who asked
                for future in group.values():
                    future.set_exception(error)
                    future.exception()  # who asked may have gone: then nobody is to be told
                if isinstance(error, asyncio.CancelledError):
                    return
            else:
                for question, future in group.items():
                    future.set_result(answers.get(question))

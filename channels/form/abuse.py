"""Is a machine sending? The marks that only the door can see. In memory, one gateway's view.

What bears a mark is stored like everything else, but counts as spam: it is kept and not answered, and the sender sees
no difference.
"""

from __future__ import annotations

from collections import OrderedDict, deque

from channels.form.challenge import Standing, Token

MINUTE = 60.0
MOST_SENDERS = 50_000


class Window:
    """A sliding minute of posts by sender. Forgets the sender that was quiet longest when there are too many."""

    def __init__(self, most_posts: int, most_senders: int = MOST_SENDERS) -> None:
        """Counts up to `most_posts` of one sender, so that a flood costs no memory."""
        self._most_posts = most_posts
        self._posts: OrderedDict[str, deque[float]] = OrderedDict()
        self._most_senders = most_senders

    def count(self, sender: str, now: float) -> int:
        """Note one post of `sender` at `now` (seconds). Returns its posts of the last minute, this one included."""
        posts = self._posts.setdefault(sender, deque(maxlen=self._most_posts))
        self._posts.move_to_end(sender)
        posts.append(now)
        while posts[0] <= now - MINUTE:
            posts.popleft()
        if len(self._posts) > self._most_senders:
            self._posts.popitem(last=False)
        return len(posts)


def mark(*, trap: str, token: Token, min_seconds: float, posts: int, most: int) -> str:
    """Why a post is taken for a machine's, in words for an agent; '' for a person's.

    `trap` is what the honeypot holds, `posts` the sender's posts of the last minute and `most` how many it may send.
    """
    if trap.strip():
        return "a field that people do not see was filled in"
    if token.standing is Standing.VALID and token.age < min_seconds:
        return f"the form was sent back after {token.age:.1f} s"
    if posts > most:
        return f"more than {most} posts in a minute from one address"
    return ""

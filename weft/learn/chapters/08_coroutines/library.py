"""A slow library. Each of its services returns a Deferred of its answer."""

import weft
from weft.learn import drawn


@drawn
def begin(name):
    """Take a question."""


@drawn
def end(name, answer):
    if isinstance(answer, Exception):
        raise answer
    return answer


def ask(service, title, seconds, answer):
    name = f"{service}, for {title}"
    begin(name)
    return weft.defer_later(seconds, end, name, answer)


def find(title):
    """Return a Deferred of a shelf; it fails with LookupError for an unknown book."""
    unknown = LookupError(f"nobody knows {title}")
    answer = unknown if title == "Ghosts" else "shelf 4"
    return ask("catalogue", title, 0.2, answer)


def fetch(title, shelf):
    """Return a Deferred of a book; it fails with LookupError if it is lent."""
    lent = LookupError(f"{title} is lent")
    answer = lent if title == "Rivers" else f"our own {title}"
    return ask("stacks", title, 0.3, answer)


def order(title):
    """Return a Deferred of a book from another library."""
    return ask("other library", title, 0.2, f"a borrowed {title}")

"""A slow library. Each of its services returns a Deferred of its answer."""

import weft
from weft.learn import drawn


@drawn
def begin(service, question):
    print(f"{service} is asked: {question}")


@drawn
def answer(service, found):
    if isinstance(found, Exception):
        raise found
    return found


def ask(service, question, seconds, found):
    begin(service, question)
    return weft.defer_later(seconds, answer, service, found)


def shelf_of(title):
    """Return a Deferred of a shelf."""
    return ask("catalogue", title, 0.2, "shelf 4")


def fetch(title, shelf):
    """Return a Deferred of a book; it fails with LookupError if it is lent."""
    lent = LookupError(f"{title} is lent")
    found = lent if title == "Rivers" else f"the book {title}"
    return ask("stacks", f"{title}, {shelf}", 0.3, found)


def order(title):
    """Return a Deferred of a book from another library."""
    return ask("other library", title, 0.2, f"a copy of {title}")

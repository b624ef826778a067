"""A library that was written for Twisted. It works, and it is not yours to change."""

from twisted.internet import task

PAGES = {"moon": "full on Friday", "tide": "high at six"}


def look_up(reactor, what):
    """Return a Deferred that fires with what the almanac says, after 0.3 s."""
    return task.deferLater(reactor, 0.3, read, what)


def read(what):
    if what not in PAGES:
        raise LookupError(f"nothing about the {what}")
    return PAGES[what]

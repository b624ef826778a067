"""A library that somebody else wrote. It works, and it is not yours to change."""

import time

SHELVES = {"Weaving": "shelf 4", "Rivers": "shelf 12", "Timetables": "the floor"}


def find(title):
    """Return where a book is. It walks there to look."""
    time.sleep(0.3)
    return SHELVES[title]

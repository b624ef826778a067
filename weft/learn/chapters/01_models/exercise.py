"""Exercise 1: ask three libraries for a book, interleaved.

This asks them one after another. Change it so that one thread asks all three at once
and is done when the slowest has answered. The answers are printed in the order of the
list, whoever was first.
"""

import time

from weft.learn import drawn

LIBRARIES = [
    ("harbour", 0.3),
    ("hill", 0.4),
    ("station", 0.2),
]  # each with the seconds that it takes to look


@drawn
def ask(library, seconds):
    """Return what a library answers."""
    time.sleep(seconds)
    return f"the {library} library has it"


answers = [ask(library, seconds) for library, seconds in LIBRARIES]
for answer in answers:
    print(answer)

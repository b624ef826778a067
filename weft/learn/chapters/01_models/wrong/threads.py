"""It is as fast, and needs a thread for each library.

Hint: Every task waits in a thread of its own. Here they have to share one: let one loop
run them all, as coroutines.
"""

import time
from concurrent.futures import ThreadPoolExecutor

from weft.learn import drawn

LIBRARIES = [("harbour", 0.3), ("hill", 0.4), ("station", 0.2)]


@drawn
def ask(library, seconds):
    """Return what a library answers."""
    time.sleep(seconds)
    return f"the {library} library has it"


with ThreadPoolExecutor() as threads:
    for answer in threads.map(ask, *zip(*LIBRARIES, strict=True)):
        print(answer)

"""Three poems, one after another, in one thread."""

import time

from weft.learn import drawn


@drawn
def poem(name, seconds):
    """Wait for a poem, and say that it is there."""
    time.sleep(seconds)
    print(name, "is there")


poem("loom", 0.4)
poem("train", 0.2)
poem("river", 0.3)

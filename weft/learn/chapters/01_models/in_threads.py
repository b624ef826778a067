"""Three poems, each waited for in a thread of its own."""

import threading
import time

from weft.learn import drawn


@drawn
def poem(name, seconds):
    """Wait for a poem, and say that it is there."""
    time.sleep(seconds)
    print(name, "is there")


threads = [
    threading.Thread(target=poem, args=("loom", 0.4)),
    threading.Thread(target=poem, args=("train", 0.2)),
    threading.Thread(target=poem, args=("river", 0.3)),
]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()

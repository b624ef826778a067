"""asyncio's face: a Weft loop that is an `asyncio.AbstractEventLoop`.

Tasks, futures, locks, queues and streams are asyncio's own; they run on Weft's loop and transports.
"""

from weft.faces.asyncio.loop import Loop, new_event_loop, run
from weft.faces.asyncio.policy import EventLoopPolicy

__all__ = ["EventLoopPolicy", "Loop", "new_event_loop", "run"]

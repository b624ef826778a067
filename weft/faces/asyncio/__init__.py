"""asyncio's face: a Weft loop that is an `asyncio.AbstractEventLoop`.

Tasks, futures, locks, queues and streams are asyncio's own; they run on Weft's loop and transports.
"""

from typing import TYPE_CHECKING, Any

from weft.faces.asyncio.loop import Loop, new_event_loop, run

if TYPE_CHECKING:
    from weft.faces.asyncio.policy import EventLoopPolicy

__all__ = ["EventLoopPolicy", "Loop", "new_event_loop", "run"]


def __getattr__(name: str) -> Any:
    """Return the policy, which few programs still ask for. Raises AttributeError for any other name."""
    if name != "EventLoopPolicy":
        raise AttributeError(f"module 'weft.faces.asyncio' has no attribute {name!r}")
    from weft.faces.asyncio.policy import EventLoopPolicy

    return EventLoopPolicy

"""Weft: an asynchronous engine for Python that you can see.

`weft.run(main())` runs a coroutine, as `asyncio.run` does; `weft.new_event_loop()` makes the event loop;
`weft.compare(tasks)` runs the same tasks under several models and returns what really ran, to be drawn.
`weft.BUILD` says which build runs: "compiled" or "interpreted" (`WEFT_PURE=1` chooses the latter).
"""

from weft import _build

BUILD = _build.choose()

from weft._version import __version__  # noqa: E402  the build must be chosen before anything else is imported
from weft.faces.asyncio import Loop, new_event_loop, run  # noqa: E402

__all__ = ["BUILD", "Loop", "__version__", "new_event_loop", "run"]

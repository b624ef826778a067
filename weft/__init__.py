"""Weft: an asynchronous engine for Python that you can see.

`weft.run(main())` runs a coroutine, as `asyncio.run` does; `weft.new_event_loop()` makes the event loop;
`weft.compare(tasks)` runs the same tasks under several models and returns what really ran, to be drawn.
`weft.BUILD` says which build runs: "compiled" or "interpreted" (`WEFT_PURE=1` chooses the latter).
"""

from weft import _build

BUILD = _build.choose()

from weft import faces, figures, models, record  # noqa: E402  the build must be chosen before anything else
from weft._version import __version__  # noqa: E402
from weft.faces.asyncio import EventLoopPolicy, Loop, new_event_loop, run  # noqa: E402
from weft.models import compare, task  # noqa: E402

__all__ = [
    "BUILD",
    "EventLoopPolicy",
    "Loop",
    "__version__",
    "compare",
    "faces",
    "figures",
    "models",
    "new_event_loop",
    "record",
    "run",
    "task",
]

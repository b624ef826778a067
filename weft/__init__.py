"""Weft: an asynchronous engine for Python that you can see.

`weft.run(main())` runs a coroutine, as `asyncio.run` does; `weft.new_event_loop()` makes the event loop;
`weft.compare(tasks)` runs the same tasks under several models and returns what really ran, to be drawn.
`weft.BUILD` says which build runs: "compiled" or "interpreted" (`WEFT_PURE=1` chooses the latter).
"""

import importlib
from typing import TYPE_CHECKING, Any

from weft import _build

BUILD = _build.choose()  # before any other of Weft's modules is imported

from weft.faces.asyncio import Loop, new_event_loop, run  # noqa: E402

if TYPE_CHECKING:
    from weft import deferred, endpoints, faces, figures, models, protocols, record, services, testing
    from weft._version import __version__
    from weft.deferred import (
        Cooperator,
        Deferred,
        DeferredList,
        DeferredLock,
        DeferredQueue,
        DeferredSemaphore,
        Failure,
        LoopingCall,
        blocking_call_from_thread,
        call_from_thread,
        defer_later,
        defer_to_thread,
        ensure_deferred,
        execute,
        fail,
        gather_results,
        inline_callbacks,
        maybe_deferred,
        parallel,
        race,
        succeed,
    )
    from weft.endpoints import connect, listen, open_stream, serve_streams
    from weft.faces.asyncio import EventLoopPolicy
    from weft.figures import figure
    from weft.models import compare, task
    from weft.services import Application, ClientService, ServerService, Service, TimerService

__all__ = [
    "BUILD",
    "Application",
    "ClientService",
    "Cooperator",
    "Deferred",
    "DeferredList",
    "DeferredLock",
    "DeferredQueue",
    "DeferredSemaphore",
    "EventLoopPolicy",
    "Failure",
    "Loop",
    "LoopingCall",
    "ServerService",
    "Service",
    "TimerService",
    "__version__",
    "blocking_call_from_thread",
    "call_from_thread",
    "compare",
    "connect",
    "defer_later",
    "defer_to_thread",
    "deferred",
    "endpoints",
    "ensure_deferred",
    "execute",
    "faces",
    "fail",
    "figure",
    "figures",
    "gather_results",
    "inline_callbacks",
    "listen",
    "maybe_deferred",
    "models",
    "new_event_loop",
    "open_stream",
    "parallel",
    "protocols",
    "race",
    "record",
    "run",
    "serve_streams",
    "services",
    "succeed",
    "task",
    "testing",
]

LATER = {
    "Application": "weft.services",
    "ClientService": "weft.services",
    "Cooperator": "weft.deferred",
    "Deferred": "weft.deferred",
    "DeferredList": "weft.deferred",
    "DeferredLock": "weft.deferred",
    "DeferredQueue": "weft.deferred",
    "DeferredSemaphore": "weft.deferred",
    "EventLoopPolicy": "weft.faces.asyncio",
    "Failure": "weft.deferred",
    "LoopingCall": "weft.deferred",
    "ServerService": "weft.services",
    "Service": "weft.services",
    "TimerService": "weft.services",
    "__version__": "weft._version",
    "blocking_call_from_thread": "weft.deferred",
    "call_from_thread": "weft.deferred",
    "compare": "weft.models",
    "connect": "weft.endpoints",
    "defer_later": "weft.deferred",
    "defer_to_thread": "weft.deferred",
    "deferred": "",
    "endpoints": "",
    "ensure_deferred": "weft.deferred",
    "execute": "weft.deferred",
    "fail": "weft.deferred",
    "figure": "weft.figures",
    "figures": "",
    "gather_results": "weft.deferred",
    "inline_callbacks": "weft.deferred",
    "listen": "weft.endpoints",
    "maybe_deferred": "weft.deferred",
    "models": "",
    "open_stream": "weft.endpoints",
    "parallel": "weft.deferred",
    "protocols": "",
    "race": "weft.deferred",
    "record": "",
    "serve_streams": "weft.endpoints",
    "services": "",
    "succeed": "weft.deferred",
    "task": "weft.models",
    "testing": "",
}
"""What is imported when it is first asked for: name -> the module that owns it, "" for a package of that name.

A server does not pay at its start for what draws pictures.
"""


def __getattr__(name: str) -> Any:
    """Return a public name of Weft's that was not imported yet. Raises AttributeError for any other."""
    if name not in LATER:
        raise AttributeError(f"module 'weft' has no attribute {name!r}")
    home = LATER[name]
    found = getattr(importlib.import_module(home), name) if home else importlib.import_module(f"weft.{name}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""Receiving by io_uring(7): there is none in the interpreted build. The compiled twin is uring.pyx, with uring.h."""

from __future__ import annotations

from weft.ports import Poller

NEEDS_COMPILED = (
    "io_uring needs Weft's compiled build, and the interpreted one runs here: unset WEFT_PURE, or build it"
)


def why_no_uring() -> str | None:
    """Return why there is no poller on io_uring here; None if there is one."""
    return NEEDS_COMPILED


class UringPoller(Poller):
    """Waits by io_uring, in the compiled build; in this one it raises RuntimeError."""

    def __init__(self, requests: int = 0, completions: int = 0, buffers: int = 0, buffer_bytes: int = 0) -> None:
        raise RuntimeError(NEEDS_COMPILED)

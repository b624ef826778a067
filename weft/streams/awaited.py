# cython: binding=False
"""One call of a stream's coroutine method, without a coroutine for as long as it needs none.

It is what `await` runs on, and has a coroutine's `send`, `throw` and `close`, so that whatever takes a coroutine
takes it: a task, `asyncio.wait_for`, `asyncio.gather`. Like a coroutine it does nothing before its first step, and
can be awaited once. What is usual it does by itself; for everything else it goes over to asyncio's own coroutine of
the same name, which works on the same fields.
"""

from __future__ import annotations

import warnings
from collections.abc import Coroutine
from types import CodeType
from typing import Any

from weft.streams import states


class Awaited:
    """A coroutine in all but its frame. Who derives from it says what a step does, and what the coroutine is."""

    __slots__ = ("inner", "state")

    state: int
    inner: Any  # asyncio's coroutine, once it took over

    def step(self) -> Any:
        """Take a step: return the result and be OVER, or return what is to be waited for."""
        raise NotImplementedError

    def method(self) -> Any:
        """Return asyncio's function that this is a call of."""
        raise NotImplementedError

    def coroutine(self) -> Coroutine[Any, Any, Any]:
        """Return asyncio's coroutine, not begun."""
        raise NotImplementedError

    def finish(self) -> None:
        """Be OVER, wait no more, and let go of the stream."""

    def hand_on(self) -> Any:
        """Have asyncio's coroutine do the rest, and return what it waits for."""
        self.inner = self.coroutine()
        self.state = states.HANDED_ON
        return self.inner.send(None)

    def __await__(self) -> Awaited:
        return self

    def __next__(self) -> Any:
        result = self.step()
        if self.state != states.OVER:
            return result
        if result is None:
            raise StopIteration
        raise StopIteration(result)

    def send(self, value: object) -> Any:
        """Go on, as `next` does."""
        return self.__next__()

    def throw(self, kind: Any, value: Any = None, trace: Any = None) -> Any:
        """Raise an exception where the call waits."""
        if self.state == states.HANDED_ON:
            return self.inner.throw(kind if value is None else value)
        self.finish()
        if value is None:
            value = kind() if isinstance(kind, type) else kind
        raise value if trace is None else value.with_traceback(trace)

    def close(self) -> None:
        """Give up."""
        if self.state == states.HANDED_ON:
            self.inner.close()
            return
        self.finish()

    def __del__(self) -> None:
        if self.state == states.NEW:
            self.warn()

    def warn(self) -> None:
        """Warn that it was made and forgotten."""
        self.state = states.OVER
        name = self.method().__qualname__
        warnings.warn(f"coroutine '{name}' was never awaited", RuntimeWarning, stacklevel=2)

    @property
    def stands_for(self) -> CodeType:
        """The code of asyncio's coroutine, which names the call in a recording."""
        return self.method().__code__  # type: ignore[no-any-return]

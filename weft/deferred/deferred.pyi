"""What type checkers see: a Deferred is generic, which a compiled class cannot say of itself.

`tests/deferred/test_typing.py` holds this to the source.
"""

from asyncio import AbstractEventLoop, Future
from collections.abc import Callable, Coroutine, Generator
from types import GenericAlias
from typing import Any, Concatenate, Generic, Literal, Never, ParamSpec, Protocol, TypeVar, overload

from weft.deferred.failure import Failure
from weft.deferred.steps import Step

_T = TypeVar("_T")
_U = TypeVar("_U")
_V = TypeVar("_V")
_P = ParamSpec("_P")
_Q = ParamSpec("_Q")

class _CallLater(Protocol):
    """A clock, as far as a time limit needs it."""

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Any: ...

class Deferred(Generic[_T]):
    def __init__(self, canceller: Callable[[Any], object] | None = None) -> None: ...
    @classmethod
    def __class_getitem__(cls, item: Any) -> GenericAlias: ...
    @overload
    def add_callbacks(
        self,
        callback: Callable[Concatenate[_T, _P], Deferred[_U]],
        errback: Callable[Concatenate[Failure, _Q], Deferred[_V]],
        callback_arguments: tuple[Any, ...] = (),
        callback_keywords: dict[str, Any] | None = None,
        errback_arguments: tuple[Any, ...] = (),
        errback_keywords: dict[str, Any] | None = None,
    ) -> Deferred[_U | _V]: ...
    @overload
    def add_callbacks(
        self,
        callback: Callable[Concatenate[_T, _P], Deferred[_U] | _U],
        errback: None = None,
        callback_arguments: tuple[Any, ...] = (),
        callback_keywords: dict[str, Any] | None = None,
        errback_arguments: tuple[Any, ...] = (),
        errback_keywords: dict[str, Any] | None = None,
    ) -> Deferred[_U]: ...
    @overload
    def add_callbacks(
        self,
        callback: Callable[Concatenate[_T, _P], Deferred[_U] | _U],
        errback: Callable[Concatenate[Failure, _Q], Failure],
        callback_arguments: tuple[Any, ...] = (),
        callback_keywords: dict[str, Any] | None = None,
        errback_arguments: tuple[Any, ...] = (),
        errback_keywords: dict[str, Any] | None = None,
    ) -> Deferred[_U]: ...
    @overload
    def add_callbacks(
        self,
        callback: Callable[Concatenate[_T, _P], Deferred[_U] | _U],
        errback: Callable[Concatenate[Failure, _Q], Deferred[_V] | _V],
        callback_arguments: tuple[Any, ...] = (),
        callback_keywords: dict[str, Any] | None = None,
        errback_arguments: tuple[Any, ...] = (),
        errback_keywords: dict[str, Any] | None = None,
    ) -> Deferred[_U | _V]: ...
    @overload
    def add_callback(
        self, callback: Callable[Concatenate[_T, _P], Deferred[_U]], *arguments: _P.args, **keywords: _P.kwargs
    ) -> Deferred[_U]: ...
    @overload
    def add_callback(
        self, callback: Callable[Concatenate[_T, _P], Failure], *arguments: _P.args, **keywords: _P.kwargs
    ) -> Deferred[Never]: ...
    @overload
    def add_callback(
        self, callback: Callable[Concatenate[_T, _P], Deferred[_U] | _U], *arguments: _P.args, **keywords: _P.kwargs
    ) -> Deferred[_U]: ...
    @overload
    def add_errback(
        self, errback: Callable[Concatenate[Failure, _P], Deferred[_U]], *arguments: _P.args, **keywords: _P.kwargs
    ) -> Deferred[_T | _U]: ...
    @overload
    def add_errback(
        self, errback: Callable[Concatenate[Failure, _P], Failure], *arguments: _P.args, **keywords: _P.kwargs
    ) -> Deferred[_T]: ...
    @overload
    def add_errback(
        self,
        errback: Callable[Concatenate[Failure, _P], Deferred[_U] | _U],
        *arguments: _P.args,
        **keywords: _P.kwargs,
    ) -> Deferred[_T | _U]: ...
    @overload
    def add_both(
        self,
        callback: Callable[Concatenate[_T | Failure, _P], Deferred[_U]],
        *arguments: _P.args,
        **keywords: _P.kwargs,
    ) -> Deferred[_U]: ...
    @overload
    def add_both(
        self,
        callback: Callable[Concatenate[_T | Failure, _P], Deferred[_U] | _U],
        *arguments: _P.args,
        **keywords: _P.kwargs,
    ) -> Deferred[_U]: ...
    def chain(self, other: Deferred[_T]) -> Deferred[None]: ...
    @overload
    def add_timeout(
        self, timeout_s: float, on_timeout: None = None, *, clock: _CallLater | None = None
    ) -> Deferred[_T]: ...
    @overload
    def add_timeout(
        self,
        timeout_s: float,
        on_timeout: Callable[[_T | Failure, float], Deferred[_U] | _U],
        *,
        clock: _CallLater | None = None,
    ) -> Deferred[_T | _U]: ...
    def callback(self, result: _T | Failure) -> None: ...
    def errback(self, failure: Failure | BaseException | None = None) -> None: ...
    def cancel(self) -> None: ...
    def pause(self) -> None: ...
    def unpause(self) -> None: ...
    @property
    def called(self) -> bool: ...
    @property
    def paused(self) -> bool: ...
    @property
    def result(self) -> _T | Failure | Deferred[Any]: ...
    @property
    def waits_for(self) -> Deferred[Any] | None: ...
    @property
    def times_paused(self) -> int: ...
    @property
    def cancelled(self) -> Literal["canceller", "no canceller", "result ignored"] | None: ...
    @property
    def unhandled(self) -> bool: ...
    @property
    def routine(self) -> tuple[str, Deferred[Any] | Future[Any] | None] | None: ...
    @property
    def steps_forgotten(self) -> int: ...
    def steps(self) -> tuple[Step, ...]: ...
    def made_at(self) -> str: ...
    def __await__(self) -> Generator[Any, Any, _T]: ...
    def as_future(self, loop: AbstractEventLoop | None = None) -> Future[_T]: ...
    @classmethod
    def from_future(cls, future: Future[_U]) -> Deferred[_U]: ...
    @classmethod
    def from_coroutine(cls, coroutine: Coroutine[Any, Any, _U]) -> Deferred[_U]: ...

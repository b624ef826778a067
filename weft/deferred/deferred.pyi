"""What type checkers see: a Deferred is generic, which a compiled class cannot say of itself.

`tests/deferred/test_typing.py` holds this to the source.
"""

from asyncio import AbstractEventLoop, Future
from collections.abc import Callable, Coroutine, Generator
from types import GenericAlias
from typing import Any, Concatenate, Generic, Never, ParamSpec, Protocol, TypeVar, overload

from weft.deferred.failure import Failure
from weft.deferred.steps import Step

T = TypeVar("T")
U = TypeVar("U")
V = TypeVar("V")
P = ParamSpec("P")
Q = ParamSpec("Q")

class CallLater(Protocol):
    """A clock, as far as a time limit needs it."""

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Any: ...

class Deferred(Generic[T]):
    def __init__(self, canceller: Callable[[Any], object] | None = None) -> None: ...
    @classmethod
    def __class_getitem__(cls, item: Any) -> GenericAlias: ...
    @overload
    def add_callbacks(
        self,
        callback: Callable[Concatenate[T, P], Deferred[U]],
        errback: Callable[Concatenate[Failure, Q], Deferred[V]],
        callback_arguments: tuple[Any, ...] = (),
        callback_keywords: dict[str, Any] | None = None,
        errback_arguments: tuple[Any, ...] = (),
        errback_keywords: dict[str, Any] | None = None,
    ) -> Deferred[U | V]: ...
    @overload
    def add_callbacks(
        self,
        callback: Callable[Concatenate[T, P], Deferred[U] | U],
        errback: None = None,
        callback_arguments: tuple[Any, ...] = (),
        callback_keywords: dict[str, Any] | None = None,
        errback_arguments: tuple[Any, ...] = (),
        errback_keywords: dict[str, Any] | None = None,
    ) -> Deferred[U]: ...
    @overload
    def add_callbacks(
        self,
        callback: Callable[Concatenate[T, P], Deferred[U] | U],
        errback: Callable[Concatenate[Failure, Q], Failure],
        callback_arguments: tuple[Any, ...] = (),
        callback_keywords: dict[str, Any] | None = None,
        errback_arguments: tuple[Any, ...] = (),
        errback_keywords: dict[str, Any] | None = None,
    ) -> Deferred[U]: ...
    @overload
    def add_callbacks(
        self,
        callback: Callable[Concatenate[T, P], Deferred[U] | U],
        errback: Callable[Concatenate[Failure, Q], Deferred[V] | V],
        callback_arguments: tuple[Any, ...] = (),
        callback_keywords: dict[str, Any] | None = None,
        errback_arguments: tuple[Any, ...] = (),
        errback_keywords: dict[str, Any] | None = None,
    ) -> Deferred[U | V]: ...
    @overload
    def add_callback(
        self, callback: Callable[Concatenate[T, P], Deferred[U]], *arguments: P.args, **keywords: P.kwargs
    ) -> Deferred[U]: ...
    @overload
    def add_callback(
        self, callback: Callable[Concatenate[T, P], Failure], *arguments: P.args, **keywords: P.kwargs
    ) -> Deferred[Never]: ...
    @overload
    def add_callback(
        self, callback: Callable[Concatenate[T, P], Deferred[U] | U], *arguments: P.args, **keywords: P.kwargs
    ) -> Deferred[U]: ...
    @overload
    def add_errback(
        self, errback: Callable[Concatenate[Failure, P], Deferred[U]], *arguments: P.args, **keywords: P.kwargs
    ) -> Deferred[T | U]: ...
    @overload
    def add_errback(
        self, errback: Callable[Concatenate[Failure, P], Failure], *arguments: P.args, **keywords: P.kwargs
    ) -> Deferred[T]: ...
    @overload
    def add_errback(
        self, errback: Callable[Concatenate[Failure, P], Deferred[U] | U], *arguments: P.args, **keywords: P.kwargs
    ) -> Deferred[T | U]: ...
    @overload
    def add_both(
        self, callback: Callable[Concatenate[T | Failure, P], Deferred[U]], *arguments: P.args, **keywords: P.kwargs
    ) -> Deferred[U]: ...
    @overload
    def add_both(
        self,
        callback: Callable[Concatenate[T | Failure, P], Deferred[U] | U],
        *arguments: P.args,
        **keywords: P.kwargs,
    ) -> Deferred[U]: ...
    def chain(self, other: Deferred[T]) -> Deferred[None]: ...
    @overload
    def add_timeout(
        self, timeout_s: float, on_timeout: None = None, *, clock: CallLater | None = None
    ) -> Deferred[T]: ...
    @overload
    def add_timeout(
        self,
        timeout_s: float,
        on_timeout: Callable[[T | Failure, float], Deferred[U] | U],
        *,
        clock: CallLater | None = None,
    ) -> Deferred[T | U]: ...
    def callback(self, result: T | Failure) -> None: ...
    def errback(self, failure: Failure | BaseException | None = None) -> None: ...
    def cancel(self) -> None: ...
    def pause(self) -> None: ...
    def unpause(self) -> None: ...
    @property
    def called(self) -> bool: ...
    @property
    def paused(self) -> bool: ...
    @property
    def result(self) -> T | Failure | Deferred[Any]: ...
    @property
    def waits_for(self) -> Deferred[Any] | None: ...
    @property
    def steps_forgotten(self) -> int: ...
    def steps(self) -> tuple[Step, ...]: ...
    def made_at(self) -> str: ...
    def __await__(self) -> Generator[Any, Any, T]: ...
    def as_future(self, loop: AbstractEventLoop | None = None) -> Future[T]: ...
    @classmethod
    def from_future(cls, future: Future[U]) -> Deferred[U]: ...
    @classmethod
    def from_coroutine(cls, coroutine: Coroutine[Any, Any, U]) -> Deferred[U]: ...

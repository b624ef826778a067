"""Several Deferreds as one: all of their results, or the first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from weft.deferred.deferred import Deferred
from weft.deferred.failure import Failure
from weft.errors import AllFailedError, FirstError

T = TypeVar("T")


class DeferredList(Deferred[list[Any]]):
    """Fires when all of several Deferreds have, with a list of pairs (succeeded, value or failure) in their order.

    With `fire_on_one_callback` it fires at the first value, with the pair (value, index); with
    `fire_on_one_errback` it fails at the first failure, with a FirstError. With `consume_errors` the failures count
    as handled, and each of the Deferreds goes on with None; without it they go on with what they had.

    Cancelling it cancels all of them. Of no Deferreds at all, it fires at once with an empty list, unless it waits
    for one callback, which never comes.
    """

    def __init__(
        self,
        deferreds: Iterable[Deferred[Any]],
        fire_on_one_callback: bool = False,
        fire_on_one_errback: bool = False,
        consume_errors: bool = False,
    ) -> None:
        super().__init__()
        self.deferreds = list(deferreds)
        self.results: list[Any] = [None] * len(self.deferreds)
        self.fire_on_one_callback = fire_on_one_callback
        self.fire_on_one_errback = fire_on_one_errback
        self.consume_errors = consume_errors
        self._left = len(self.deferreds)
        if not self.deferreds and not fire_on_one_callback:
            self.callback(self.results)
        for index, deferred in enumerate(self.deferreds):
            deferred.add_both(self._arrive, index)

    def _arrive(self, result: Any, index: int) -> Any:
        failed = isinstance(result, Failure)
        self.results[index] = (not failed, result)
        self._left -= 1
        if not self.called:
            if failed and self.fire_on_one_errback:
                self.errback(Failure(FirstError(result, index)))
            elif not failed and self.fire_on_one_callback:
                self.callback((result, index))  # type: ignore[arg-type]
            elif not self._left:
                self.callback(self.results)
        return None if failed and self.consume_errors else result

    def cancel(self) -> None:
        """Cancel all of the Deferreds; once it has fired, whatever it waits for since."""
        if self.called:
            super().cancel()
            return
        for deferred in self.deferreds:
            try:
                deferred.cancel()
            except Exception:
                # The others must be cancelled too. Nobody is told of this one, so it is reported.
                Deferred().errback()


def gather_results(deferreds: Iterable[Deferred[T]], consume_errors: bool = False) -> Deferred[list[T]]:
    """Return a Deferred of all the values, in order. It fails with a FirstError at the first failure.

    The other failures stay with their Deferreds, and are reported, unless `consume_errors` is true.
    """
    gathered = DeferredList(deferreds, fire_on_one_errback=True, consume_errors=consume_errors)
    return gathered.add_callback(_gathered_values)


def _gathered_values(pairs: list[tuple[bool, Any]]) -> list[Any]:
    return [value for _, value in pairs]


def race(deferreds: Iterable[Deferred[T]]) -> Deferred[tuple[int, T]]:
    """Return a Deferred of the first value that comes, as (index, value); the other Deferreds are cancelled.

    If all of them fail, so does it, with a AllFailedError. Cancelling it cancels all of them.
    """
    return _Race(list(deferreds)).deferred


class _Race:
    def __init__(self, deferreds: list[Deferred[Any]]) -> None:
        self.deferreds = deferreds
        self.deferred: Deferred[Any] = Deferred(self.cancel)
        self.is_won = False
        self.failures: dict[int, Failure] = {}
        for index, deferred in enumerate(deferreds):
            deferred.add_callbacks(self.win, self.lose, (index,), None, (index,))

    def win(self, value: Any, index: int) -> None:
        if self.is_won:
            return
        self.is_won = True
        for other, deferred in enumerate(self.deferreds):
            if other != index:
                deferred.cancel()
        self.deferred.callback((index, value))

    def lose(self, failure: Failure, index: int) -> None:
        self.failures[index] = failure
        if len(self.failures) == len(self.deferreds):
            self.deferred.errback(AllFailedError([self.failures[place] for place in sorted(self.failures)]))

    def cancel(self, _: Deferred[Any]) -> None:
        for deferred in self.deferreds:
            deferred.cancel()

"""Programs that type checkers must agree with: test_typing.py has mypy and pyright read this, and runs it."""

import asyncio
from collections.abc import Generator
from typing import Any, assert_type

import weft
from weft.deferred import Deferred, DeferredList, DeferredQueue, Failure


def count(poem: str) -> int:
    return len(poem)


def count_words(poem: str, least: int, *, word: str = "") -> int:
    return max(least, poem.count(word))


def fetch_again(failure: Failure) -> Deferred[str]:
    return weft.succeed(failure.message())


def give_up(failure: Failure) -> None:
    failure.trap(LookupError)


def fetch(name: str) -> Deferred[str]:
    deferred: Deferred[str] = Deferred()
    deferred.callback(name)
    return deferred


def chains() -> None:
    assert_type(fetch("wind"), Deferred[str])
    assert_type(fetch("wind").add_callback(count), Deferred[int])
    assert_type(fetch("wind").add_callback(count_words, 3, word="the"), Deferred[int])
    assert_type(fetch("wind").add_callback(fetch), Deferred[str])
    assert_type(fetch("wind").add_callback(count).add_errback(give_up), Deferred[int | None])
    assert_type(fetch("wind").add_errback(fetch_again), Deferred[str])
    assert_type(fetch("wind").add_callbacks(count, give_up), Deferred[int | None])
    assert_type(fetch("wind").add_callbacks(count), Deferred[int])
    assert_type(fetch("wind").chain(Deferred[str]()), Deferred[None])


def both(result: str | Failure) -> bytes:
    return b"" if isinstance(result, Failure) else result.encode()


@weft.inline_callbacks
def generator(name: str) -> Generator[Deferred[Any], Any, int]:
    poem = yield fetch(name)
    return len(poem)


async def coroutine() -> int:
    return assert_type(await fetch("wind"), str).count("w")


async def main() -> None:
    assert_type(fetch("wind").add_both(both), Deferred[bytes])
    assert_type(generator("wind"), Deferred[int])
    assert_type(await generator("wind"), int)
    assert_type(Deferred.from_coroutine(coroutine()), Deferred[int])
    assert_type(weft.ensure_deferred(coroutine()), Deferred[int])
    assert_type(await fetch("wind").as_future(), str)
    assert_type(await weft.gather_results([fetch("wind"), fetch("sea")]), list[str])
    assert_type(await weft.race([fetch("wind")]), tuple[int, str])
    assert_type(weft.succeed(3), Deferred[int])
    assert_type(await weft.defer_to_thread(count, "wind"), int)
    assert_type(fetch("wind").add_timeout(3), Deferred[str])
    queue: DeferredQueue[str] = DeferredQueue()
    queue.put("wind")
    assert_type(await queue.get(), str)
    await DeferredList([fetch("wind")])
    await asyncio.sleep(0)


if __name__ == "__main__":
    chains()
    weft.run(main())

"""inline_callbacks by hand: what drives a generator from one Deferred to the next."""

import functools

import library

import weft


def tiny_inline(function):
    @functools.wraps(function)
    def begin(*args):
        generator = function(*args)
        done = weft.Deferred()

        def go_on(resume, result=None):
            try:
                waits_for = resume(result)
            except StopIteration as end:
                done.callback(end.value)
            except Exception:
                done.errback()
            else:
                waits_for.add_callbacks(with_value, with_failure)

        def with_value(value):
            go_on(generator.send, value)

        def with_failure(failure):
            go_on(generator.throw, failure.value)

        go_on(generator.send)
        return done

    return begin


@tiny_inline
def get(title):
    shelf = yield library.find(title)
    try:
        book = yield library.fetch(title, shelf)
    except LookupError:
        book = yield library.order(title)
    return f"{book}, for {shelf}"


async def main():
    print(await get("Rivers"))


weft.run(main())

"""Exercise 8: three books, told from top to bottom.

This works, and is hard to read. Write get and tell as coroutines, without add_callback
and add_errback, and make a task for each title that has the title as its name. The
library has to be asked the same things at the same moments as before.
"""

import library

import weft

TITLES = ["Weaving", "Rivers", "Ghosts"]


def get(title):
    def with_shelf(shelf):
        def lent(failure):
            failure.trap(LookupError)
            return library.order(title)

        return library.fetch(title, shelf).add_errback(lent)

    return library.find(title).add_callback(with_shelf)


def tell(title):
    def say(book):
        print(f"{title}: {book}")

    def excuse(failure):
        failure.trap(LookupError)
        return f"sorry, {failure.value}"

    return get(title).add_errback(excuse).add_callback(say)


async def main():
    await weft.gather_results([tell(title) for title in TITLES])


weft.run(main())

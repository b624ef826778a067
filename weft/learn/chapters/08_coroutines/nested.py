"""A book, with callbacks within callbacks."""

import library

import weft


def get(title):
    """Return a Deferred of a book, lent or not, with its shelf."""

    def with_shelf(shelf):
        def lent(failure):
            failure.trap(LookupError)
            return library.order(title)

        def with_book(book):
            return f"{book}, for {shelf}"

        book = library.fetch(title, shelf)
        book.add_errback(lent)
        book.add_callback(with_book)
        return book

    return library.find(title).add_callback(with_shelf)


async def main():
    print(await get("Rivers"))


weft.run(main())

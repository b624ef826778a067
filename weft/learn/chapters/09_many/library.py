"""A slow library that copies pages of a book. You cannot change it."""

import asyncio

from weft.learn import drawn

SECONDS = [0.6, 0.2, 0.1, 0.2, 0.1, 0.2, 0.1, 0.2]  # for the pages 1 to 8


@drawn
def begin(name):
    """Take the page from its shelf."""


@drawn
def end(name, page):
    if page == 5:
        raise LookupError("torn out")
    return f"the text of page {page}"


async def copy(page):
    """Return the text of a page; raise LookupError for one that is torn out."""
    begin(f"page {page}")
    await asyncio.sleep(SECONDS[page - 1])
    return end(f"page {page}", page)

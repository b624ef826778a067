"""Exercise 9: eight pages, three at a time.

This asks for one page after another, and it ends at the page that is torn out. Have
three pages under way at any time while there are pages left, never more. Print all
eight in their order: "page 1: the text of page 1", and "page 5: torn out".
"""

import library

import weft

PAGES = range(1, 9)


async def main():
    for page in PAGES:
        print(f"page {page}: {await library.copy(page)}")


weft.run(main())

"""Four poems, two at a time."""

from slow import POEMS, fetch

import weft


async def main():
    poems = await weft.parallel(fetch, POEMS, 2)
    print("two at a time:", *poems)


weft.run(main())

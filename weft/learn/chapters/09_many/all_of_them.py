"""Four poems, all at once; done when all are there."""

from slow import POEMS, fetch

import weft


async def main():
    poems = await weft.gather_results([fetch(name) for name in POEMS])
    print("all:", *poems)


weft.run(main())

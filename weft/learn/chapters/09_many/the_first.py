"""Four poems, all at once; done when one is there."""

from slow import POEMS, fetch

import weft


async def main():
    _, poem = await weft.race([fetch(name) for name in POEMS])
    print("the first:", poem)


weft.run(main())

"""Who has not heard all when the end is asked for is cut off."""

from library import evening

import weft

weft.run(evening(drain_s=0))

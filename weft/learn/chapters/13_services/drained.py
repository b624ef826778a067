"""What is under way may finish: it has 10 seconds, and needs a part of one."""

from library import evening

import weft

weft.run(evening(drain_s=10))

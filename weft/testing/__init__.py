"""For the tests of programs that run on Weft: time that tests move, connections in memory, loops left clean.

- `Peer`: the other end of one protocol's connection, without any loop.
- `ManualLoop`: a loop whose clock a test moves, or that goes by itself to the next moment at which something happens.
- `connect_pair`, `open_pair`, `Network`, `MemoryServer`, `MemoryClient`, `Link`: connections in memory, with Weft's
  own transports at both ends.
- `clean_loop`: a loop that must be left as it was found.

With Weft installed, pytest has the marker `weft` and the fixtures `weft_loop`, `weft_manual_loop`, `weft_pair` and
`weft_network`.
"""

from weft.testing.clock import ManualClock
from weft.testing.endpoints import MemoryClient, MemoryServer
from weft.testing.leaks import clean_loop
from weft.testing.loops import ManualLoop, WatchedLoop
from weft.testing.network import Network
from weft.testing.pairs import Pair, connect_pair, open_pair
from weft.testing.peer import Peer
from weft.testing.wire import Link

__all__ = [
    "Link",
    "ManualClock",
    "ManualLoop",
    "MemoryClient",
    "MemoryServer",
    "Network",
    "Pair",
    "Peer",
    "WatchedLoop",
    "clean_loop",
    "connect_pair",
    "open_pair",
]

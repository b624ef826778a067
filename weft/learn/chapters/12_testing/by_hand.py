"""The same two tests: the bytes go through memory, and the test moves the clock."""

import asyncio

from doorkeeper import Doorkeeper

from weft.testing import Link, ManualLoop, connect_pair


class Visitor(asyncio.Protocol):
    def __init__(self):
        self.heard = b""

    def data_received(self, data):
        self.heard += data


loop = ManualLoop()

ada = Visitor()
left, right = connect_pair(loop, ada, Doorkeeper(), Link(fragments=1))
left.write(b"Ada\n")
loop.run_until_idle()
assert ada.heard == b"Welcome, Ada!\n"
left.close()
print("a name in four pieces: greeted")

nobody = Visitor()
connect_pair(loop, nobody, Doorkeeper())
loop.advance(59)
assert nobody.heard == b""
print(f"{loop.time():.0f} s of silence: nothing yet")
loop.advance(1)
assert nobody.heard == b"Nobody there?\n"
print(f"{loop.time():.0f} s of silence: sent away")

loop.close()

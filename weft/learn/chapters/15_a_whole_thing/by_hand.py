"""The same conversation by hand: no TLS, no socket, and every byte arrives alone."""

from client import Client
from server import Conversation
from store import Store

from weft.testing import Link, ManualLoop, connect_pair

loop = ManualLoop()
ada = Client()
connect_pair(loop, ada, Conversation(Store()), Link(fragments=1))
for request in ("set loom blue", "get loom", "get train", "sing"):
    ada.ask(request).add_callback(print)
loop.run_until_idle()
loop.close()

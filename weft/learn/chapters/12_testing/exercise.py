"""Exercise 12: a ballot box, and tests that find nothing.

Each line is a vote. Who has not voted within a minute is sent away. Both tests pass; and
yet votes have been miscounted. Test the box without sockets and without waiting: every
byte of a vote arrives alone, and the whole minute passes. Mend the box if you must.
"""

import asyncio
from collections import Counter

import weft
from weft.learn import drawn


class Ballot(asyncio.Protocol):
    name = "ballot"
    patience_s = 60

    def __init__(self):
        self.votes = Counter()

    @drawn
    def connection_made(self, transport):
        self.transport = transport
        loop = asyncio.get_running_loop()
        self.timer = loop.call_later(self.patience_s, self.send_away)

    @drawn
    def data_received(self, data):
        for vote in data.split(b"\n"):
            if vote:
                self.votes[vote] += 1
                self.timer.cancel()

    @drawn
    def send_away(self):
        self.transport.write(b"closed\n")
        self.transport.close()

    @drawn
    def connection_lost(self, error):
        self.timer.cancel()


async def connect(box):
    """Return a voter's reader and writer, connected to this box by a socket."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: box, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    server.close()
    return reader, writer


async def test_votes_are_counted():
    box = Ballot()
    _, writer = await connect(box)
    writer.write(b"loom\nriver\nloom\n")
    await asyncio.sleep(0.2)
    assert box.votes == {b"loom": 2, b"river": 1}, box.votes
    writer.close()
    await writer.wait_closed()


async def test_who_does_not_vote_is_sent_away():
    box = Ballot()
    box.patience_s = 0.5
    reader, writer = await connect(box)
    assert await reader.read() == b"closed\n"
    writer.close()
    await writer.wait_closed()


weft.run(test_votes_are_counted())
print("votes are counted")
weft.run(test_who_does_not_vote_is_sent_away())
print("who does not vote is sent away")

"""Exercise 12: a ballot box, and tests without sockets and without waiting."""

import asyncio
from collections import Counter

from weft.learn import drawn
from weft.testing import Link, ManualLoop, connect_pair


class Ballot(asyncio.Protocol):
    name = "ballot"
    patience_s = 60

    def __init__(self):
        self.votes = Counter()
        self.heard = b""

    @drawn
    def connection_made(self, transport):
        self.transport = transport
        loop = asyncio.get_running_loop()
        self.timer = loop.call_later(self.patience_s, self.send_away)

    @drawn
    def data_received(self, data):
        *votes, self.heard = (self.heard + data).split(b"\n")
        for vote in votes:
            self.votes[vote] += 1
            self.timer.cancel()

    @drawn
    def send_away(self):
        self.transport.write(b"closed\n")
        self.transport.close()

    @drawn
    def connection_lost(self, error):
        self.timer.cancel()


class Voter(asyncio.Protocol):
    def __init__(self):
        self.heard = b""

    def data_received(self, data):
        self.heard += data


def test_votes_are_counted():
    loop = ManualLoop()
    box = Ballot()
    left, _ = connect_pair(loop, Voter(), box, Link(fragments=1))
    left.write(b"loom\nriver\nloom\n")
    loop.run_until_idle()
    assert box.votes == {b"loom": 2, b"river": 1}, box.votes
    left.close()
    loop.run_until_idle()
    loop.close()


def test_who_does_not_vote_is_sent_away():
    loop = ManualLoop()
    voter = Voter()
    connect_pair(loop, voter, Ballot())
    loop.advance(59)
    assert voter.heard == b""
    loop.advance(1)
    assert voter.heard == b"closed\n"
    loop.close()


test_votes_are_counted()
print("votes are counted")
test_who_does_not_vote_is_sent_away()
print("who does not vote is sent away")

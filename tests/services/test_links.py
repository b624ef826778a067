import asyncio
import json
import os
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

import weft
from weft.services import link
from weft.services.link import Link


class End:
    def __init__(self, sock):
        self.messages = []
        self.sockets = []
        self.changed = asyncio.Event()
        self.is_over = False
        self.link = Link(sock, self.heard, self.ended)

    def heard(self, message, sockets):
        self.messages.append(message)
        self.sockets += sockets
        self.changed.set()

    def ended(self):
        self.is_over = True
        self.changed.set()

    async def wait_for(self, is_so):
        while not is_so():
            self.changed.clear()
            await self.changed.wait()


def test_messages_arrive_whole_and_in_order(run_real):
    sent = [{"number": number, "filling": "x" * (number * 1000)} for number in range(300)]

    async def main():
        ours, theirs = map(End, socket.socketpair())
        for message in sent:
            ours.link.send(message)
        await ours.link.flush()
        await theirs.wait_for(lambda: len(theirs.messages) == len(sent))
        ours.link.close()
        await theirs.wait_for(lambda: theirs.is_over)
        return theirs.messages

    assert run_real(main()) == sent


def test_sockets_arrive_with_their_own_messages(run_real):
    async def main():
        ours, theirs = map(End, socket.socketpair())
        made = [socket.create_server(("127.0.0.1", 0)) for _ in range(5)]
        ours.link.send({"first": True}, made[:2])
        ours.link.send({"none": True})
        ours.link.send({"second": True}, made[2:])
        await theirs.wait_for(lambda: len(theirs.messages) == 3)
        assert [each.getsockname() for each in theirs.sockets] == [each.getsockname() for each in made]
        for each in [*made, *theirs.sockets]:
            each.close()
        ours.link.close()
        theirs.link.close()
        return theirs.messages

    assert run_real(main()) == [{"first": True}, {"none": True}, {"second": True}]


def test_a_link_to_an_end_that_is_gone_says_so_and_swallows_what_is_sent(run_real):
    async def main():
        mine, other = socket.socketpair()
        ours = End(mine)
        other.close()
        ours.link.send({"anyone": "there?"})
        await ours.link.flush()
        await ours.wait_for(lambda: ours.is_over)
        ours.link.send({"nobody": True})

    run_real(main())


def test_sockets_that_nobody_asked_for_are_closed_with_the_link(run_real):
    async def main():
        mine, other = socket.socketpair()
        ours = End(mine)
        before = len(os.listdir("/dev/fd"))
        socket.send_fds(other, [b'{"no": "mention"}\n'], [0, 1, 2])
        await ours.wait_for(lambda: ours.messages)
        assert len(os.listdir("/dev/fd")) == before + 3
        ours.link.close()
        assert len(os.listdir("/dev/fd")) == before - 1
        other.close()

    run_real(main())


def test_a_message_without_an_end_ends_the_link(run_real, monkeypatch):
    monkeypatch.setattr(link, "MOST_MESSAGE_BYTES", 100_000)

    async def main():
        mine, other = socket.socketpair()
        ours = End(mine)
        other.setblocking(False)
        sending = asyncio.create_task(asyncio.get_running_loop().sock_sendall(other, b"x" * 300_000))
        await ours.wait_for(lambda: ours.is_over)
        with pytest.raises(ConnectionError):
            await sending
        other.close()

    run_real(main())


@given(st.lists(st.binary(max_size=50).filter(lambda line: b"\n" not in line), max_size=5))
def test_what_is_no_message_is_passed_over(lines):
    async def main():
        mine, other = socket.socketpair()
        ours = End(mine)
        other.sendall(b"\n".join([*lines, json.dumps({"last": True}).encode(), b""]))
        await ours.wait_for(lambda: ours.messages and ours.messages[-1] == {"last": True})
        ours.link.close()
        other.close()

    weft.run(main())

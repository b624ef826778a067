"""Whether a loop receives by io_uring: only where it was asked to, and only where that can be."""

import asyncio

import pytest

import weft
from weft.core import default_poller
from weft.transports import uring


class Forbidden:
    """What a kernel that forbids io_uring makes of a poller."""

    def __init__(self):
        raise PermissionError(1, "Operation not permitted")


async def echo_once():
    async def serve(reader, writer):
        writer.write(await reader.readline())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"hello\n")
    answer = await reader.read()
    writer.close()
    server.close()
    return type(asyncio.get_running_loop().poller).__name__, answer


def test_no_loop_has_it_unasked():
    loop = weft.new_event_loop()

    assert type(loop.poller).__name__ != "UringPoller"
    loop.close()


def test_where_the_system_forbids_it_a_loop_that_asks_is_as_any_other(monkeypatch):
    monkeypatch.setattr(uring, "UringPoller", Forbidden)

    name, answer = weft.run(echo_once(), io_uring=True)

    usual = default_poller()
    usual.close()
    assert name == type(usual).__name__
    assert answer == b"hello\n"


if weft.BUILD == "interpreted":

    def test_the_interpreted_build_says_that_it_has_none_and_what_to_do():
        with pytest.raises(RuntimeError, match=r"compiled build.*WEFT_PURE"):
            weft.new_event_loop(io_uring=True)

        assert "compiled build" in uring.why_no_uring()


elif uring.why_no_uring() is None:

    def test_a_loop_that_asks_for_it_has_it():
        assert weft.run(echo_once(), io_uring=True) == ("UringPoller", b"hello\n")

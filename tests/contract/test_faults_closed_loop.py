"""A loop that is closed: every call says so, and neither a call nor a transport that outlives it leaks anything."""

import asyncio
import logging
import os
import signal
import socket
import threading
import warnings

import pytest

from .conftest import settle, tcp_pair
from .fakes import Witness
from .tls_peer import client_context, secured, server_context

LOCAL = "127.0.0.1"


def nothing(*args):
    pass


async def waiting():
    await asyncio.sleep(0)


def task_of(loop):
    coroutine = waiting()
    try:
        loop.create_task(coroutine)
    finally:
        coroutine.close()


def run_of(loop):
    coroutine = waiting()
    try:
        loop.run_until_complete(coroutine)
    finally:
        coroutine.close()


CALLS = {
    "call_soon": lambda loop: loop.call_soon(nothing),
    "call_later": lambda loop: loop.call_later(0, nothing),
    "call_at": lambda loop: loop.call_at(0, nothing),
    "call_soon_threadsafe": lambda loop: loop.call_soon_threadsafe(nothing),
    "create_task": task_of,
    "run_in_executor": lambda loop: loop.run_in_executor(None, nothing),
    "run_forever": lambda loop: loop.run_forever(),
    "run_until_complete": run_of,
    "add_reader": lambda loop: loop.add_reader(0, nothing),
    "add_writer": lambda loop: loop.add_writer(1, nothing),
    "add_signal_handler": lambda loop: loop.add_signal_handler(signal.SIGUSR1, nothing),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("is_debugging", [False, True], ids=["", "debug"])
def test_a_call_on_a_closed_loop_says_that_it_is_closed(loop, call, is_debugging):
    loop.set_debug(is_debugging)
    loop.close()

    with pytest.raises(RuntimeError, match="Event loop is closed"):
        call(loop)


QUESTIONS = {
    "is_closed": (lambda loop: loop.is_closed(), True),
    "is_running": (lambda loop: loop.is_running(), False),
    "close": (lambda loop: loop.close(), None),
    "stop": (lambda loop: loop.stop(), None),
    "get_debug": (lambda loop: loop.get_debug(), False),
    "get_exception_handler": (lambda loop: callable(loop.get_exception_handler()), True),
    "get_task_factory": (lambda loop: loop.get_task_factory(), None),
    "remove_reader": (lambda loop: loop.remove_reader(0), False),
    "remove_writer": (lambda loop: loop.remove_writer(1), False),
    "remove_signal_handler": (lambda loop: loop.remove_signal_handler(signal.SIGUSR1), False),
    "time": (lambda loop: loop.time() > 0, True),
    "create_future": (lambda loop: loop.create_future().done(), False),
    "repr": (lambda loop: "closed=True" in repr(loop), True),
}


@pytest.mark.parametrize("ask, answer", QUESTIONS.values(), ids=QUESTIONS)
def test_a_closed_loop_still_answers_what_needs_no_loop(loop, ask, answer):
    loop.close()

    assert ask(loop) == answer


def plain(*options):
    sock = socket.socket(*options)
    sock.setblocking(False)
    return sock


STARTS = {
    "create_connection": lambda loop: loop.create_connection(Witness, LOCAL, 9),
    "create_connection by name": lambda loop: loop.create_connection(Witness, "localhost", 9),
    "create_connection with Happy Eyeballs": lambda loop: loop.create_connection(
        Witness, LOCAL, 9, happy_eyeballs_delay=0
    ),
    "create_connection with TLS": lambda loop: loop.create_connection(Witness, LOCAL, 9, ssl=client_context()),
    "create_server": lambda loop: loop.create_server(Witness, LOCAL, 0),
    "create_server by name": lambda loop: loop.create_server(Witness, "localhost", 0),
    "create_unix_connection": lambda loop: loop.create_unix_connection(Witness, "\0nobody is here"),
    "create_unix_server": lambda loop: loop.create_unix_server(Witness, "\0weft's closed loop"),
    "create_datagram_endpoint": lambda loop: loop.create_datagram_endpoint(Witness, (LOCAL, 0)),
    "create_datagram_endpoint to a peer": lambda loop: loop.create_datagram_endpoint(Witness, remote_addr=(LOCAL, 9)),
    "getaddrinfo": lambda loop: loop.getaddrinfo("localhost", 9),
    "getnameinfo": lambda loop: loop.getnameinfo((LOCAL, 9)),
    "subprocess_exec": lambda loop: loop.subprocess_exec(asyncio.SubprocessProtocol, "sleep", "1000"),
    "subprocess_exec with code of ours": lambda loop: loop.subprocess_exec(
        asyncio.SubprocessProtocol, "sleep", "1000", preexec_fn=nothing
    ),
    "subprocess_shell": lambda loop: loop.subprocess_shell(asyncio.SubprocessProtocol, "sleep 1000"),
}


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
def test_what_is_begun_on_a_closed_loop_is_refused_and_leaves_nothing_open(loop, nothing_left, start):
    loop.close()
    starting = start(loop)

    with pytest.raises(RuntimeError, match="Event loop is closed"):
        starting.send(None)


@pytest.mark.parametrize("context", [None, server_context], ids=["plain", "tls"])
@pytest.mark.parametrize("method", ["create_connection", "connect_accepted_socket"])
def test_a_socket_that_is_given_to_a_closed_loop_stays_its_owner_s(loop, nothing_left, pair, method, context):
    loop.close()
    options = {} if context is None else {"ssl": context()}
    if method == "create_connection":
        options |= {"sock": pair[0]} if context is None else {"sock": pair[0], "server_hostname": "localhost"}
        starting = loop.create_connection(Witness, **options)
    else:
        starting = loop.connect_accepted_socket(Witness, pair[0], **options)

    with pytest.raises(RuntimeError, match="Event loop is closed"):
        starting.send(None)
    assert pair[0].fileno() >= 0


@pytest.mark.parametrize("end", ["read", "write"])
def test_a_pipe_that_is_connected_to_a_closed_loop_is_refused(loop, nothing_left, end):
    loop.close()
    reader, writer = os.pipe()
    with open(reader, "rb", 0) as reading, open(writer, "wb", 0) as writing:
        connect = loop.connect_read_pipe if end == "read" else loop.connect_write_pipe
        starting = connect(Witness, reading if end == "read" else writing)

        with pytest.raises(RuntimeError, match="Event loop is closed"):
            starting.send(None)


def test_a_wait_for_a_socket_on_a_closed_loop_is_refused(loop, nothing_left):
    loop.close()
    ours, theirs = tcp_pair()
    with ours, theirs, plain(socket.AF_INET, socket.SOCK_DGRAM) as bound, socket.create_server((LOCAL, 0)) as server:
        for sock in (ours, theirs, server):
            sock.setblocking(False)
        bound.bind((LOCAL, 0))
        for waits in (
            loop.sock_recv(ours, 1),
            loop.sock_recv_into(ours, bytearray(1)),
            loop.sock_sendall(ours, bytes(50_000_000)),
            loop.sock_accept(server),
            loop.sock_recvfrom(bound, 1),
            loop.sock_recvfrom_into(bound, bytearray(1)),
        ):
            with pytest.raises(RuntimeError, match="Event loop is closed"):
                waits.send(None)
    with plain() as sock:
        connecting = loop.sock_connect(sock, (LOCAL, 9))
        with pytest.raises(RuntimeError, match="Event loop is closed"):
            connecting.send(None)


async def over_tcp(loop, pair, tmp_path):
    transport, _ = await loop.connect_accepted_socket(Witness, pair[0])
    return transport


async def over_tls(loop, pair, tmp_path):
    transport, _ = await secured(loop, pair, Witness())
    return transport


async def over_udp(loop, pair, tmp_path):
    transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, (LOCAL, 0))
    return transport


async def over_a_read_pipe(loop, pair, tmp_path):
    transport, _ = await loop.connect_read_pipe(Witness, pair[0])
    return transport


async def over_a_write_pipe(loop, pair, tmp_path):
    transport, _ = await loop.connect_write_pipe(asyncio.Protocol, pair[0])
    return transport


TRANSPORTS = [over_tcp, over_tls, over_udp, over_a_read_pipe, over_a_write_pipe]
METHODS = [
    ("write", (b"late",)),
    ("write", (bytes(100_000),)),
    ("sendto", (b"late", (LOCAL, 9))),
    ("write_eof", ()),
    ("pause_reading", ()),
    ("resume_reading", ()),
    ("get_write_buffer_size", ()),
    ("get_extra_info", ("socket",)),
    ("is_closing", ()),
    ("__repr__", ()),
]


@pytest.mark.parametrize("end", ["close", "abort"])
@pytest.mark.parametrize("begin", TRANSPORTS)
def test_a_transport_that_outlives_its_loop_does_no_harm_and_gives_its_descriptor_back(
    loop, nothing_left, pair, tmp_path, begin, end
):
    transport = loop.run_until_complete(begin(loop, pair, tmp_path))
    loop.close()

    for method, arguments in METHODS:
        if hasattr(transport, method):
            try:
                getattr(transport, method)(*arguments)
            except (RuntimeError, OSError, NotImplementedError):
                pass  # that it is closed, or that this one cannot: both are true
    getattr(transport, end)()
    getattr(transport, end)()

    assert transport.is_closing()


@pytest.fixture
def messages(monkeypatch):
    """What Weft logs, as text: pytest's own capture would keep the transports that it names."""
    shown = []
    monkeypatch.setattr(logging.getLogger("weft"), "filters", [lambda record: shown.append(record.getMessage())])
    return shown


def test_a_child_that_outlives_its_loop_is_killed_and_can_be_asked(loop, nothing_left, messages):
    async def main():
        transport, _ = await loop.subprocess_exec(asyncio.SubprocessProtocol, "sleep", "1000")
        return transport

    transport = loop.run_until_complete(main())
    loop.close()

    assert transport.get_returncode() == -signal.SIGKILL
    with pytest.raises(ProcessLookupError):
        transport.kill()
    transport.close()
    assert ["was killed: its loop was closed" in message for message in messages] == [True]


def test_a_server_that_outlives_its_loop_gives_its_socket_back(loop, nothing_left):
    server = loop.run_until_complete(loop.create_server(Witness, LOCAL, 0))
    loop.close()

    server.close()
    server.close()

    assert server.sockets == ()


def test_what_a_thread_does_after_the_loop_was_closed_harms_nobody(loop, nothing_left):
    begun, may_end = threading.Event(), threading.Event()

    def work():
        begun.set()
        may_end.wait()

    async def main():
        working = loop.run_in_executor(None, work)
        await settle()
        return working

    working = loop.run_until_complete(main())
    begun.wait()
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("asyncio_")]
    loop.close()
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        may_end.set()
        for thread in threads:
            thread.join()

    assert not working.done()
    assert shown == []

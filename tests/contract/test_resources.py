"""When descriptors run out: accepting pauses, what is open lives on, and who waited is served in the end."""

import subprocess
import sys
import textwrap

import pytest

PROGRAM = """
import asyncio, os, resource, socket, sys
import weft
from weft.core.epoll import EpollPoller
from weft.core.readiness import SelectPoller

loop = weft.Loop(poller={"EpollPoller": EpollPoller, "SelectPoller": SelectPoller}[sys.argv[1]]())
reported = []
loop.set_exception_handler(lambda loop, context: reported.append(context))


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


async def ask(sock, question):
    await loop.sock_sendall(sock, question)
    return await loop.sock_recv(sock, 100)


async def main():
    before = len(os.listdir("/dev/fd"))
    server = await loop.create_server(Echo, "127.0.0.1", 0)
    address = server.sockets[0].getsockname()
    first, second = socket.socket(), socket.socket()
    for sock in (first, second):
        sock.setblocking(False)
    await loop.sock_connect(first, address)
    print("before:", await ask(first, b"one"))

    spare = []
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    while True:
        try:
            spare.append(os.open("/dev/null", os.O_RDONLY))
        except OSError:
            break
    await loop.sock_connect(second, address)
    waiting = asyncio.create_task(ask(second, b"two"))
    while not reported:
        await asyncio.sleep(0)
    print("reported:", reported[0]["exception"].errno, reported[0]["message"])
    for _ in range(200):
        await asyncio.sleep(0)
    print("reports while accepting pauses:", len(reported))
    print("an open connection:", await ask(first, b"three"))
    print("the new one waits:", not waiting.done())

    for descriptor in spare:
        os.close(descriptor)
    print("after:", await waiting)
    for sock in (first, second):
        sock.close()
    server.close()
    while len(os.listdir("/dev/fd")) > before:
        await asyncio.sleep(0)
    print("nothing left open")


loop.run_until_complete(main())
loop.close()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits the number of descriptors as Linux does")
@pytest.mark.parametrize("poller", ["EpollPoller", "SelectPoller"])
def test_when_descriptors_run_out_accepting_pauses_and_goes_on_later(poller):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(PROGRAM), poller],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "before: b'one'",
        "reported: 24 Out of system resources: accepting pauses for 1 s",
        "reports while accepting pauses: 1",
        "an open connection: b'three'",
        "the new one waits: True",
        "after: b'two'",
        "nothing left open",
    ]


def test_a_server_closed_while_accepting_pauses_stays_closed(loop, reported, monkeypatch):
    import asyncio
    import errno
    import socket

    from weft.transports.listener import SocketAcceptor

    def refuse(self):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(SocketAcceptor, "accept", refuse)

    async def main():
        server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
        with socket.socket() as client:
            client.setblocking(False)
            await loop.sock_connect(client, server.sockets[0].getsockname())
            while not reported:
                await asyncio.sleep(0)
            server.close()
            await asyncio.sleep(0)
        return server.is_serving()

    assert loop.run_until_complete(main()) is False
    assert reported.pop()["exception"].errno == errno.EMFILE
    assert reported == []

"""When descriptors run out, each call says so with the system's error, opens nothing, and works again later."""

import subprocess
import sys

import pytest

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="limits the number of descriptors as Linux does")

PROGRAM = """
import asyncio, errno, gc, os, resource, socket, sys, tempfile, threading
import weft
from weft.core.epoll import EpollPoller
from weft.core.readiness import SelectPoller

pollers = {"EpollPoller": EpollPoller, "SelectPoller": SelectPoller}
loop = weft.Loop(poller=pollers[sys.argv[1]]())
reported = []
loop.set_exception_handler(lambda loop, context: reported.append(context))
NAME = f"\\0weft resources {os.getpid()}"
file = tempfile.TemporaryFile()
file.write(bytes(1000))
file.flush()


class Quiet(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
        self.lost = asyncio.get_running_loop().create_future()

    def connection_lost(self, error):
        self.lost.set_result(error)


async def end(transport, protocol):
    transport.close()
    await protocol.lost


async def connect(address):
    await end(*await loop.create_connection(Quiet, *address))


async def connect_by_name(address):
    await end(*await loop.create_connection(Quiet, "localhost", address[1], family=socket.AF_INET))


async def race(address):
    await end(*await loop.create_connection(Quiet, *address, happy_eyeballs_delay=0))


async def connect_unix(address):
    await end(*await loop.create_unix_connection(Quiet, NAME))


async def serve(address):
    server = await loop.create_server(Quiet, "127.0.0.1", 0)
    server.close()


async def serve_unix(address):
    server = await loop.create_unix_server(Quiet, NAME + " more")
    server.close()


async def endpoint(address):
    transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, ("127.0.0.1", 0))
    transport.close()
    await asyncio.sleep(0)


async def accept(address):
    with socket.socket() as sock:
        listening.setblocking(False)
        sock.setblocking(False)
        await loop.sock_connect(sock, listening.getsockname())
        try:
            connection, _ = await loop.sock_accept(listening)
        except OSError:
            while listening_has_more():
                pass
            raise
        connection.close()


def listening_has_more():
    # What could not be accepted goes with its client; take it out once there is a descriptor.
    os.close(spare.pop())
    try:
        listening.accept()[0].close()
    except BlockingIOError:
        return False
    finally:
        spare.append(os.open("/dev/null", os.O_RDONLY))
    return True


async def device(address):
    with open("/dev/null", "rb", 0) as pipe:
        transport, protocol = await loop.connect_read_pipe(Quiet, pipe)
        await protocol.lost


async def child(address):
    process = await asyncio.create_subprocess_exec(
        "true", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    await process.communicate()


async def child_with_code_of_ours(address):
    process = await asyncio.create_subprocess_exec("true", preexec_fn=int, stdout=asyncio.subprocess.PIPE)
    await process.communicate()


async def send_file(address):
    transport, protocol = established
    await loop.sendfile(transport, file)


async def another_loop(address):
    weft.Loop(poller=pollers[sys.argv[1]]()).close()


def fill(free):
    # Use every descriptor up but `free` of them.
    while True:
        try:
            spare.append(os.open("/dev/null", os.O_RDONLY))
        except OSError:
            break
    for _ in range(free):
        os.close(spare.pop())


def give_back():
    while spare:
        os.close(spare.pop())


def count():
    return len(os.listdir("/dev/fd"))


async def quiet(before):
    gc.collect()
    while count() > before or threads_of_children():
        await asyncio.sleep(0)


def threads_of_children():
    return [thread for thread in threading.enumerate() if thread.name == "weft-child"]


async def attempt(kind, address):
    # Try with 0, 1, 2, ... descriptors left, until it works; say how many it took.
    before = count()
    for free in range(30):
        fill(free)
        try:
            await kind(address)
        except OSError as error:
            errors.add((error.errno, kind.__name__))
            works = False
        else:
            works = True
        finally:
            give_back()
        await quiet(before)
        assert count() == before, (kind.__name__, free, count(), before)
        if works:
            await kind(address)
            await quiet(before)
            return free
    raise AssertionError(kind.__name__)


async def main():
    global established, listening
    server = await loop.create_server(Quiet, "127.0.0.1", 0)
    unix = await loop.create_unix_server(Quiet, NAME)
    address = server.sockets[0].getsockname()
    # Connections are accepted when there is room; a reason to fail would only be in the way here.
    listening = socket.create_server(("127.0.0.1", 0))
    peer = socket.create_server(("127.0.0.1", 0))
    established = await loop.create_connection(Quiet, *peer.getsockname())
    theirs, _ = peer.accept()
    await loop.getaddrinfo("localhost", 80)  # starts the thread, loads what looks names up
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    for kind in kinds:
        needed = await attempt(kind, address)
        print(kind.__name__, "works with enough" if needed else "needs none")
    # How a look-up fails that may not open its files is the C library's to say.
    numbers = {number for number, name in errors if name != "connect_by_name"}
    print("errors:", numbers == {errno.EMFILE} or errors)
    established[0].write(b"still there")
    await asyncio.sleep(0)
    theirs.settimeout(10)
    data = b""
    while not data.endswith(b"still there"):
        data += theirs.recv(100_000)
    print("an open connection lives on")
    await end(*established)
    for each in (server, unix):
        each.close()
    for sock in (theirs, peer, listening):
        sock.close()


spare, errors = [], set()
kinds = [globals()[name] for name in sys.argv[2:]]
asyncio.set_event_loop(loop)
loop.run_until_complete(main())
loop.run_until_complete(loop.shutdown_default_executor())
assert all(context["message"].startswith("Out of system resources") for context in reported), reported
try:
    os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    print("a child is left")
except ChildProcessError:
    pass
loop.close()
asyncio.set_event_loop(None)
file.close()
print("open at the end:", count() - at_the_beginning)
"""
KINDS = [
    "connect",
    "connect_by_name",
    "race",
    "connect_unix",
    "serve",
    "serve_unix",
    "endpoint",
    "accept",
    "device",
    "child",
    "child_with_code_of_ours",
    "send_file",
    "another_loop",
]


@needs_linux
@pytest.mark.parametrize("poller", ["EpollPoller", "SelectPoller"])
def test_whatever_is_begun_without_descriptors_left_says_so_and_leaves_nothing_open(poller):
    program = "import os\nat_the_beginning = len(os.listdir('/dev/fd'))\n" + PROGRAM
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, poller, *KINDS],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[: len(KINDS)]] == KINDS
    assert all(line.endswith("works with enough") for line in lines[: len(KINDS)])
    assert lines[len(KINDS) :] == [
        "errors: True",
        "an open connection lives on",
        "open at the end: 0",
    ]

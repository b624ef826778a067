"""AnyIO on Weft as on asyncio, by its own entry points: `anyio.run` and its pytest plugin."""

import hashlib
import random
import signal
import ssl
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.to_process
import pytest
from anyio.abc import SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream
from anyio.streams.text import TextReceiveStream
from anyio.streams.tls import TLSAttribute, TLSListener, TLSStream

import weft

DATA = random.Random(3).randbytes(3_000_000)


@pytest.fixture
def anyio_on_both(run_on_both: Any) -> Any:
    on_weft = partial(anyio.run, backend_options={"loop_factory": weft.new_event_loop})
    return partial(run_on_both, on_asyncio=anyio.run, on_weft=on_weft)


async def groups_and_scopes() -> Any:
    seen: list[Any] = []

    async def begin(number: int, *, task_status: anyio.abc.TaskStatus[int]) -> None:
        task_status.started(number * 2)
        await anyio.sleep(number / 1000)
        seen.append(number)

    async with anyio.create_task_group() as group:
        started = [await group.start(begin, number) for number in range(10)]
    with anyio.move_on_after(0.01) as scope:
        await anyio.sleep_forever()
    try:
        with anyio.fail_after(0.01):
            await anyio.sleep_forever()
    except TimeoutError:
        seen.append("failed")
    shielded = []
    async with anyio.create_task_group() as group:

        async def resist() -> None:
            try:
                await anyio.sleep_forever()
            finally:
                with anyio.CancelScope(shield=True):
                    await anyio.sleep(0.01)
                    shielded.append("cleaned up")

        for _ in range(3):
            group.start_soon(resist)
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep_forever)

            async def fail() -> None:
                raise LookupError("on purpose")

            group.start_soon(fail)
    except ExceptionGroup as errors:
        seen.append([str(error) for error in errors.exceptions])
    return seen, started, scope.cancelled_caught, shielded


def test_task_groups_and_cancel_scopes(anyio_on_both: Any) -> None:
    seen, started, was_cancelled, shielded = anyio_on_both(groups_and_scopes)

    assert sorted(seen[:10]) == list(range(10))
    assert seen[10:] == ["failed", ["on purpose"]]
    assert started == list(range(0, 20, 2))
    assert was_cancelled
    assert shielded == ["cleaned up"] * 3


async def echo(stream: Any) -> None:
    async with stream:
        try:
            async for data in stream:
                await stream.send(data)
        except anyio.BrokenResourceError:
            pass
        if isinstance(stream, SocketStream):
            await stream.send_eof()


async def exchange(stream: Any) -> Any:
    digest = hashlib.sha256()
    async with anyio.create_task_group() as group:

        async def send() -> None:
            for start in range(0, len(DATA), 100_000):
                await stream.send(DATA[start : start + 100_000])

        group.start_soon(send)
        buffered = BufferedByteReceiveStream(stream)
        for _ in range(len(DATA) // 10_000):
            digest.update(await buffered.receive_exactly(10_000))
    if isinstance(stream, SocketStream):
        await stream.send_eof()
        try:
            digest.update(await stream.receive())
        except anyio.EndOfStream:
            digest.update(b"end")
    return digest.hexdigest()


async def tcp_clients() -> Any:
    digests = []
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        async with anyio.create_task_group() as group:
            group.start_soon(listener.serve, echo)

            async def ask() -> None:
                async with await anyio.connect_tcp("localhost", port) as stream:
                    digests.append(await exchange(stream))

            async with anyio.create_task_group() as clients:
                for _ in range(5):
                    clients.start_soon(ask)
            group.cancel_scope.cancel()
    return digests


def test_five_tcp_clients_exchange_megabytes_and_half_close(anyio_on_both: Any) -> None:
    assert anyio_on_both(tcp_clients) == [hashlib.sha256(DATA + b"end").hexdigest()] * 5


async def tls_client(server_context: ssl.SSLContext, client_context: ssl.SSLContext) -> Any:
    tcp = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = tcp.extra(anyio.abc.SocketAttribute.local_port)
    async with TLSListener(tcp, server_context) as listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, echo)
        stream = await anyio.connect_tcp("localhost", port, tls=True, ssl_context=client_context)
        async with stream:
            digest = await exchange(stream)
            cipher = stream.extra(TLSAttribute.tls_version)
        async with await anyio.connect_tcp("127.0.0.1", port) as plain:
            wrapped = await TLSStream.wrap(plain, hostname="localhost", ssl_context=client_context)
            await wrapped.send(b"wrapped")
            received = await wrapped.receive()
            await wrapped.aclose()
        group.cancel_scope.cancel()
    return digest, cipher, received


def test_tls_streams(anyio_on_both: Any, server_context: ssl.SSLContext, client_context: ssl.SSLContext) -> None:
    digest, _, received = anyio_on_both(tls_client, server_context, client_context)

    assert digest == hashlib.sha256(DATA).hexdigest()
    assert received == b"wrapped"


async def unix_client(path: str) -> Any:
    async with await anyio.create_unix_listener(path) as listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, echo)
        async with await anyio.connect_unix(path) as stream:
            digest = await exchange(stream)
        group.cancel_scope.cancel()
    return digest


def test_unix_streams(anyio_on_both: Any, short_folder: Path) -> None:
    digest = anyio_on_both(unix_client, str(short_folder / "one"))

    assert digest == hashlib.sha256(DATA + b"end").hexdigest()


async def datagrams(folder: str) -> Any:
    heard: list[Any] = []
    async with await anyio.create_udp_socket(local_host="127.0.0.1") as one:
        port = one.extra(anyio.abc.SocketAttribute.local_port)
        async with await anyio.create_connected_udp_socket("127.0.0.1", port) as two:
            for number in range(200):
                await two.send(b"datagram %d" % number)
                packet, (_, sender) = await one.receive()
                await one.sendto(packet[::-1], "127.0.0.1", sender)
                heard.append(await two.receive())
    path = f"{folder}/datagrams{random.random()}"
    async with (
        await anyio.create_unix_datagram_socket(local_path=path) as one,
        await anyio.create_connected_unix_datagram_socket(path) as two,
    ):
        for number in range(200):
            await two.send(b"datagram %d" % number)
            heard.append((await one.receive())[0])
    return heard


def test_datagrams_over_udp_and_unix_sockets(anyio_on_both: Any, short_folder: Path) -> None:
    heard = anyio_on_both(datagrams, str(short_folder))

    sent = [b"datagram %d" % number for number in range(200)]
    assert heard == [each[::-1] for each in sent] + sent


CHILD = """
import sys
print(sys.stdin.read().upper(), end="")
print("done", file=sys.stderr)
sys.exit(3)
"""


async def processes() -> Any:
    done = await anyio.run_process([sys.executable, "-c", CHILD], input=b"some text\n" * 20_000, check=False)
    try:
        await anyio.run_process("exit 5")
    except subprocess.CalledProcessError as error:
        code = error.returncode
    async with await anyio.open_process([sys.executable, "-u", "-c", "for n in range(1000): print(n)"]) as process:
        assert process.stdout is not None
        lines = "".join([piece async for piece in TextReceiveStream(process.stdout)]).split()
        await process.wait()
    with anyio.move_on_after(0.05) as scope:
        await anyio.run_process([sys.executable, "-c", "import time; time.sleep(1000)"])
    in_process = await anyio.to_process.run_sync(pow, 3, 4)
    first = (done.returncode, done.stdout, done.stderr)
    return first, code, lines, process.returncode, scope.cancelled_caught, in_process


def test_processes_run_are_read_and_are_killed_when_cancelled(anyio_on_both: Any) -> None:
    outcome = anyio_on_both(processes)

    numbers = [str(number) for number in range(1000)]
    assert outcome == ((3, b"SOME TEXT\n" * 20_000, b"done\n"), 5, numbers, 0, True, 81)


async def threads() -> Any:
    main_thread = threading.get_ident()

    def work(number: int) -> Any:
        anyio.from_thread.run(anyio.sleep, 0)
        return number * 2, threading.get_ident() != main_thread, anyio.from_thread.run_sync(threading.get_ident)

    results: list[Any] = [None] * 30

    async def one(number: int) -> None:
        results[number] = await anyio.to_thread.run_sync(work, number)

    async with anyio.create_task_group() as group:
        for number in range(30):
            group.start_soon(one, number)
    return [(double, elsewhere, back == main_thread) for double, elsewhere, back in results]


def test_threads_call_back_into_the_loop(anyio_on_both: Any) -> None:
    assert anyio_on_both(threads) == [(number * 2, True, True) for number in range(30)]


async def signals() -> Any:
    seen = []
    with anyio.open_signal_receiver(signal.SIGUSR1, signal.SIGUSR2) as receiver:
        for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGUSR1):
            signal.raise_signal(number)
            seen.append(await anext(receiver))
    return seen


def test_signals_are_received(anyio_on_both: Any) -> None:
    assert anyio_on_both(signals) == [signal.SIGUSR1, signal.SIGUSR2, signal.SIGUSR1]


async def files(folder: str) -> Any:
    path = anyio.Path(folder) / "file"
    await path.write_bytes(DATA)
    async with await anyio.open_file(path, "rb") as file:
        digest = hashlib.sha256(await file.read())
    send, receive = anyio.create_memory_object_stream[int](5)
    async with anyio.create_task_group() as group:

        async def produce() -> None:
            async with send:
                for number in range(1000):
                    await send.send(number)

        group.start_soon(produce)
        async with receive:
            numbers = [number async for number in receive]
    return digest.hexdigest(), numbers


def test_files_and_memory_streams(anyio_on_both: Any, short_folder: Path) -> None:
    assert anyio_on_both(files, str(short_folder)) == (hashlib.sha256(DATA).hexdigest(), list(range(1000)))

"""Standard input and output as a connection: pipes, files, devices, sockets; each in a process of its own."""

import os
import socket
import subprocess

import pytest

from .programs import command, ended

FILTER = """
async def main():
    reader, writer = await weft.open_stream("stdio:")
    print("this goes to standard error")
    while line := await reader.readline():
        writer.write(line.upper())
        await writer.drain()
    writer.close()
    await writer.wait_closed()

run(main())
"""
LINES = b"one\ntwo\n" * 20_000


def test_a_filter_between_pipes(loop_name):
    status, said, complained = ended(loop_name, FILTER, input=LINES, capture_output=True)

    assert (status, said) == (0, LINES.upper())
    assert complained == b"this goes to standard error\n"


def test_a_filter_from_a_file_to_a_file(loop_name, tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(LINES)

    with source.open("rb") as incoming, target.open("wb") as outgoing:
        status, _, complained = ended(loop_name, FILTER, stdin=incoming, stdout=outgoing, stderr=subprocess.PIPE)

    assert (status, complained) == (0, b"this goes to standard error\n")
    assert target.read_bytes() == LINES.upper()


def test_a_device_that_never_waits_will_do(loop_name):
    status, said, complained = ended(loop_name, FILTER, stdin=subprocess.DEVNULL, capture_output=True)

    assert (status, said, complained) == (0, b"", b"this goes to standard error\n")


def test_a_disk_that_is_full_ends_the_connection(loop_name):
    body = """
async def main():
    reader, writer = await weft.open_stream("stdio:")
    writer.write(b"x" * 100)
    try:
        await writer.wait_closed()
    except OSError as error:
        print(error.strerror, file=sys.stderr)

run(main())
"""
    with open("/dev/full", "wb") as full:
        status, _, complained = ended(
            loop_name, body, stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE, text=True
        )

    assert (status, complained) == (0, "No space left on device\n")


def test_one_socket_for_both_is_one_connection_that_can_be_half_closed(loop_name):
    body = """
async def main():
    reader, writer = await weft.open_stream("stdio:")
    everything = await reader.read()
    writer.write(everything.upper())
    writer.close()
    await writer.wait_closed()

run(main())
"""
    ours, theirs = socket.socketpair()
    with (
        ours,
        subprocess.Popen(command(loop_name, body), stdin=theirs, stdout=theirs, stderr=subprocess.PIPE) as process,
    ):
        theirs.close()
        ours.settimeout(20)
        ours.sendall(b"hello")
        ours.shutdown(socket.SHUT_WR)
        came = ours.recv(100), ours.recv(100)
        complained = process.stderr.read()

    assert (came, complained, process.returncode) == ((b"HELLO", b""), b"", 0)


def test_listening_makes_the_one_connection_for_a_protocol(loop_name):
    body = """
class Shout(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
        self.events = ["made"]

    def data_received(self, data):
        self.transport.write(data.upper())

    def eof_received(self):
        self.events.append("eof")
        self.transport.write(b"bye")

    def connection_lost(self, error):
        self.events.append(error)
        ended.set()

async def main():
    global ended
    ended = asyncio.Event()
    made = []

    def factory():
        made.append(Shout())
        return made[-1]

    async with await weft.listen("stdio:", factory) as port:
        await ended.wait()
    print(made[0].events, port.addresses, len(made))

run(main())
"""
    status, said, complained = ended(loop_name, body, input=b"hello ", capture_output=True)

    assert (status, said, complained) == (0, b"HELLO bye", b"['made', 'eof', None] () 1\n")


def test_when_nobody_reads_any_more_the_connection_ends_with_an_error(loop_name):
    body = """
class Wait(asyncio.Protocol):
    def connection_lost(self, error):
        ended.set_result(error)

async def main():
    global ended
    ended = asyncio.get_running_loop().create_future()
    await weft.connect("stdio:", Wait)
    print(repr(await ended))

run(main())
"""
    with subprocess.Popen(
        command(loop_name, body), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.close()
        complained = process.stderr.read()

    assert complained.startswith(b"BrokenPipeError(")
    assert process.returncode == 0


def test_it_can_be_had_once(loop_name):
    body = """
async def main():
    reader, writer = await weft.open_stream("stdio:")
    try:
        await weft.open_stream("stdio:")
    except weft.errors.EndpointError as error:
        print(error)
    writer.close()
    await writer.wait_closed()

import weft.errors
run(main())
"""
    _, said, complained = ended(loop_name, body, input=b"", capture_output=True)

    assert said == b""
    assert complained.startswith(b"standard input and output were taken before")


@pytest.mark.parametrize("end", ["writer.close()", "writer.transport.abort()"])
def test_others_who_share_a_pipe_find_it_as_it_was(loop_name, end):
    body = f"""
async def main():
    reader, writer = await weft.open_stream("stdio:")
    writer.write(await reader.readline())
    await writer.drain()
    {end}
    try:
        await writer.wait_closed()
    except OSError:
        pass

run(main())
"""
    incoming, outgoing = os.pipe(), os.pipe()
    os.write(incoming[1], b"hello\n")

    status, _, _ = ended(loop_name, body, stdin=incoming[0], stdout=outgoing[1], stderr=subprocess.PIPE)

    assert status == 0
    assert os.get_blocking(incoming[0])
    assert os.get_blocking(outgoing[1])
    if end == "writer.close()":  # aborting may drop it
        assert os.read(outgoing[0], 100) == b"hello\n"
    for descriptor in (*incoming, *outgoing):
        os.close(descriptor)


def test_what_was_printed_before_is_not_lost(loop_name):
    body = (
        """
print("first")
"""
        + FILTER
    )

    status, said, _ = ended(loop_name, body, input=b"second\n", capture_output=True)

    assert (status, said) == (0, b"first\nSECOND\n")


def test_without_a_standard_error_what_is_printed_goes_nowhere(loop_name):
    program = command(loop_name, FILTER)

    result = subprocess.run(
        ["bash", "-c", 'exec 2>&-; exec "$@"', "bash", *program], input=b"x\n", stdout=subprocess.PIPE, check=True
    )

    assert result.stdout == b"X\n"

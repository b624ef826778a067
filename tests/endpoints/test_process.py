"""Child processes as connections."""

import asyncio
import logging
import os
import signal
import sys

import pytest

import weft
from weft.endpoints import Process
from weft.errors import ProcessExitError

from .conftest import ask


def python(program, **options):
    return Process((sys.executable, "-c", program), **options)


class Note(asyncio.Protocol):
    """Notes what happens."""

    keeps_open = False

    def __init__(self):
        self.came = b""
        self.events = []
        self.ended = asyncio.get_running_loop().create_future()
        self.said = asyncio.Event()

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.came += data
        self.said.set()

    def eof_received(self):
        self.events.append("eof")
        return self.keeps_open

    def pause_writing(self):
        self.events.append("pause")

    def resume_writing(self):
        self.events.append("resume")

    def connection_lost(self, error):
        self.ended.set_result(error)


def test_a_childs_input_and_output_are_a_connection(run):
    assert run(ask("process:cat")) == b"hello"


def test_a_string_gives_its_arguments_to_the_program(run):
    program = r"import sys; print(sys.argv[1\:])".replace("=", r"\=")

    async def main():
        reader, writer = await weft.open_stream(f"process:{sys.executable}:-c:{program}:a\\:b:c\\=d")
        said = await reader.read()
        writer.close()
        await writer.wait_closed()
        return said

    assert run(main()) == b"['a:b', 'c=d']\n"


def test_the_end_of_what_is_written_can_be_told_and_the_answer_awaited(run):
    async def main():
        transport, protocol = await weft.connect("process:sort", Note)
        transport.writelines([b"b\n", b"a\n"])
        transport.write_eof()
        with pytest.raises(RuntimeError, match="after write_eof"):
            transport.write(b"more")
        error = await protocol.ended
        return protocol.came, protocol.events, error, transport.is_closing()

    assert run(main()) == (b"a\nb\n", ["eof"], None, True)


def test_large_answers_and_questions_come_whole(run):
    data = bytes(range(256)) * 20_000

    async def main():
        transport, protocol = await weft.connect("process:cat", Note)
        transport.write(data)
        transport.write_eof()
        await protocol.ended
        return protocol.came

    assert run(main()) == data


def test_a_child_that_fails_is_told(run):
    async def main():
        found = []
        for program in ("raise SystemExit(3)", "import os; os.kill(os.getpid(), 9)"):
            _, protocol = await weft.connect(python(program), Note)
            found.append(await protocol.ended)
        return found

    failed, killed = run(main())

    assert isinstance(failed, ProcessExitError)
    assert (failed.returncode, killed.returncode) == (3, -9)
    assert "its status is 3" in str(failed)
    assert "signal 9 ended it" in str(killed)


def test_a_child_is_shown_by_its_command():
    where = Process(("ssh", "example.org", "nc -l 25"), errors="log")

    assert str(where) == "ssh example.org 'nc -l 25'"
    assert weft.ClientService(where, Note).note == "not connected to ssh example.org 'nc -l 25'"


def test_a_program_that_cannot_be_run_is_an_error_of_the_system(run):
    async def main():
        with pytest.raises(FileNotFoundError):
            await weft.connect("process:/no/such/program", Note)

    run(main())


def test_closing_sends_what_was_written_and_lets_the_child_end(run, tmp_path):
    target = tmp_path / "target"

    async def main():
        transport, protocol = await weft.connect(f"process:tee:{target}", Note)
        transport.write(b"x" * 500_000)
        transport.close()
        return await protocol.ended

    assert run(main()) is None
    assert target.stat().st_size == 500_000


STUBBORN = """
import signal, sys, time
signal.signal(signal.SIGTERM, {})
print("ready", flush=True)
while True:
    time.sleep(60)
"""


@pytest.mark.parametrize("answer", ["signal.SIG_DFL", "signal.SIG_IGN"], ids=["terminates", "must be killed"])
def test_a_child_that_does_not_end_is_ended(run, answer):
    async def main():
        endpoint = python(STUBBORN.format(answer), end_timeout_s=0.05)
        transport, protocol = await weft.connect(endpoint, Note)
        await protocol.said.wait()
        process = transport.get_extra_info("process")
        transport.close()
        error = await protocol.ended
        return error, process.get_returncode()

    assert run(main()) == (None, -15 if answer == "signal.SIG_DFL" else -9)


def test_aborting_kills_the_child_at_once(run):
    async def main():
        transport, protocol = await weft.connect(python(STUBBORN.format("signal.SIG_IGN")), Note)
        await protocol.said.wait()
        number = transport.get_extra_info("pid")
        transport.abort()
        error = await protocol.ended
        with pytest.raises(ProcessLookupError):
            os.kill(number, 0)
        return error

    assert run(main()) is None


READS_WHEN_TOLD = """
import signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
print("ready", flush=True)
signal.sigwait([signal.SIGUSR1])
print(len(sys.stdin.read()))
"""


def test_a_child_that_does_not_read_makes_the_writer_pause(run):
    async def main():
        transport, protocol = await weft.connect(python(READS_WHEN_TOLD), Note)
        await protocol.said.wait()
        transport.set_write_buffer_limits(high=1000)
        transport.write(b"x" * 1_000_000)
        while "pause" not in protocol.events:
            await asyncio.sleep(0)
        waiting = transport.get_write_buffer_size()
        os.kill(transport.get_extra_info("pid"), signal.SIGUSR1)
        transport.write_eof()
        await protocol.ended
        return waiting > 1000, protocol.events, protocol.came

    is_waiting, events, came = run(main())

    assert is_waiting
    assert events[0] == "pause"
    assert came == b"ready\n1000000\n"


def test_a_protocol_that_pauses_is_given_nothing(run):
    async def main():
        transport, protocol = await weft.connect("process:cat", Note)
        transport.pause_reading()
        transport.write(b"hello")
        other, echo = await weft.connect("process:cat", Note)
        other.write(b"x")
        await echo.said.wait()
        before = protocol.came, transport.is_reading()
        transport.resume_reading()
        await protocol.said.wait()
        for each in (transport, other):
            each.close()
        await asyncio.gather(protocol.ended, echo.ended)
        return before, protocol.came

    assert run(main()) == ((b"", False), b"hello")


CLOSES_ITS_INPUT = """
import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
os.close(0)
print("closed", flush=True)
signal.sigwait([signal.SIGUSR1])
"""


def test_what_a_child_did_not_want_any_more_is_told_at_the_end(run):
    async def main():
        transport, protocol = await weft.connect(python(CLOSES_ITS_INPUT), Note)
        await protocol.said.wait()
        transport.write(b"x" * 1000)
        os.kill(transport.get_extra_info("pid"), signal.SIGUSR1)
        return await protocol.ended

    assert isinstance(run(main()), BrokenPipeError)


def test_what_a_child_complains_of_goes_to_the_log(run, caplog):
    program = r"import sys; sys.stderr.write('one\ntwo\n' + 'x' * 5000 + '\nend')"

    async def main():
        _, protocol = await weft.connect(python(program, errors="log"), Note)
        return await protocol.ended

    with caplog.at_level(logging.WARNING):
        assert run(main()) is None
    said = [record.getMessage().partition("): ")[2] for record in caplog.records]
    assert said == ["one", "two", "x" * 4096, "x" * 904, "end"]


def test_what_a_child_complains_of_may_be_dropped_or_go_where_ours_does(run, capfd):
    program = "import sys; sys.stderr.write(sys.argv[1])"

    async def main():
        for errors in ("drop", "inherit"):
            _, protocol = await weft.connect(Process((sys.executable, "-c", program, errors), errors), Note)
            await protocol.ended

    run(main())
    assert capfd.readouterr().err == "inherit"


def test_folder_and_environment_are_the_childs(run, tmp_path):
    program = "import os; print(os.getcwd(), os.environ.get('GREETING'))"

    async def main():
        endpoint = python(program, folder=str(tmp_path), environment={"GREETING": "hi"})
        _, protocol = await weft.connect(endpoint, Note)
        await protocol.ended
        return protocol.came.decode().split()

    assert run(main()) == [os.path.realpath(tmp_path), "hi"]


def test_a_protocol_with_its_own_buffer_is_served(run):
    class Buffered(asyncio.BufferedProtocol):
        def __init__(self):
            self.buffer = bytearray(7)
            self.came = b""
            self.ended = asyncio.get_running_loop().create_future()

        def get_buffer(self, sizehint):
            return self.buffer

        def buffer_updated(self, nbytes):
            self.came += self.buffer[:nbytes]

        def eof_received(self):
            return None

        def connection_lost(self, error):
            self.ended.set_result(error)

    async def main():
        transport, protocol = await weft.connect("process:cat", Buffered)
        transport.write(b"0123456789" * 10)
        transport.write_eof()
        await protocol.ended
        return protocol.came

    assert run(main()) == b"0123456789" * 10

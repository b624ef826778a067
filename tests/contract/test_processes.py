"""Child processes: what goes in and out, how they end, and that nothing of them stays behind, however it goes."""

import asyncio
import contextlib
import contextvars
import ctypes
import logging
import os
import pathlib
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import weft
from weft.core.readiness import SelectPoller
from weft.ports import Source

from .conftest import settle

PIPE = subprocess.PIPE
Reported = list[dict[str, Any]]


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """Every test must leave no child, neither alive nor as a zombie, and no thread."""
    threads = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= threads, "the test left a thread"
    assert children_left() == "none"


def children_left() -> str:
    try:
        ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return "none"
    return "one that runs" if ended is None else f"a zombie: {ended}"


@pytest.fixture(autouse=True, params=["pidfd", "thread"])
def reaping(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With pidfds, and as on a system without them."""
    if request.param == "thread":
        monkeypatch.delattr(os, "pidfd_open")


class Parent(asyncio.SubprocessProtocol):
    """Writes down its callbacks, in order, and lets a test wait for them."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.output = {1: b"", 2: b""}
        self.changed = asyncio.Event()

    def note(self, *call: Any) -> None:
        self.calls.append(call[0] if len(call) == 1 else call)
        self.changed.set()

    def connection_made(self, transport: Any) -> None:
        self.note("made")

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self.output[fd] += data
        self.note("data", fd)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        self.note("pipe lost", fd)

    def process_exited(self) -> None:
        self.note("exited")

    def connection_lost(self, exc: Exception | None) -> None:
        self.note("lost")

    def pause_writing(self) -> None:
        self.note("pause")

    def resume_writing(self) -> None:
        self.note("resume")

    async def until(self, *call: Any) -> None:
        wanted = call[0] if len(call) == 1 else call
        while wanted not in self.calls:
            self.changed.clear()
            await self.changed.wait()


def do_nothing() -> None:
    """As a preexec_fn it has the child started in a thread."""


async def shell(script: str, **options: Any) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec("/bin/sh", "-c", script, **options)


async def end(process: asyncio.subprocess.Process) -> None:
    process.kill()
    await process.wait()


async def ended_unnoticed(**options: Any) -> asyncio.subprocess.Process:
    """Return a child that has ended with status 3, which the loop does not know yet."""
    process = await shell("read line; exit 3", stdin=PIPE, **options)
    assert process.stdin is not None
    os.write(process.stdin.get_extra_info("pipe").fileno(), b"go\n")
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    return process


def python(program: str) -> tuple[str, ...]:
    return (sys.executable, "-I", "-S", "-c", program)


def threads_of_children() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "weft-child"]


# -- status


@pytest.mark.parametrize("preexec_fn", [None, do_nothing])
@pytest.mark.parametrize(
    "script, status", [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", -signal.SIGKILL), ("kill -TERM $$", -15)]
)
def test_the_status_is_the_exit_code_or_the_signal_negated(
    loop: weft.Loop, script: str, status: int, preexec_fn: Any
) -> None:
    async def main() -> tuple[Any, ...]:
        process = await shell(script, preexec_fn=preexec_fn)
        return await process.wait(), await process.wait(), process.returncode

    assert loop.run_until_complete(main()) == (status, status, status)


def test_a_shell_runs_a_command_line(loop: weft.Loop) -> None:
    async def main() -> tuple[bytes, int | None]:
        process = await asyncio.create_subprocess_shell("echo $((6 * 7)); exit 3", stdout=PIPE)
        output, _ = await process.communicate()
        return output, process.returncode

    assert loop.run_until_complete(main()) == (b"42\n", 3)


def test_many_wait_for_one_child(loop: weft.Loop) -> None:
    async def main() -> list[int]:
        process = await shell("read line; exit 5", stdin=PIPE)
        waiting = [asyncio.create_task(process.wait()) for _ in range(10)]
        await settle()
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        return await asyncio.gather(*waiting)

    assert loop.run_until_complete(main()) == [5] * 10


def test_waiting_ends_with_the_child_even_while_a_grandchild_holds_its_pipe(loop: weft.Loop) -> None:
    async def main() -> tuple[int, bytes]:
        process = await shell("sleep 1000 & echo $!; exit 4", stdout=PIPE)
        assert process.stdout is not None
        grandchild = int(await process.stdout.readline())
        status = await process.wait()
        os.kill(grandchild, signal.SIGKILL)
        return status, await process.stdout.read()

    assert loop.run_until_complete(main()) == (4, b"")


def test_fifty_children_at_once(loop: weft.Loop) -> None:
    async def one(number: int) -> tuple[bytes, int | None]:
        process = await shell(f"read line; echo $line; exit {number}", stdin=PIPE, stdout=PIPE)
        output, _ = await process.communicate(b"child %d\n" % number)
        return output, process.returncode

    async def main() -> list[Any]:
        return await asyncio.gather(*[one(number) for number in range(50)])

    assert loop.run_until_complete(main()) == [(b"child %d\n" % number, number) for number in range(50)]


# -- bytes


def test_ten_megabytes_each_on_stdout_and_stderr_come_whole(loop: weft.Loop) -> None:
    program = (
        "import os, threading\n"
        "def write(fd, piece):\n"
        "    left = piece * 10_000_000\n"
        "    while left: left = left[os.write(fd, left):]\n"
        "threads = [threading.Thread(target=write, args=it) for it in ((1, b'o'), (2, b'e'))]\n"
        "for thread in threads: thread.start()\n"
    )

    async def main() -> tuple[bytes, bytes]:
        process = await asyncio.create_subprocess_exec(*python(program), stdout=PIPE, stderr=PIPE)
        return await process.communicate()

    output, errors = loop.run_until_complete(main())

    assert output == b"o" * 10_000_000
    assert errors == b"e" * 10_000_000


def test_what_is_fed_in_comes_back_from_cat(loop: weft.Loop) -> None:
    data = os.urandom(1_000_000)

    async def main() -> tuple[bytes, bytes]:
        process = await asyncio.create_subprocess_exec("cat", stdin=PIPE, stdout=PIPE)
        return await process.communicate(data)

    assert loop.run_until_complete(main()) == (data, None)


def test_a_child_that_closes_its_stdin_early_breaks_the_pipe_and_runs_on(loop: weft.Loop) -> None:
    async def main() -> int:
        process = await shell("read line; exec <&-; echo closed; kill -STOP $$; exit 6", stdin=PIPE, stdout=PIPE)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"first line\n" + bytes(1_000_000))
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            await process.stdin.drain()
        assert await process.stdout.readline() == b"closed\n"
        assert process.returncode is None
        while os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOHANG) is None:
            await asyncio.sleep(0)
        process.send_signal(signal.SIGCONT)
        return await process.wait()

    assert loop.run_until_complete(main()) == 6


def test_communicate_takes_no_notice_of_a_child_that_does_not_read(loop: weft.Loop) -> None:
    async def main() -> tuple[bytes, int | None]:
        process = await shell("exec <&-; echo done", stdin=PIPE, stdout=PIPE)
        output, _ = await process.communicate(bytes(1_000_000))
        return output, process.returncode

    assert loop.run_until_complete(main()) == (b"done\n", 0)


def test_stderr_can_go_where_stdout_goes_and_nothing_anywhere(loop: weft.Loop, tmp_path: pathlib.Path) -> None:
    async def main() -> tuple[bytes, bytes]:
        process = await shell("echo out; echo err >&2", stdout=PIPE, stderr=subprocess.STDOUT)
        output = await process.communicate()
        with open(tmp_path / "file", "wb") as file:
            process = await shell("cat; echo err >&2", stdin=subprocess.DEVNULL, stdout=file, stderr=file)
            assert (process.stdin, process.stdout, process.stderr) == (None, None, None)
            await process.communicate()
        return output

    assert loop.run_until_complete(main()) == (b"out\nerr\n", None)
    assert (tmp_path / "file").read_bytes() == b"err\n"


def test_options_reach_the_child(loop: weft.Loop, tmp_path: pathlib.Path) -> None:
    async def main() -> bytes:
        process = await shell(
            'echo $NAME; pwd -P; [ "$(ps -o pgid= -p $$ | tr -d " ")" = $$ ] && echo leader',
            stdout=PIPE,
            env={"NAME": "value", "PATH": os.environ["PATH"]},
            cwd=tmp_path,
            start_new_session=True,
        )
        return (await process.communicate())[0]

    lines = loop.run_until_complete(main()).splitlines()

    assert lines[:2] == [b"value", os.fsencode(tmp_path.resolve())]


# -- the protocol


@pytest.mark.parametrize("preexec_fn", [None, do_nothing])
def test_the_protocol_is_told_made_first_and_lost_last(loop: weft.Loop, preexec_fn: Any) -> None:
    async def main() -> Any:
        transport, parent = await loop.subprocess_exec(
            Parent, "/bin/sh", "-c", "echo out; echo err >&2; exit 3", preexec_fn=preexec_fn
        )
        await parent.until("lost")
        assert transport.get_returncode() == 3
        return parent

    parent = loop.run_until_complete(main())

    assert parent.output == {1: b"out\n", 2: b"err\n"}
    assert parent.calls[0] == "made"
    assert parent.calls[-1] == "lost"
    assert parent.calls.count("exited") == 1
    for fd in (1, 2):
        assert parent.calls.index(("data", fd)) < parent.calls.index(("pipe lost", fd))
    assert sorted(call for call in parent.calls if call[0] == "pipe lost") == [("pipe lost", n) for n in range(3)]


def test_connection_lost_waits_for_the_pipes_of_a_child_that_has_ended(loop: weft.Loop) -> None:
    async def main() -> list[Any]:
        transport, parent = await loop.subprocess_shell(
            Parent, "sleep 1000 & echo $!", stdin=None, stderr=None, start_new_session=True
        )
        await parent.until("exited")
        await parent.until("data", 1)
        await settle()
        before = list(parent.calls)
        os.killpg(transport.get_pid(), signal.SIGKILL)
        await parent.until("lost")
        return before

    assert "lost" not in loop.run_until_complete(main())


def test_a_slow_reader_pauses_and_resumes_the_protocol(loop: weft.Loop) -> None:
    async def main() -> Any:
        transport, parent = await loop.subprocess_shell(Parent, "read line; cat >/dev/null", stdout=None, stderr=None)
        stdin = transport.get_pipe_transport(0)
        stdin.write(b"x" * 1_000_000)
        assert parent.calls == ["made", "pause"]
        stdin.write(b"\n")
        await parent.until("resume")
        stdin.close()
        await parent.until("lost")
        return parent.calls

    assert loop.run_until_complete(main())[:3] == ["made", "pause", "resume"]


def test_what_a_protocol_raises_is_reported_and_the_rest_is_told(loop: weft.Loop, reported: Reported) -> None:
    class Faulty(Parent):
        def note(self, *call: Any) -> None:
            super().note(*call)
            raise ZeroDivisionError

    async def main() -> list[Any]:
        _, parent = await loop.subprocess_shell(Faulty, "echo out", stdin=None, stderr=None)
        await parent.until("lost")
        return sorted(map(str, parent.calls))

    calls = loop.run_until_complete(main())

    assert calls == ["('data', 1)", "('pipe lost', 1)", "exited", "lost", "made"]
    assert [type(context.pop("exception")) for context in reported] == [ZeroDivisionError] * 5
    reported.clear()


def test_callbacks_run_in_the_context_that_the_child_was_started_in(loop: weft.Loop) -> None:
    name = contextvars.ContextVar("name", default="outside")
    seen = set()

    class Curious(Parent):
        def note(self, *call: Any) -> None:
            seen.add(name.get())
            super().note(*call)

    async def main() -> None:
        name.set("inside")
        for preexec_fn in (None, do_nothing):
            _, parent = await loop.subprocess_shell(Curious, "echo out", preexec_fn=preexec_fn)
            await parent.until("lost")

    loop.run_until_complete(main())

    assert seen == {"inside"}


def test_the_transport_says_what_it_is(loop: weft.Loop) -> None:
    async def main() -> None:
        transport, parent = await loop.subprocess_shell(Parent, "read line", stdout=None, stderr=None)
        popen = transport.get_extra_info("subprocess")
        assert isinstance(transport, asyncio.SubprocessTransport)
        assert transport.get_pid() == popen.pid
        assert transport.get_returncode() is None
        assert isinstance(transport.get_pipe_transport(0), asyncio.WriteTransport)
        assert transport.get_pipe_transport(1) is None
        assert transport.get_protocol() is parent
        assert not transport.is_closing()
        assert "running" in repr(transport)
        other = Parent()
        transport.set_protocol(other)
        transport.close()
        assert transport.is_closing()
        await other.until("lost")
        assert "returncode=-9" in repr(transport)
        assert popen.returncode == -9

    loop.run_until_complete(main())


# -- signals


@pytest.mark.parametrize(
    "send, number",
    [
        (lambda process: process.kill(), signal.SIGKILL),
        (lambda process: process.terminate(), signal.SIGTERM),
        (lambda process: process.send_signal(signal.SIGUSR1), signal.SIGUSR1),
    ],
)
def test_signals_reach_the_child(loop: weft.Loop, send: Callable[[Any], None], number: int) -> None:
    async def main() -> int:
        process = await asyncio.create_subprocess_exec("sleep", "1000")
        send(process)
        return await process.wait()

    assert loop.run_until_complete(main()) == -number


def test_a_signal_to_a_child_that_is_over_is_a_process_lookup_error(loop: weft.Loop) -> None:
    async def main() -> None:
        transport, parent = await loop.subprocess_exec(Parent, "true", stdin=None, stdout=None, stderr=None)
        await parent.until("lost")
        for send in (transport.kill, transport.terminate):
            with pytest.raises(ProcessLookupError):
                send()
        transport.close()
        transport.close()

    loop.run_until_complete(main())


def test_a_signal_to_a_child_that_has_just_ended_goes_nowhere(loop: weft.Loop) -> None:
    async def main() -> int:
        process = await ended_unnoticed()
        process.terminate()
        return await process.wait()

    assert loop.run_until_complete(main()) == 3


def test_closing_kills_and_the_protocol_is_told_the_rest(loop: weft.Loop) -> None:
    async def main() -> list[Any]:
        transport, parent = await loop.subprocess_exec(Parent, "sleep", "1000")
        transport.close()
        transport.close()
        await parent.until("lost")
        assert transport.get_returncode() == -signal.SIGKILL
        return sorted(map(str, parent.calls))

    calls = loop.run_until_complete(main())

    assert calls == ["('pipe lost', 0)", "('pipe lost', 1)", "('pipe lost', 2)", "exited", "lost", "made"]


def test_a_child_that_somebody_else_reaped_has_status_255(loop: weft.Loop, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> int:
        process = await ended_unnoticed()
        os.waitpid(process.pid, 0)
        return await process.wait()

    with caplog.at_level(logging.WARNING, "weft"):
        assert loop.run_until_complete(main()) == 255

    assert "taken by somebody else" in caplog.text


def test_a_child_that_was_reaped_through_its_popen_keeps_its_status(loop: weft.Loop) -> None:
    async def main() -> int:
        transport, parent = await loop.subprocess_shell(Parent, "exit 3")
        assert transport.get_extra_info("subprocess").wait() == 3
        transport.close()
        await parent.until("lost")
        status: int = transport.get_returncode()
        return status

    assert loop.run_until_complete(main()) == 3


# -- starting that fails


@pytest.mark.parametrize("preexec_fn", [None, do_nothing])
@pytest.mark.parametrize(
    "program, options, error",
    [
        ("/nowhere/to/be/found", {}, FileNotFoundError),
        ("/etc/passwd", {}, PermissionError),
        ("/bin/sh", {"cwd": "/nowhere/to/be/found"}, FileNotFoundError),
        ("/bin/sh", {"cwd": "/etc/passwd"}, NotADirectoryError),
        ("/bin/sh", {"env": {"NAME": "\0"}}, ValueError),
        ("/bin/sh", {"no_such_option": 1}, TypeError),
    ],
)
def test_a_child_that_cannot_be_started_raises_and_leaves_nothing(
    loop: weft.Loop, program: str, options: dict[str, Any], error: type[Exception], preexec_fn: Any
) -> None:
    async def main() -> None:
        with pytest.raises(error):
            await asyncio.create_subprocess_exec(
                program, stdin=PIPE, stdout=PIPE, stderr=PIPE, preexec_fn=preexec_fn, **options
            )
        while threads_of_children():
            await asyncio.sleep(0)

    loop.run_until_complete(main())


def test_a_preexec_fn_that_raises_is_a_subprocess_error(loop: weft.Loop) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    async def main() -> None:
        with pytest.raises(subprocess.SubprocessError):
            await shell("exit 0", stdin=PIPE, preexec_fn=fail)
        while threads_of_children():
            await asyncio.sleep(0)

    loop.run_until_complete(main())


@pytest.mark.parametrize("adds", range(4))
def test_a_poller_that_takes_no_more_leaves_no_child(
    adds: int, reaping: None, request: pytest.FixtureRequest
) -> None:
    class Full(SelectPoller):
        left = 1 + adds  # one for the loop itself

        def add(self, fd: int, source: Source, events: int) -> None:
            if self.left == 0:
                raise OSError(28, "No space left")
            self.left -= 1
            super().add(fd, source, events)

    async def main() -> None:
        if adds == 3 and not hasattr(os, "pidfd_open"):
            return  # the fourth is the pidfd
        with pytest.raises(OSError, match="No space left"):
            await asyncio.create_subprocess_exec("sleep", "1000", stdin=PIPE, stdout=PIPE, stderr=PIPE)
        with pytest.raises(OSError, match="No space left"):
            await shell("sleep 1000", stdin=PIPE, preexec_fn=do_nothing)
        while threads_of_children():
            await asyncio.sleep(0)

    with asyncio.Runner(loop_factory=lambda: weft.Loop(poller=Full())) as runner:
        runner.run(main())


def test_a_factory_that_raises_starts_nothing(loop: weft.Loop) -> None:
    def factory() -> Any:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        loop.run_until_complete(loop.subprocess_exec(factory, "sleep", "1000"))


@pytest.mark.parametrize(
    "options",
    [
        {"universal_newlines": True},
        {"bufsize": 4096},
        {"text": True},
        {"encoding": "utf-8"},
        {"errors": "strict"},
    ],
)
def test_options_of_text_are_refused(loop: weft.Loop, options: dict[str, Any]) -> None:
    for call in (loop.subprocess_exec(Parent, "true", **options), loop.subprocess_shell(Parent, "true", **options)):
        with pytest.raises(ValueError, match=f"{next(iter(options))} must be"):
            loop.run_until_complete(call)


def test_exec_is_no_shell_and_a_shell_no_exec(loop: weft.Loop) -> None:
    with pytest.raises(ValueError, match="shell must be False"):
        loop.run_until_complete(loop.subprocess_exec(Parent, "true", shell=True))
    with pytest.raises(ValueError, match="shell must be True"):
        loop.run_until_complete(loop.subprocess_shell(Parent, "true", shell=False))
    with pytest.raises(ValueError, match="cmd must be a string"):
        loop.run_until_complete(loop.subprocess_shell(Parent, ["true"]))


# -- cancellation


@pytest.mark.parametrize("preexec_fn", [None, do_nothing])
@pytest.mark.parametrize("turns", range(12))
def test_cancelled_at_any_await_a_child_is_gone(loop: weft.Loop, turns: int, preexec_fn: Any) -> None:
    async def use() -> None:
        process = await shell("cat; sleep 1000", stdin=PIPE, stdout=PIPE, stderr=PIPE, preexec_fn=preexec_fn)
        try:
            await process.communicate(bytes(1_000_000))
        finally:
            await end(process)

    async def main() -> None:
        task = asyncio.create_task(use())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        while threads_of_children():
            await asyncio.sleep(0)

    loop.run_until_complete(main())


def test_cancelling_one_who_waits_leaves_the_child_and_the_others_alone(loop: weft.Loop) -> None:
    async def main() -> int:
        process = await shell("read line; exit 5", stdin=PIPE)
        impatient, patient = (asyncio.create_task(process.wait()) for _ in range(2))
        await settle()
        impatient.cancel()
        await settle()
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        assert await patient == 5
        assert impatient.cancelled()
        return await process.wait()

    assert loop.run_until_complete(main()) == 5


# -- code that runs in the child first


def test_a_preexec_fn_that_blocks_does_not_stop_the_loop(loop: weft.Loop) -> None:
    reader, writer = os.pipe()

    async def main() -> int:
        starting = asyncio.create_task(shell("exit 3", preexec_fn=lambda: os.read(reader, 1)))
        await settle()
        assert not starting.done()
        os.write(writer, b"x")
        return await (await starting).wait()

    with open(reader, "rb", 0), open(writer, "wb", 0):
        assert loop.run_until_complete(main()) == 3


def test_cancelled_while_its_preexec_fn_blocks_a_child_is_gone_as_soon_as_it_has_started(loop: weft.Loop) -> None:
    reader, writer = os.pipe()

    async def main() -> None:
        starting = asyncio.create_task(shell("sleep 1000", stdin=PIPE, preexec_fn=lambda: os.read(reader, 1)))
        await settle()
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        os.write(writer, b"x")
        while threads_of_children():
            await asyncio.sleep(0)

    with open(reader, "rb", 0), open(writer, "wb", 0):
        loop.run_until_complete(main())


if sys.platform == "linux":

    def test_a_child_that_is_to_die_with_its_parent_lives_for_as_long_as_the_loop_does(loop: weft.Loop) -> None:
        prctl = ctypes.CDLL(None).prctl
        set_death_signal = 1  # PR_SET_PDEATHSIG: sent when the thread ends that started the child

        async def main() -> tuple[bytes, int | None]:
            process = await shell(
                "read line; echo alive", stdin=PIPE, stdout=PIPE, preexec_fn=lambda: prctl(set_death_signal, 9)
            )
            await settle()
            output, _ = await process.communicate(b"go\n")
            return output, process.returncode

        assert loop.run_until_complete(main()) == (b"alive\n", 0)


# -- closing the loop


@pytest.mark.parametrize("preexec_fn", [None, do_nothing])
def test_closing_the_loop_kills_and_reaps_its_children(
    loop: weft.Loop, preexec_fn: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> list[Any]:
        started = [
            await loop.subprocess_exec(Parent, "sleep", "1000", preexec_fn=preexec_fn),
            await loop.subprocess_exec(Parent, "cat", stderr=None, preexec_fn=preexec_fn),
        ]
        started[1][0].get_pipe_transport(0).write(bytes(1_000_000))
        return started

    started = loop.run_until_complete(main())
    with caplog.at_level(logging.WARNING, "weft"):
        loop.close()

    assert [transport.get_returncode() for transport, _ in started] == [-9, -9]
    assert all(transport.is_closing() for transport, _ in started)
    assert caplog.text.count("was killed: its loop was closed") == 2
    assert "lost" not in started[0][1].calls


def test_closing_the_loop_reaps_a_child_that_has_ended_meanwhile(loop: weft.Loop) -> None:
    process = loop.run_until_complete(ended_unnoticed(stdout=PIPE))
    loop.close()

    assert process.returncode == 3


def test_closing_the_loop_while_a_preexec_fn_blocks_leaves_no_child(loop: weft.Loop) -> None:
    reader, writer = os.pipe()

    async def main() -> asyncio.Task[Any]:
        starting = asyncio.create_task(shell("sleep 1000", stdin=PIPE, preexec_fn=lambda: os.read(reader, 1)))
        await settle()
        return starting

    with open(reader, "rb", 0), open(writer, "wb", 0):
        starting = loop.run_until_complete(main())
        (thread,) = threads_of_children()
        loop.close()
        os.write(writer, b"x")
        thread.join()

    starting._log_destroy_pending = False  # its loop is gone


# -- what a child inherits


def inheritable() -> set[int]:
    """Return the descriptors that a child gets if nobody closes any; the tests' own parent may have left some."""
    found = {0, 1, 2}
    for fd in map(int, os.listdir("/dev/fd")):
        with contextlib.suppress(OSError):
            if os.get_inheritable(fd):
                found.add(fd)
    return found


def test_a_child_inherits_its_standard_streams_and_nothing_else(loop: weft.Loop) -> None:
    program = "import os; print(*os.listdir('/dev/fd'), os.open('/', os.O_RDONLY))"
    before = inheritable()

    async def main() -> list[set[int]]:
        server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
        others = [await shell("read line", stdin=PIPE, stdout=PIPE) for _ in range(2)]
        inherited = []
        for close_fds in (True, False):
            process = await asyncio.create_subprocess_exec(
                *python(program), stdin=PIPE, stdout=PIPE, stderr=PIPE, close_fds=close_fds
            )
            output, _ = await process.communicate()
            *found, its_own = map(int, output.split())  # the number with which it read the directory is free again
            inherited.append(set(found) - {its_own})
        for other in others:
            await end(other)
        server.close()
        await server.wait_closed()
        return inherited

    assert loop.run_until_complete(main()) == [{0, 1, 2}, before]


def test_a_descriptor_that_is_to_be_passed_is_passed(loop: weft.Loop) -> None:
    reader, writer = os.pipe()

    async def main() -> None:
        program = f"import os; os.write({writer}, b'hello')"
        process = await asyncio.create_subprocess_exec(*python(program), pass_fds=(writer,))
        assert await process.wait() == 0

    with open(reader, "rb", 0) as pipe, open(writer, "wb", 0):
        loop.run_until_complete(main())
        assert pipe.read(100) == b"hello"


# -- where the loop runs


def run_elsewhere(run: Callable[[], Any]) -> Any:
    """Return what `run()` returns in another thread."""
    results = []
    thread = threading.Thread(target=lambda: results.append(run()))
    thread.start()
    thread.join()
    return results[0]


async def status_and_output(preexec_fn: Any) -> tuple[int | None, bytes]:
    process = await shell("cat; exit 3", stdin=PIPE, stdout=PIPE, preexec_fn=preexec_fn)
    output, _ = await process.communicate(b"hello")
    return process.returncode, output


@pytest.mark.parametrize("preexec_fn", [None, do_nothing])
def test_children_work_from_a_loop_in_another_thread(make_poller: Any, preexec_fn: Any) -> None:
    def run() -> Any:
        with asyncio.Runner(loop_factory=lambda: weft.Loop(poller=make_poller())) as runner:
            return runner.run(status_and_output(preexec_fn))

    assert run_elsewhere(run) == (3, b"hello")


def test_children_work_under_the_policy_without_a_child_watcher() -> None:
    before = asyncio.get_event_loop_policy()
    asyncio.set_event_loop_policy(weft.EventLoopPolicy())
    try:
        assert asyncio.run(status_and_output(None)) == (3, b"hello")
        assert run_elsewhere(lambda: asyncio.run(status_and_output(None))) == (3, b"hello")
    finally:
        asyncio.set_event_loop_policy(before)


class Watcher:
    """A child watcher, as programs for Python 3.11 to 3.13 may set one."""

    def __init__(self, is_active: bool) -> None:
        self.is_active = lambda: is_active

    def __enter__(self) -> "Watcher":
        return self

    def __exit__(self, *exception: object) -> None:
        pass


class WatchingPolicy(weft.EventLoopPolicy):
    """A policy whose child watcher was set."""

    def __init__(self, watcher: Watcher) -> None:
        super().__init__()
        self._watcher = watcher


@pytest.fixture(params=[True, False])
def is_active(request: pytest.FixtureRequest) -> Iterator[bool]:
    before = asyncio.get_event_loop_policy()
    asyncio.set_event_loop_policy(WatchingPolicy(Watcher(request.param)))
    yield request.param
    asyncio.set_event_loop_policy(before)


def test_a_child_watcher_that_was_set_must_be_active(loop: weft.Loop, is_active: bool) -> None:
    if is_active:
        assert loop.run_until_complete(status_and_output(None)) == (3, b"hello")
    else:
        with pytest.raises(RuntimeError, match="not active"):
            loop.run_until_complete(status_and_output(None))

"""UNIX sockets: their files, permissions, locks and abstract names."""

import errno
import os
import socket
import stat
import subprocess
import sys

import pytest

import weft
from weft.endpoints import UnixClient, UnixServer

from .conftest import ask, shout


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "s")


def test_a_server_at_a_path_answers_and_its_file_goes_with_it(run, path):
    async def main():
        async with await weft.serve_streams(f"unix:{path}", shout) as port:
            return await ask(f"unix:{path}"), port.addresses, os.path.exists(path)

    assert run(main()) == (b"HELLO", (path,), True)
    assert not os.path.exists(path)


def test_an_abstract_name_is_no_file(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = f"weft-test-{os.getpid()}"

    async def main():
        async with await weft.serve_streams(f"unix:{name}:abstract=yes", shout):
            return await ask(f"unix:{name}:abstract=yes"), os.listdir(tmp_path)

    assert run(main()) == (b"HELLO", [])


@pytest.mark.parametrize("mode", ["600", "660", "0666"])
def test_the_file_has_the_permissions_that_were_asked_for(run, path, mode):
    async def main():
        async with await weft.serve_streams(f"unix:{path}:mode={mode}", shout):
            return stat.S_IMODE(os.stat(path).st_mode)

    assert run(main()) == int(mode, 8)


def test_without_a_mode_the_umask_decides(run, path):
    async def main():
        async with await weft.serve_streams(f"unix:{path}", shout):
            return stat.S_IMODE(os.stat(path).st_mode)

    before = os.umask(0o027)
    try:
        assert run(main()) == 0o750
    finally:
        os.umask(before)


def test_the_file_of_a_server_that_is_gone_is_replaced(run, path):
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(path)

    async def main():
        async with await weft.serve_streams(f"unix:{path}", shout):
            return await ask(f"unix:{path}")

    assert run(main()) == b"HELLO"


@pytest.mark.parametrize("lockfile", ["no", "yes"])
def test_the_file_of_a_server_that_lives_is_not_taken_away(run, path, lockfile):
    async def main():
        async with await weft.serve_streams(f"unix:{path}", shout):
            with pytest.raises(OSError, match="a server listens there already") as raised:
                await weft.serve_streams(f"unix:{path}:lockfile={lockfile}", shout)
            return raised.value.errno, await ask(f"unix:{path}")

    assert run(main()) == (errno.EADDRINUSE, b"HELLO")
    assert not os.path.exists(path + ".lock")


def test_a_server_whose_queue_is_full_lives_all_the_same(run, path):
    async def main():
        with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as caller:
            busy.bind(path)
            busy.listen(0)
            caller.connect(path)
            with pytest.raises(OSError, match="a server listens there already"):
                await weft.serve_streams(f"unix:{path}", shout)

    run(main())


def test_a_file_that_is_no_socket_stays_where_it_is(run, path):
    with open(path, "w") as file:
        file.write("precious")

    async def main():
        with pytest.raises(OSError, match="no stale socket") as raised:
            await weft.serve_streams(f"unix:{path}:lockfile=yes", shout)
        return raised.value.errno

    assert run(main()) == errno.EADDRINUSE
    with open(path) as file:
        assert file.read() == "precious"
    assert not os.path.exists(path + ".lock")


def test_a_file_that_somebody_else_put_there_since_stays(run, path):
    async def main():
        port = await weft.serve_streams(f"unix:{path}", shout)
        os.unlink(path)
        with open(path, "w"):
            pass
        await port.close()

    run(main())
    assert os.path.exists(path)


@pytest.mark.parametrize("missing", ["path", "folder"])
def test_a_path_that_cannot_be_bound_is_named_in_the_error(run, tmp_path, missing):
    path = str(tmp_path / "no" / "s") if missing == "folder" else str(tmp_path / ("s" * 200))

    async def main():
        with pytest.raises(OSError, match=path):
            await weft.serve_streams(UnixServer(path), shout)

    run(main())


HOLD = """
import asyncio, sys, weft

async def main():
    async with await weft.listen(sys.argv[1], asyncio.Protocol):
        print("listening", flush=True)
        await asyncio.to_thread(sys.stdin.read)

weft.run(main())
"""


def test_a_lock_keeps_a_second_process_away_and_goes_with_the_first_however_it_ends(run, path):
    async def main():
        async with await weft.serve_streams(f"unix:{path}:lockfile=yes", shout):
            return await ask(f"unix:{path}")

    string = f"unix:{path}:lockfile=yes"
    command = [sys.executable, "-c", HOLD, string]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout.readline() == "listening\n"
        os.unlink(path)  # so that it is the lock that refuses, and not the knocking
        with pytest.raises(OSError, match=rf"{path}.lock is locked by process {first.pid}"):
            run(main())
        first.kill()
        first.wait()

    assert os.path.exists(path + ".lock")
    assert run(main()) == b"HELLO"
    assert not os.path.exists(path + ".lock")


def test_where_nobody_listens_connecting_is_refused(run, path):
    async def main():
        with pytest.raises(FileNotFoundError):
            await ask(UnixClient(path))

    run(main())

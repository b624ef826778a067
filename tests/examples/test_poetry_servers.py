import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def servers(load_module):
    return load_module("servers")


@pytest.fixture
def started(servers, monkeypatch):
    """Every child process that the module starts, in order."""
    processes = []

    class RememberedPopen(subprocess.Popen):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            processes.append(self)

    monkeypatch.setattr(servers.subprocess, "Popen", RememberedPopen)
    return processes


@pytest.fixture
def paces(servers):
    return {name: servers.Pace(0.0, pieces=5) for name in ("loom", "train", "river")}


def assert_all_gone(processes):
    assert processes
    for process in processes:
        assert process.returncode is not None  # reaped
        with pytest.raises(ProcessLookupError):
            os.kill(process.pid, 0)


def test_each_server_sends_its_own_poem(servers, paces, receive_all):
    with servers.poetry_servers(paces) as ports:
        received = {name: receive_all(port) for name, port in ports.items()}

    assert received == {name: servers.poem_path(name).read_bytes() for name in paces}


def test_no_process_is_left_when_the_block_ends(servers, paces, started):
    with servers.poetry_servers(paces) as ports:
        assert len(set(ports.values())) == len(started) == 3

    assert_all_gone(started)


@pytest.mark.parametrize("exception", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_no_process_is_left_when_the_block_raises(servers, paces, started, exception):
    with pytest.raises(exception), servers.poetry_servers(paces):
        raise exception

    assert_all_gone(started)


def test_no_process_is_left_when_a_client_is_still_listening(servers, started):
    paces = {"loom": servers.Pace(600.0, pieces=2)}
    with (
        servers.poetry_servers(paces) as ports,
        socket.create_connection(("127.0.0.1", ports["loom"]), timeout=20),
    ):
        pass

    assert_all_gone(started)


def test_a_server_that_fails_to_start_is_named_with_what_it_said_and_none_is_left(servers, paces, started):
    paces["train"] = servers.Pace(-5.0, pieces=5)

    with (
        pytest.raises(servers.ServerNotReadyError, match=r"'train' ended with exit code 2.*'-1.0' is not a pause"),
        servers.poetry_servers(paces),
    ):
        pytest.fail("the block must not run")

    assert_all_gone(started)


def test_a_server_that_says_nothing_in_time_is_named_and_none_is_left(servers, paces, started):
    with (
        pytest.raises(servers.ServerNotReadyError, match="'loom' said nothing in time"),
        servers.poetry_servers(paces, timeout_s=0.0),
    ):
        pytest.fail("the block must not run")

    assert_all_gone(started)


def test_ctrl_c_in_a_program_leaves_none_of_its_servers(poetry_folder: Path):
    program = (
        "import signal, servers\n"
        "with servers.poetry_servers({'loom': servers.Pace(600.0, pieces=2)}) as ports:\n"
        "    print(ports['loom'], flush=True)\n"
        "    signal.pause()\n"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=poetry_folder
    ) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=20)


@pytest.mark.parametrize("poem_bytes", [100, 537, 548, 600])
def test_a_pace_gives_as_many_pieces_as_it_says(servers, poem_bytes):
    pace = servers.Pace(1.6, pieces=8)

    assert pace.pause_s == pytest.approx(0.2)
    assert -(-poem_bytes // pace.chunk_bytes(poem_bytes)) == 8

import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest

NAMES = ["loom", "train", "river"]


@pytest.mark.parametrize("name", NAMES)
def test_each_client_gets_the_whole_poem_byte_for_byte(poetry_folder, start_server, receive_all, name):
    poem = poetry_folder / "poems" / f"{name}.txt"
    _, port = start_server(str(poem), "--pause", "0", "--chunk", "7")

    received = [receive_all(port) for _ in range(3)]

    assert received == [poem.read_bytes()] * 3


@pytest.mark.parametrize("chunk", ["1", "16", "1000000"])
def test_the_size_of_the_chunks_changes_nothing_in_what_arrives(tmp_path, start_server, receive_all, chunk):
    poem = tmp_path / "bytes.txt"
    poem.write_bytes(bytes(range(256)))
    _, port = start_server(str(poem), "--pause", "0", "--chunk", chunk)

    assert receive_all(port) == bytes(range(256))


def test_the_second_client_is_served_after_the_first_has_all_of_it(poetry_folder, start_server, receive_all):
    poem = poetry_folder / "poems" / "river.txt"
    _, port = start_server(str(poem), "--pause", "0.01", "--chunk", "100")
    with (
        socket.create_connection(("127.0.0.1", port), timeout=20) as first,
        socket.create_connection(("127.0.0.1", port), timeout=20) as second,
    ):
        second.recv(1)  # nothing of the second's comes before the first's last byte

        first.setblocking(False)
        received = b"".join(iter(lambda: first.recv(65536), b""))

    assert received == poem.read_bytes()


def test_a_client_that_hangs_up_early_does_not_end_the_server(tmp_path, start_server, receive_all):
    poem = tmp_path / "long.txt"
    poem.write_bytes(b"and so on " * 3_200_000)  # more than the system's buffers hold, so that sending must wait
    process, port = start_server(str(poem), "--pause", "0", "--chunk", "1000000")
    with socket.socket() as rude:
        rude.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        rude.settimeout(20)
        rude.connect(("127.0.0.1", port))
        rude.recv(1)
        rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close with a reset

    received = receive_all(port)

    assert received == poem.read_bytes()
    assert process.poll() is None
    process.terminate()
    assert "went away" in process.communicate()[1]


@pytest.mark.parametrize("way", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_cleanly(poetry_folder, start_server, way):
    process, _ = start_server(str(poetry_folder / "poems" / "loom.txt"))

    process.send_signal(way)

    assert process.communicate(timeout=20) == ("", "")
    assert process.returncode == 0


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        ([], "POEM"),
        (["no-such-poem.txt"], "cannot read no-such-poem.txt"),
        (["/dev/null"], "is empty"),
        (["{poem}", "--port", "65536"], "'65536' is not a port"),
        (["{poem}", "--port", "http"], "'http' is not a port"),
        (["{poem}", "--pause", "-1"], "'-1' is not a pause"),
        (["{poem}", "--pause", "nan"], "'nan' is not a pause"),
        (["{poem}", "--chunk", "0"], "'0' is not a size"),
        (["{poem}", "--host", "192.0.2.1"], "cannot listen on 192.0.2.1:0"),
        (["{poem}", "--speed", "9"], "--speed"),
    ],
)
def test_bad_arguments_end_it_with_code_2_and_one_line(poetry_folder, arguments, complaint):
    poem = str(poetry_folder / "poems" / "loom.txt")
    command = [sys.executable, str(poetry_folder / "slow_server.py"), *(a.format(poem=poem) for a in arguments)]

    ended = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)

    assert ended.returncode == 2
    assert ended.stdout == ""
    assert len(ended.stderr.splitlines()) == 1
    assert complaint in ended.stderr


def test_a_taken_port_is_named_in_one_line(poetry_folder, start_server):
    poem = str(poetry_folder / "poems" / "loom.txt")
    _, port = start_server(poem)
    command = [sys.executable, str(poetry_folder / "slow_server.py"), poem, "--port", str(port)]

    ended = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)

    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1
    assert f"127.0.0.1:{port}" in ended.stderr


@pytest.mark.parametrize("name", NAMES)
def test_each_poem_is_short_and_ends_with_its_last_line(poetry_folder: Path, name: str):
    text = (poetry_folder / "poems" / f"{name}.txt").read_text()

    assert 10 <= sum(bool(line) for line in text.splitlines()) <= 16
    assert text.endswith("\n")
    assert text.isascii()  # so that a piece never ends within a character

"""The programs of docs/twisted.md run."""

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

from tests.faces.twisted.programs import FOREVER_S, command

PAGE = Path(__file__).resolve().parents[3] / "docs" / "twisted.md"
ECHO, BOTH = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def connected(port, process):
    """Return a connection to a server that is starting."""
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), FOREVER_S)
        except ConnectionRefusedError:
            assert process.poll() is None, "the server ended"


def test_the_first_program_echoes_until_ctrl_c():
    port = free_port()
    program = ECHO.replace("tcp:8007", f"tcp:{port}")

    with subprocess.Popen([sys.executable, "-c", program]) as process:
        with connected(port, process) as sock:
            sock.sendall(b"hello")
            answer = sock.recv(5, socket.MSG_WAITALL)
        process.send_signal(signal.SIGINT)
        process.wait(FOREVER_S)

    assert answer == b"hello"
    assert process.returncode == 0


def test_the_program_with_both_prints_the_result():
    done = command(sys.executable, "-c", BOTH)

    assert (done.returncode, done.stdout) == (0, "a Deferred's result, awaited by asyncio\n"), done.stderr

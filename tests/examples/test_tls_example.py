import ast
import os
import shutil
import signal
import socket
import ssl
import subprocess
from pathlib import Path

import pytest
import trustme
from running import EXAMPLES, TIMEOUT_S, ended, example

OPENSSL = shutil.which("openssl")


def make_with_trustme(folder: Path) -> None:
    """Write a certificate, its key, and whom to trust for it, under the names that the example has for them."""
    authority = trustme.CA()
    made = authority.issue_cert("localhost", common_name="localhost")
    made.private_key_pem.write_to_path(str(folder / "localhost.key"))
    (folder / "localhost.pem").write_bytes(
        b"".join(pem.bytes() for pem in [*made.cert_chain_pems, authority.cert_pem])
    )


def make_as_the_example_says(folder: Path) -> None:
    """Run the command in the example's docstring."""
    text = ast.get_docstring(ast.parse((EXAMPLES / "tls/server.py").read_text()))
    paragraphs = text.split("\n\n")
    command = next(paragraph for paragraph in paragraphs if paragraph.startswith("    openssl"))
    subprocess.run(command, shell=True, check=True, cwd=folder, capture_output=True)


MAKERS = [make_with_trustme] + ([make_as_the_example_says] if OPENSSL else [])


@pytest.fixture(params=MAKERS)
def folder(request, tmp_path) -> Path:
    request.param(tmp_path)
    return tmp_path


def where(folder: Path) -> str:
    return f"tls:0:interface=127.0.0.1:certificate={folder}/localhost.pem:key={folder}/localhost.key"


@pytest.fixture
def serve(start):
    """Start the server with the certificate in a folder; give the program when it serves."""

    def serve(folder, *options):
        program = start(example("tls/server.py", "--listen", where(folder), *options))
        program.wait_for("is served")
        return program

    return serve


def say(program, *arguments):
    return ended(example("tls/client.py", "--port", program.address()[1], *arguments))


def connect(program, folder):
    """Return a connection, once the two have agreed."""
    context = ssl.create_default_context(cafile=str(folder / "localhost.pem"))
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context.wrap_socket(socket.create_connection(program.address(), TIMEOUT_S), server_hostname="localhost")


def test_a_client_that_trusts_the_server_is_answered_line_by_line(folder, serve):
    program = serve(folder)

    said = say(program, "--trust", folder / "localhost.pem", "hello", "and more")

    assert said == (0, "somebody, over TLSv1.3: hello\nsomebody, over TLSv1.3: and more\n", "")


def test_a_server_that_proves_another_name_is_refused(folder, serve):
    program = serve(folder)

    code, output, errors = say(program, "--trust", folder / "localhost.pem", "--host", "127.0.0.1", "hello")

    assert (code, output) == (1, "")
    assert errors.startswith("client.py: 127.0.0.1 is not to be trusted: IP address mismatch")


def test_a_server_that_nobody_vouches_for_is_refused(folder, serve):
    program = serve(folder)

    code, output, errors = say(program, "hello")

    assert (code, output) == (1, "")
    assert errors.startswith("client.py: localhost is not to be trusted: ")
    assert errors.count("\n") == 1


def test_a_client_proves_who_it_is_or_is_not_let_in(folder, serve):
    program = serve(folder, "--clients", folder / "localhost.pem")
    trust = ("--trust", folder / "localhost.pem")
    own = ("--certificate", folder / "localhost.pem", "--key", folder / "localhost.key")

    assert say(program, *trust, *own, "hello") == (0, "localhost, over TLSv1.3: hello\n", "")
    code, output, errors = say(program, *trust, "hello")

    assert (code, output) == (1, "")
    assert errors.startswith(f"client.py: localhost port {program.address()[1]}: ")


def test_a_new_certificate_takes_effect_and_open_connections_do_not_notice(tmp_path, serve):
    make_with_trustme(tmp_path)
    program = serve(tmp_path)
    with connect(program, tmp_path) as old, old.makefile("rb") as file:
        before = old.getpeercert()["serialNumber"]

        make_with_trustme(tmp_path)
        program.process.send_signal(signal.SIGHUP)
        program.wait_for("reloaded")
        with connect(program, tmp_path) as new:
            assert new.getpeercert()["serialNumber"] != before

        old.sendall(b"still here\n")
        assert file.readline() == b"somebody, over TLSv1.3: still here\n"


def test_a_line_that_is_longer_than_the_server_takes_ends_its_connection_alone(tmp_path, serve):
    make_with_trustme(tmp_path)
    program = serve(tmp_path)

    code, output, errors = say(program, "--trust", tmp_path / "localhost.pem", "x" * 100_000)

    assert (code, output) == (1, "")
    assert errors.startswith("client.py: localhost port")
    assert say(program, "--trust", tmp_path / "localhost.pem", "hello")[0] == 0


def test_ctrl_c_closes_the_conversations_and_ends_it_with_0(tmp_path, serve):
    make_with_trustme(tmp_path)
    program = serve(tmp_path)
    with connect(program, tmp_path) as talk:
        talk.sendall(b"hello\n")
        assert talk.recv(100) == b"somebody, over TLSv1.3: hello\n"

        program.interrupt()

        assert talk.recv(100) == b""
        assert program.wait_ended() == 0


def test_a_certificate_that_is_not_there_is_named(tmp_path):
    code, _, errors = ended(example("tls/server.py", "--listen", where(tmp_path)))

    assert code == 1
    assert errors.startswith("server.py: tls could not start: FileNotFoundError:")
    assert os.fspath(tmp_path / "localhost.pem") in errors


def test_a_client_without_a_server_says_so():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    code, _, errors = ended(example("tls/client.py", "--host", "127.0.0.1", "--port", port, "hello"))

    assert code == 1
    assert errors.startswith(f"client.py: 127.0.0.1 port {port}: [Errno")


def test_ctrl_c_ends_a_waiting_client_with_130(start):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(TIMEOUT_S)
        port = listener.getsockname()[1]
        program = start(example("tls/client.py", "--host", "127.0.0.1", "--port", port, "hello"))
        connection, _ = listener.accept()
        with connection:
            assert connection.recv(1) == b"\x16"  # it has begun to agree on keys
            program.interrupt()

            assert program.wait_ended() == 130
    assert program.lines == []

"""Descriptors that others opened: by number, and as systemd passes them to a process that it starts."""

import os
import socket
import subprocess
from contextlib import ExitStack

import pytest

import weft
from weft.endpoints import Descriptor, Systemd, TlsClient, TlsServer, UnixClient
from weft.errors import EndpointError

from .conftest import ask, shout
from .programs import command, ended


def ask_plainly(address, question=b"hello\n", family=socket.AF_INET):
    """Return all that a server answers; as another program would ask, without Weft."""
    with socket.socket(family) as sock:
        sock.settimeout(20)
        sock.connect(address)
        sock.sendall(question)
        answer = b""
        while data := sock.recv(1000):
            answer += data
    return answer


def test_a_listening_socket_is_listened_at_by_its_number_and_stays_its_owners(run):
    async def main():
        with socket.create_server(("127.0.0.1", 0)) as owned:
            host, number = owned.getsockname()
            answers = []
            for _ in range(2):
                async with await weft.serve_streams(f"fd:{owned.fileno()}", shout) as port:
                    assert port.addresses == ((host, number),)
                    answers.append(await ask(f"tcp:{host}:{number}"))
            return answers, owned.fileno() > 0

    assert run(main()) == ([b"HELLO", b"HELLO"], True)


def test_a_connected_socket_is_taken_over(run):
    async def main():
        ours, theirs = socket.socketpair()
        with theirs:
            reader, writer = await weft.open_stream(f"fd:{ours.detach()}")
            theirs.sendall(b"hello\n")
            line = await reader.readline()
            writer.close()
            await writer.wait_closed()
            return line, theirs.recv(10)

    assert run(main()) == (b"hello\n", b"")


@pytest.mark.parametrize("verb", ["listen", "connect"])
def test_a_number_without_a_socket_is_named(run, tmp_path, verb):
    async def main():
        with open(tmp_path / "file", "w") as file:
            for number, problem in [
                (file.fileno(), "not a socket|Socket operation"),
                (99_999, "Bad file descriptor"),
            ]:
                with pytest.raises(OSError, match=f"descriptor {number} is no socket of this process: .*({problem})"):
                    await (shout_at(f"fd:{number}") if verb == "listen" else weft.open_stream(f"fd:{number}"))
            file.write("still ours")

    async def shout_at(string):
        return await weft.serve_streams(string, shout)

    run(main())


def test_a_socket_of_the_wrong_sort_is_refused_and_stays_open(run):
    async def main():
        with (
            socket.create_server(("127.0.0.1", 0)) as server,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
        ):
            ours, theirs = socket.socketpair()
            with ours, theirs:
                with pytest.raises(EndpointError, match=r"does not listen: .* connect"):
                    await weft.serve_streams(Descriptor(ours.fileno()), shout)
                with pytest.raises(EndpointError, match="listens: that is for listen"):
                    await weft.open_stream(Descriptor(server.fileno()))
                for attempt in (
                    weft.serve_streams(Descriptor(datagrams.fileno()), shout),
                    weft.open_stream(Descriptor(datagrams.fileno())),
                ):
                    with pytest.raises(EndpointError, match="no stream"):
                        await attempt
                ours.sendall(b"x")
                return theirs.recv(1), server.getsockname()[1] > 0, datagrams.getsockname() is not None

    assert run(main()) == (b"x", True, True)


def passing(arguments, descriptors, names=None, pid="$$"):
    """Return a command that starts another one as systemd does, and the options that it needs to be started."""
    # The process that LISTEN_PID names must be the one that runs in the end, so a shell turns into it.
    moves = " ".join(f"{3 + place}<&{descriptor}" for place, descriptor in enumerate(descriptors))
    named = "" if names is None else f"LISTEN_FDNAMES={names} "
    script = f'exec {moves}; export LISTEN_PID={pid} LISTEN_FDS={len(descriptors)} {named}; exec "$@"'
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LISTEN_")}
    return ["bash", "-c", script, "bash", *arguments], {"pass_fds": descriptors, "env": environment}


SERVE = """
async def main():
    ended = asyncio.Event()
    left = int(sys.argv[3])

    async def serve(reader, writer):
        nonlocal left
        await shout_once(reader, writer)
        left -= 1
        if not left:
            ended.set()

    async with await weft.serve_streams(sys.argv[2], serve):
        await ended.wait()

run(main())
"""


@pytest.mark.parametrize("string, place", [("systemd:index=1", 1), ("systemd:name=web", 0), ("systemd:name=api", 1)])
def test_systemds_sockets_are_found_by_index_and_by_name(loop_name, string, place):
    with ExitStack() as sockets:
        servers = [sockets.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(2)]
        program, options = passing(
            command(loop_name, SERVE, string, "1"), [server.fileno() for server in servers], "web:api"
        )
        with subprocess.Popen(program, stderr=subprocess.PIPE, **options) as process:
            answer = ask_plainly(servers[place].getsockname())
            complaint = process.stderr.read()

    assert (answer, complaint, process.returncode) == (b"HELLO\n", b"", 0)


def test_all_sockets_of_a_name_are_listened_at_whatever_their_family(loop_name, tmp_path):
    path = str(tmp_path / "s")
    with socket.create_server(("127.0.0.1", 0)) as one, socket.socket(socket.AF_UNIX) as two:
        two.bind(path)
        two.listen()
        program, options = passing(
            command(loop_name, SERVE, "systemd:name=web", "2"), [one.fileno(), two.fileno()], "web:web"
        )
        with subprocess.Popen(program, stderr=subprocess.PIPE, **options) as process:
            answers = ask_plainly(one.getsockname()), ask_plainly(path, family=socket.AF_UNIX)
            complaint = process.stderr.read()

    assert (answers, complaint, process.returncode) == ((b"HELLO\n", b"HELLO\n"), b"", 0)
    assert os.path.exists(path), "the socket file is systemd's"


CONVERSE = """
async def main():
    reader, writer = await weft.open_stream(sys.argv[2])
    await shout_once(reader, writer)
    writer.close()
    await writer.wait_closed()

run(main())
"""


def test_a_connection_that_systemd_accepted_is_taken(loop_name):
    client, accepted = socket.socketpair()
    with client:
        program, options = passing(
            command(loop_name, CONVERSE, "systemd:name=connection"), [accepted.fileno()], "connection"
        )
        with subprocess.Popen(program, stderr=subprocess.PIPE, **options) as process:
            accepted.close()
            client.sendall(b"hello\n")
            client.settimeout(20)
            came = client.recv(100), client.recv(100)
            complaint = process.stderr.read()

    assert (came, complaint) == ((b"HELLO\n", b""), b"")


COMPLAIN = """
async def main():
    try:
        await weft.listen(sys.argv[2], asyncio.Protocol)
    except weft.errors.EndpointError as error:
        print(error)

import weft.errors
run(main())
"""


@pytest.mark.parametrize(
    "string, names, pid, said",
    [
        ("systemd:index=1", "web", "$$", "has passed 1 sockets: there is no index 1"),
        ("systemd:name=ftp", "web", "$$", "has passed no socket named 'ftp', but web"),
        ("systemd:name=web", None, "$$", "has passed no socket named 'web', but unknown"),
        ("systemd:name=web", "web", "1", "LISTEN_PID is 1, and we are"),
        ("systemd:name=web", "web", "", "LISTEN_PID is , and we are"),
    ],
)
def test_what_systemd_has_not_passed_is_said(loop_name, string, names, pid, said):
    with socket.create_server(("127.0.0.1", 0)) as server:
        program, options = passing(command(loop_name, COMPLAIN, string), [server.fileno()], names, pid)
        result = subprocess.run(program, capture_output=True, text=True, timeout=20, check=False, **options)

    assert said in result.stdout
    assert result.stderr == ""


def test_a_process_that_systemd_did_not_start_is_told_how_to_try_it(loop_name):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LISTEN_")}

    _, said, _ = ended(loop_name, COMPLAIN, "systemd:name=web", capture_output=True, text=True, env=environment)

    assert "LISTEN_PID is not set" in said
    assert "systemd-socket-activate -l 8080 COMMAND" in said


PASS_ON = """
import subprocess

async def main():
    async with await weft.listen("systemd:index=0", asyncio.Protocol):
        listing = "import os; print(any(os.path.exists(f'/dev/fd/{fd}') for fd in (3, 4)))"
        print(subprocess.run([sys.executable, "-c", listing], close_fds=False, capture_output=True, text=True).stdout)

run(main())
"""


def test_systemds_sockets_are_not_inherited_further(loop_name):
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        program, options = passing(command(loop_name, PASS_ON), [one.fileno(), two.fileno()])
        result = subprocess.run(program, capture_output=True, text=True, timeout=20, check=False, **options)

    assert (result.stdout.strip(), result.stderr) == ("False", "")


def test_tls_runs_over_a_socket_that_was_passed(run, authority, tmp_path):
    site = authority.issue("site.pem", "localhost")
    path = str(tmp_path / "s")

    async def main():
        with socket.socket(socket.AF_UNIX) as owned:
            owned.bind(path)
            owned.listen()
            async with await weft.serve_streams(TlsServer(Descriptor(owned.fileno()), str(site)), shout):
                return await ask(TlsClient(UnixClient(path), "localhost", str(authority.roots)))

    assert run(main()) == b"HELLO"
    assert os.path.exists(path)


def test_systemd_needs_to_know_which():
    with pytest.raises(EndpointError, match="either index or name"):
        Systemd(0, "web")

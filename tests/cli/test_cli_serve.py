"""`weft serve` in real processes: what it starts, what it survives, what it says, what it leaves behind: nothing."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tests.services.load import serve_under_load
from tests.services.served import APPLICATION, Served, ask, connected, is_alive, stop

LOCAL = "tcp:0:interface=127.0.0.1"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "app.py").write_text(APPLICATION)
    return tmp_path


def left_in(folder):
    return sorted(path.name for path in folder.iterdir() if path.name not in ("app.py", "__pycache__"))


# -- serving


@pytest.mark.parametrize("target", ["app:Echo", "app:handle"])
def test_a_protocol_or_a_handler_is_served_where_it_is_told_to_listen(folder, target):
    with Served(folder, target, "--listen", LOCAL) as served:
        with connected(served.address()) as sock:
            (pid,) = served.wait_ready()
            assert ask(sock) == (pid, b"hello\n")
        assert stop(served) == 0


def test_several_endpoints_are_served_and_no_socket_file_is_left(folder):
    with Served(folder, "app:handle", "--listen", LOCAL, "--listen", "unix:app.sock:mode=600") as served:
        served.wait_ready()
        for address in (served.address(), str(folder / "app.sock")):
            with connected(address) as sock:
                assert ask(sock)[1] == b"hello\n"
        assert (folder / "app.sock").stat().st_mode & 0o777 == 0o600
        assert stop(served) == 0
    assert left_in(folder) == []


@pytest.mark.parametrize("options", [(), ("--reuse-port",)])
def test_workers_share_a_port(folder, options):
    with Served(folder, "app:service", "--workers", "3", *options) as served:
        pids = served.wait_ready(3)
        addresses = {tuple(record["addresses"]) for record in served.wait_for("listens on", count=3)}
        assert len(addresses) == 1
        answered = set()
        while answered != set(pids):
            with connected(served.address()) as sock:
                answered.add(ask(sock)[0])
        assert stop(served) == 0
    assert not any(map(is_alive, pids))


def test_one_process_serves_by_itself_where_there_are_no_workers(folder):
    with Served(folder, "app:service", "--workers", "0", "--pidfile", "app.pid") as served:
        with connected(served.address()) as sock:
            assert ask(sock) == (served.process.pid, b"hello\n")
            served.send(signal.SIGHUP)
            served.wait_for("reloaded")
            assert ask(sock) == (served.process.pid, b"hello\n")
        assert stop(served) == 0
    assert left_in(folder) == []


def test_one_process_under_load_stops_without_losing_a_request(tmp_path):
    load, code = serve_under_load(tmp_path, connections=100, clients=8, workers=0, reloads=0)

    assert (load.losses, code) == ([], 0)
    assert load.counts["answers"] == load.counts["requests"]


def test_tls_and_a_proxys_header_stay_in_the_workers_around_a_shared_socket(folder, tmp_path):
    trustme = pytest.importorskip("trustme")
    authority = trustme.CA()
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "cert.pem"))
    where = "haproxy:tls:0:interface=127.0.0.1:certificate=cert.pem"
    with Served(folder, "app:handle", "--listen", where, "--workers", "2") as served:
        import ssl

        served.wait_ready(2)
        context = ssl.create_default_context()
        authority.configure_trust(context)
        with connected(served.address()) as sock:
            sock.sendall(b"PROXY TCP4 192.0.2.1 192.0.2.2 1111 2222\r\n")
            with context.wrap_socket(sock, server_hostname="localhost") as secured:
                assert ask(secured)[1] == b"hello\n"
        assert stop(served) == 0


# -- stopping


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_open_connections_finish_before_it_ends(folder, number):
    with Served(folder, "app:service", "--workers", "2") as served:
        served.wait_ready(2)
        with connected(served.address()) as sock:
            ask(sock)
            served.send(number)
            served.wait_for("stopping", count=3)
            assert ask(sock)[1] == b"hello\n"
            assert served.process.poll() is None
        assert served.wait_ended() == 0


def test_connections_that_do_not_finish_are_cut_at_the_deadline(folder):
    with (
        Served(folder, "app:service", "--drain-seconds", "0.2") as served,
        connected(served.address()) as sock,
    ):
        ask(sock)
        assert stop(served) == 0
        assert sock.recv(1) == b""
        assert any("cuts 1 connection off" in line for line in served.lines), served.lines


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_second_signal_cuts_at_once(folder, workers):
    options = ("--drain-seconds", "600", "--workers", workers)
    with Served(folder, "app:service", *options) as served, connected(served.address()) as sock:
        ask(sock)
        served.send(signal.SIGTERM)
        served.wait_for("stopping")
        served.send(signal.SIGTERM)
        assert served.wait_ended() == 0
        assert sock.recv(1) == b""


def test_workers_end_when_the_process_above_is_killed(folder):
    with Served(folder, "app:service", "--workers", "2") as served:
        pids = served.wait_ready(2)
        address = served.address()
        ends = [os.pidfd_open(pid) for pid in pids]
        served.process.kill()
        for end in ends:
            assert select.select([end], [], [], 30)[0]
            os.close(end)
        assert served.wait_for("the process above this worker is gone", count=2)
    with pytest.raises(ConnectionRefusedError):
        connected(address)


def test_workers_that_finish_after_a_reload_end_too_when_the_process_above_is_killed(folder):
    with Served(folder, "app:service", "--drain-seconds", "0.2") as served:
        (old,) = served.wait_ready()
        with connected(served.address()) as kept:
            ask(kept)
            served.send(signal.SIGHUP)
            served.wait_for("reloaded")
            end = os.pidfd_open(old)
            served.process.kill()
            assert select.select([end], [], [], 30)[0]
            os.close(end)
            assert kept.recv(1) == b""


# -- reloading


def test_a_reload_serves_the_code_as_it_is_now_and_drops_no_connection(folder):
    with Served(folder, "app:service", "--workers", "2") as served:
        old = served.wait_ready(2)
        with connected(served.address()) as kept:
            assert ask(kept)[0] in old
            (folder / "app.py").write_text(APPLICATION.replace('b"%d %s" % (os', 'b"%d new %s" % (os'))
            served.send(signal.SIGHUP)
            served.wait_for("reloaded")
            with connected(served.address()) as sock:
                pid, answer = ask(sock)
                assert pid not in old
                assert answer == b"new hello\n"
            pid, answer = ask(kept)
            assert pid in old
            assert answer == b"hello\n"
        served.wait_for("has finished", count=2)
        assert not any(map(is_alive, old))
        assert stop(served) == 0


def test_a_reload_that_cannot_start_leaves_the_old_workers_serving(folder):
    with Served(folder, "app:service", "--workers", "2") as served:
        old = served.wait_ready(2)
        (folder / "app.py").write_text("raise RuntimeError('half written')")
        served.send(signal.SIGHUP)
        (failed,) = served.wait_for("could not reload and goes on as before")
        assert "app cannot be imported: RuntimeError: half written" in failed["message"]
        with connected(served.address()) as sock:
            assert ask(sock)[0] in old
        assert stop(served) == 0


def test_a_reload_that_fails_half_way_loses_nobody_whom_a_new_worker_has_accepted(folder):
    half = (
        "class Half(Service):\n"
        "    async def start(self):\n"
        "        try:\n"
        "            os.mkdir('one is enough')\n"
        "        except FileExistsError:\n"
        "            open('gate').read()\n"  # until the test opens it, too
        "            raise RuntimeError('one is enough') from None\n"
        "service.add(Half())\n"
    )
    os.mkfifo(folder / "gate")
    with Served(folder, "app:service", "--workers", "2") as served:
        old = served.wait_ready(2)
        address = served.address()
        (folder / "app.py").write_text(APPLICATION + half)
        served.send(signal.SIGHUP)
        new = served.wait_ready(3)[2]
        while True:
            kept = connected(address)
            if ask(kept)[0] == new:
                break
            kept.close()
        with kept:
            (folder / "gate").write_text("")
            served.wait_for("could not reload and goes on as before", "one is enough")
            assert ask(kept)[0] == new
            with connected(address) as sock:
                assert ask(sock)[0] in {*old, new}
        served.wait_for("has finished")
        assert stop(served) == 0


def test_a_port_that_is_no_longer_asked_for_is_closed_by_the_reload(folder):
    with Served(folder, "app:service") as served:
        served.wait_ready()
        old = served.address()
        (folder / "app.py").write_text(APPLICATION.replace("tcp:0:interface=127.0.0.1", "unix:app.sock"))
        served.send(signal.SIGHUP)
        served.wait_for("has finished")
        with pytest.raises(ConnectionRefusedError):
            connected(old)
        with connected(str(folder / "app.sock")) as sock:
            assert ask(sock)[1] == b"hello\n"
        assert stop(served) == 0
    assert left_in(folder) == []


# -- workers that die


def test_a_worker_that_is_killed_comes_back(folder):
    with Served(folder, "app:service", "--workers", "2") as served:
        pids = served.wait_ready(2)
        for count, pid in enumerate(pids, 1):
            os.kill(pid, signal.SIGKILL)
            died = served.wait_for("was ended by SIGKILL", count=count)[-1]
            assert died["worker_pid"] == pid
            served.wait_ready(2 + count)
        answered = set()
        while len(answered) < 2:
            with connected(served.address()) as sock:
                answered.add(ask(sock)[0])
        assert not answered & set(pids)
        assert stop(served) == 0


def test_a_worker_that_goes_on_dying_comes_back_later_and_later(folder):
    (folder / "app.py").write_text(APPLICATION.replace('writer.write(b"%d %s" % (os.getpid(), line))', "os._exit(7)"))
    with Served(folder, "app:service") as served:
        for count in range(1, 5):
            served.wait_ready(count)
            with connected(served.address()) as sock:
                sock.sendall(b"die\n")
                assert sock.recv(1) == b""
            served.wait_for("ended with exit code 7; another one starts in", count=count)
        delays = [
            float(record["message"].split()[-2]) for record in served.wait_for("ended with exit code 7", count=4)
        ]
        assert delays[3] > delays[1]
        assert all(0.05 * 2**turn <= delay <= 0.1 * 2**turn for turn, delay in enumerate(delays))
        assert stop(served) == 0


def test_a_worker_whose_loop_hangs_is_replaced(folder):
    (folder / "app.py").write_text(
        APPLICATION.replace("async def handle(reader, writer):", "async def handle(reader, writer):\n    import time")
        .replace('writer.write(b"%d %s" % (os.getpid(), line))', "time.sleep(600)")
    )  # fmt: skip
    with Served(folder, "app:service", "--watchdog-seconds", "1") as served:
        (pid,) = served.wait_ready()
        with connected(served.address()) as sock:
            sock.sendall(b"hang\n")
            served.wait_for(f"(process {pid}) was not heard of for 1 s: it is killed")
            assert sock.recv(1) == b""
        assert served.wait_ready(2)[1] != pid
        assert stop(served) == 0


# -- what cannot be served


FAILING = """
import asyncio, weft

class Database(weft.Service):
    async def start(self):
        raise ConnectionRefusedError("nobody listens on port 5432")

class Slow(weft.Service):
    async def start(self):
        await asyncio.get_running_loop().create_future()

service = weft.Service(weft.ServerService("unix:app.sock", asyncio.Protocol, name="web"), Database(), name="shop")
number = 7
def broken(): raise KeyError("poem")
async def later():
    return service
slow = Slow()
"""


@pytest.mark.parametrize(
    "target, words",
    [
        ("failing:service", "shop/Database could not start: ConnectionRefusedError: nobody listens on port 5432"),
        ("failing:later", "shop/Database could not start: ConnectionRefusedError"),
        ("failing:nothing", "failing has no nothing: it has asyncio, weft, Database"),
        ("failing:number", "failing:number is 'int', which cannot be served: name a weft.Service"),
        ("failing:broken", "could not make the service: KeyError: 'poem' ("),
        ("nowhere:service", "there is no module 'nowhere'; is it installed, and are you in the right folder?"),
        ("wrong:service", "wrong cannot be imported: ZeroDivisionError: division by zero ("),
        ("app:Echo", "app:Echo is a protocol: say where it is to listen, as in --listen tcp:8080"),
    ],
)
@pytest.mark.parametrize("workers", ["0", "3"])
def test_what_cannot_start_ends_in_one_line_and_leaves_nothing(weft, folder, write, target, words, workers):
    write("failing.py", FAILING)
    write("wrong.py", "x = 1\n1 / 0\n")

    result = weft("serve", target, "--workers", workers, "--pidfile", "app.pid", "--log-level", "warning")

    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"weft: {target}")
    assert words in line
    assert [name for name in left_in(folder) if not name.endswith(".py")] == []


def test_more_is_said_of_a_failing_start_when_it_is_asked_for(weft, folder, write):
    write("failing.py", FAILING)

    result = weft("serve", "failing:service", "--log-level", "debug")

    assert "Traceback" in result.stderr
    assert "in start" in result.stderr


def test_a_port_that_is_taken_is_said_so(weft, folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"tcp:{taken.getsockname()[1]}:interface=127.0.0.1"
        result = weft("serve", "app:handle", "--listen", where, "--workers", "2")

    assert result.returncode == 1
    assert "address already in use" in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["app"], "'app' names no service: write MODULE:NAME, as in chat:service"),
        (["app:handle", "--listen", "tpc:80"], "there is no kind of endpoint called 'tpc': did you mean tcp?"),
        (["app:service", "--user", "nobody-of-that-name"], "there is no user 'nobody-of-that-name'"),
        (["app:service", "--group", "no-such-group"], "there is no group 'no-such-group'"),
        (["app:service", "--workers", "0", "--reuse-port"], "--reuse-port is for workers"),
    ],
)
def test_misuse_is_refused_with_what_to_do(weft, folder, arguments, words):
    result = weft("serve", *arguments)

    assert result.returncode == 2
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_stop_during_the_start_ends_it(folder, write):
    write(
        "failing.py",
        FAILING.replace(
            "async def start(self):\n        await",
            "async def start(self):\n        print('starting', flush=True)\n        await",
        ),
    )
    with Served(folder, "failing:slow") as served:
        assert served.process.stdout.readline() == b"starting\n"
        assert stop(served) == 0


def test_a_tree_that_breaks_is_replaced_as_a_worker_and_fails_as_a_process(folder, write):
    write("broken.py", APPLICATION + (
        "async def wrong(): raise KeyError('poem')\n"
        "class Broken(Service):\n    async def run(self): await wrong()\n"
        "service.add(Broken())\n"
    ))  # fmt: skip
    with Served(folder, "broken:service") as served:
        served.wait_for("ended with exit code 1: app/Broken broke: KeyError: 'poem'; another one starts", count=2)
        assert stop(served) == 0
    with Served(folder, "broken:service", "--workers", "0") as served:
        assert served.wait_ended() == 1
        assert served.lines[-1] == "weft: broken:service: app/Broken broke: KeyError: 'poem'"


# -- the pidfile, the user


def test_a_second_one_with_the_same_pidfile_is_refused(weft, folder):
    with Served(folder, "app:service", "--pidfile", "app.pid") as served:
        served.wait_ready()
        assert (folder / "app.pid").read_text() == f"{served.process.pid}\n"

        result = weft("serve", "app:service", "--pidfile", "app.pid")

        assert result.returncode == 1
        assert f"another process, {served.process.pid}, holds the pidfile app.pid" in result.stderr
        assert stop(served) == 0
    assert left_in(folder) == []


def test_workers_become_another_user_if_the_superuser_starts_them(weft):
    # Imported before the user is taken on: the interpreter itself may lie where nobody else can read.
    source = "import os\nasync def handle(_, writer): writer.write(b'%d %d\\n' % (os.getuid(), os.getgid()))\n"
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "who.py").write_text(source)
        arguments = ("who:handle", "--listen", LOCAL, "--user", "65534", "--group", "12")
        with Served(folder, *arguments) as served:
            if os.geteuid() != 0:
                assert served.wait_ended() == 2
                assert "only the superuser may become another" in served.lines[-1]
                return
            with connected(served.address()) as sock:
                assert sock.recv(100) == b"65534 12\n"
            assert stop(served) == 0


def test_a_worker_without_rights_may_not_have_anything_opened_for_it(folder):
    if os.geteuid() == 0:
        with Served(folder, "app:service", "--group", "12") as served:
            assert served.wait_ended() == 1
            assert "name it with --listen as well, since --user is given" in served.lines[-1]
        with Served(folder, "app:service", "--group", "12", "--listen", LOCAL) as served:
            served.wait_ready()
            assert stop(served) == 0
    else:
        with Served(folder, "app:service", "--user", str(os.geteuid())) as served:
            served.wait_ready()
            assert stop(served) == 0


# -- the tree, the log, systemd


def test_the_tree_of_the_running_application_is_shown_in_the_log(folder):
    with Served(folder, "app:service", "--workers", "2") as served:
        pids = served.wait_ready(2)
        with connected(served.address()) as sock:
            pid = ask(sock)[0]
            served.send(signal.SIGUSR1)
            (record,) = served.wait_for("├─ worker 1")
    text = record["message"]
    assert all(f"pid {pid}" in text for pid in pids)
    assert text.count("ServerService") == 2
    assert text.count("1 connection open") == 1
    workers = record["tree"]["children"]
    assert [worker["children"][0]["name"] for worker in workers] == ["app", "app"]
    assert pid in pids


def test_the_tree_is_written_as_a_picture_or_as_text(folder):
    for name in ("tree.svg", "tree.txt"):
        path = folder / name
        os.mkfifo(path)
        with Served(folder, "app:service", "--tree", name) as served:
            served.wait_ready()
            served.send(signal.SIGUSR1)
            content = path.read_text()  # waits for who writes it
            assert stop(served) == 0
        if name.endswith(".svg"):
            content = "\n".join(ElementTree.fromstring(content).itertext())
        for word in ("app:service", "worker 1", "web", "ServerService", "running"):
            assert word in content


def test_the_log_is_for_readers_unless_json_is_asked_for(folder):
    with Served(folder, "app:service", log="text") as served:
        served.wait_for("worker 1", "is ready")
        assert stop(served) == 0
    line = next(line for line in served.lines if "listens on" in line)
    assert "INFO" in line
    assert "app/web listens on 127.0.0.1:" in line


def test_systemd_hears_of_all_and_hands_its_sockets_over(folder, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager, socket.create_server(("127.0.0.1", 0)) as port:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(30)
        # systemd-socket-activate's work: the socket as descriptor 3, and the process's own number.
        launch = (
            "import os, sys\n"
            f"os.dup2({port.fileno()}, 3)\n"
            "os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))\n"
            "os.execv(sys.executable, [sys.executable, '-m', 'weft', *sys.argv[1:]])\n"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", launch, "serve", "app:handle", "--listen", "systemd:index=0", "--workers", "2"],
            cwd=folder,
            env={**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "30000000"},
            pass_fds=[port.fileno()],
            stderr=subprocess.PIPE,
        )
        try:
            assert b"READY=1" in manager.recv(1000)
            assert manager.recv(1000) == b"WATCHDOG=1"
            for _ in range(2):
                with connected(port.getsockname()) as sock:
                    ask(sock)
                process.send_signal(signal.SIGHUP)
                assert b"RELOADING=1\nMONOTONIC_USEC=" in manager.recv(1000)
                assert b"READY=1" in manager.recv(1000)
            process.send_signal(signal.SIGTERM)
            assert b"STOPPING=1" in manager.recv(1000)
            process.communicate(timeout=30)
            assert process.returncode == 0
            with connected(port.getsockname()):
                pass  # systemd's socket still listens: who comes now is served by the next one
        finally:
            process.kill()
            process.communicate()


def test_the_help_teaches(weft):
    result = weft("serve", "--help")

    assert result.returncode == 0
    for words in ("weft serve echo:Echo --listen tcp:8080", "SIGHUP reloads", "--drain-seconds", "Exits with 0"):
        assert words in result.stdout
    assert "serve" in weft("--help").stdout


def test_a_worker_is_told_everything_in_its_command(folder):
    with Served(folder, "app:service") as served:
        (pid,) = served.wait_ready()
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        assert json.loads(command[3])["target"] == "app:service"
        assert stop(served) == 0

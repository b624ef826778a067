import signal
import socket
from collections.abc import Iterator

import pytest
from running import LOCAL, TIMEOUT_S, Program, Talk, ended, example

from weft.protocols import NetstringParser


@pytest.fixture(scope="module")
def server() -> Iterator[Program]:
    program = Program(*example("netstrings/server.py", "--listen", LOCAL))
    program.wait_for("is served")
    yield program
    program.end()


def serve(start, where) -> Program:
    program = start(example("netstrings/server.py", "--listen", where))
    program.wait_for("is served")
    return program


@pytest.fixture
def start_proxy(start):
    """Start a proxy before an endpoint; give the program when it serves."""

    def start_proxy(service, *options):
        program = start(example("netstrings/proxy.py", "--listen", LOCAL, "--service", service, *options))
        program.wait_for("proxy is served")
        return program

    return start_proxy


@pytest.fixture
def held():
    """A listening socket of the test's own, in the place of the service."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(TIMEOUT_S)
        yield listener


def where_of(listener):
    return "tcp:{}:{}".format(*listener.getsockname())


class Strings(Talk):
    """A client's connection, netstring by netstring."""

    def __init__(self, address):
        super().__init__(address)
        self.parser = NetstringParser()
        self.strings = []

    def say(self, *strings):
        self.sock.sendall(b"".join(b"%d:%s," % (len(string), string) for string in strings))

    def hear(self):
        while not self.strings:
            data = self.sock.recv(65536)
            assert data, "the connection ended"
            self.strings += self.parser.feed(data)
        return self.strings.pop(0)


def client(program, *arguments, **options):
    return ended(example("netstrings/client.py", "--connect", program.where(), *arguments), **options)


@pytest.mark.parametrize(
    "request_, answer",
    [
        (b"upper the wind", b"ok THE WIND"),
        (b"lower The Wind", b"ok the wind"),
        (b"title the wind", b"ok The Wind"),
        (b"reverse the\nwind", b"ok dniw\neht"),
        (b"count the wind sings", b"ok 3"),
        (b"upper", b"ok "),
        ("upper gr\u00fcn".encode(), "ok GR\u00dcN".encode()),
        (b"sing the wind", b"no there is no transform 'sing': there are upper, lower, title, reverse, count"),
        (b"", b"no there is no transform '': there are upper, lower, title, reverse, count"),
    ],
)
def test_a_request_is_answered_with_the_text_or_a_reason(server, request_, answer):
    with Strings(server.address()) as strings:
        strings.say(request_, b"upper and on")

        assert strings.hear() == answer
        assert strings.hear() == b"ok AND ON"


def test_a_request_that_is_no_text_is_refused_and_one_that_is_no_netstring_ends_the_connection(server):
    with Strings(server.address()) as strings:
        strings.say(b"upper \xff")
        assert strings.hear().startswith(b"no 'utf-8' codec can't decode byte 0xff")
        strings.sock.sendall(b"999999:")
        assert strings.hear_end() == b""

    server.wait_for("Transformer from")


def test_the_client_prints_what_becomes_of_a_text(server):
    assert client(server, "upper", "the", "wind") == (0, "THE WIND\n", "")


def test_the_client_has_each_line_of_its_input_transformed_in_order(server):
    lines = [f"line {number}" for number in range(2000)]

    code, output, errors = client(server, "reverse", given="\n".join(lines))

    assert (code, errors) == (0, "")
    assert output.splitlines() == [line[::-1] for line in lines]


def test_the_client_says_why_the_service_refuses(server):
    code, output, errors = client(server, "sing", "the wind")

    assert (code, output) == (1, "")
    assert errors == (
        "client.py: the service refuses: there is no transform 'sing': "
        "there are upper, lower, title, reverse, count\n"
    )


def test_the_client_says_that_a_text_is_too_long(server):
    code, output, errors = client(server, "upper", given="short\n" + "x" * 100_001)

    assert (code, output) == (1, "")
    assert errors == "client.py: the service refuses: a request has 100000 bytes at most, not 100007\n"


def test_the_client_says_that_nobody_answers(held):
    where = where_of(held)
    held.close()

    code, output, errors = ended(example("netstrings/client.py", "--connect", where, "upper", "the wind"))

    assert (code, output) == (1, "")
    assert errors.startswith(f"client.py: {where}: [Errno")
    assert errors.count("\n") == 1


def test_the_client_says_that_the_connection_ended_before_the_answer(start, held):
    program = start(example("netstrings/client.py", "--connect", where_of(held), "upper", "the wind"))
    connection, _ = held.accept()
    with connection:
        connection.recv(100)

    assert program.wait_ended() == 1
    assert program.lines == [f"client.py: {where_of(held)}: the service closed the connection before it answered"]


def test_ctrl_c_ends_a_waiting_client_with_130(start, held):
    program = start(example("netstrings/client.py", "--connect", where_of(held), "upper", "the wind"))
    connection, _ = held.accept()
    with connection:
        assert connection.recv(100) == b"14:upper the wind,"
        program.interrupt()

        assert program.wait_ended() == 130
    assert program.lines == []


def test_many_clients_share_the_proxys_one_connection(server, start_proxy):
    proxy = start_proxy(server.where())
    clients = [Strings(proxy.address()) for _ in range(20)]
    for number, each in enumerate(clients):
        each.say(*(b"upper client %d, request %d" % (number, request) for request in range(50)))

    heard = [[each.hear() for _ in range(50)] for each in clients]

    assert heard == [
        [b"ok CLIENT %d, REQUEST %d" % (number, request) for request in range(50)] for number in range(20)
    ]
    for each in clients:
        each.__exit__()
    proxy.interrupt()
    assert proxy.wait_ended() == 0


def test_ctrl_c_closes_the_servers_connections_and_ends_it_with_0(start):
    server = serve(start, LOCAL)
    with Strings(server.address()) as strings:
        strings.say(b"upper the wind")
        assert strings.hear() == b"ok THE WIND"

        server.interrupt()

        assert strings.hear_end() == b""
        assert server.wait_ended() == 0


def test_a_service_that_dies_and_is_started_anew_is_a_pause_for_the_proxys_clients(start, start_proxy):
    server = serve(start, LOCAL)
    host, port = server.address()
    proxy = start_proxy(server.where(), "--patience", TIMEOUT_S)
    with Strings(proxy.address()) as strings:
        strings.say(b"upper before")
        assert strings.hear() == b"ok BEFORE"
        server.process.send_signal(signal.SIGKILL)
        server.wait_ended()
        proxy.wait_for("it connects again")

        strings.say(b"upper after")
        serve(start, f"tcp:{port}:interface={host}")

        assert strings.hear() == b"ok AFTER"


def test_a_request_whose_connection_is_lost_is_sent_again(held, start_proxy):
    proxy = start_proxy(where_of(held), "--patience", TIMEOUT_S)
    with Strings(proxy.address()) as strings:
        first, _ = held.accept()
        with first:
            strings.say(b"upper once")
            assert first.recv(100) == b"10:upper once,"
        second, _ = held.accept()
        with second:
            assert second.recv(100) == b"10:upper once,"
            second.sendall(b"7:ok ONCE,")

            assert strings.hear() == b"ok ONCE"


def test_a_service_that_does_not_answer_is_told_to_the_client(held, start_proxy):
    proxy = start_proxy(where_of(held), "--patience", 0.1)
    with Strings(proxy.address()) as strings:
        upstream, _ = held.accept()
        with upstream:
            strings.say(b"upper late", b"upper next")
            assert strings.hear() == b"no the service does not answer: try again later"
            assert strings.hear() == b"no the service does not answer: try again later"

            upstream.sendall(b"7:ok LATE,7:ok NEXT,")  # nobody waits for these any more
            strings.say(b"upper now")
            received = b""
            while not received.endswith(b"9:upper now,"):
                received += upstream.recv(100)
            assert received == b"10:upper late,10:upper next,9:upper now,"


def test_ctrl_c_lets_the_proxy_answer_what_is_under_way(held, start_proxy):
    proxy = start_proxy(where_of(held), "--patience", TIMEOUT_S)
    with Strings(proxy.address()) as strings, Strings(proxy.address()) as idle:
        upstream, _ = held.accept()
        with upstream:
            strings.say(b"upper the last")
            assert upstream.recv(100) == b"14:upper the last,"

            proxy.interrupt()

            assert idle.hear_end() == b""
            upstream.sendall(b"11:ok THE LAST,")
            assert strings.hear() == b"ok THE LAST"
            assert strings.hear_end() == b""
            assert proxy.wait_ended() == 0

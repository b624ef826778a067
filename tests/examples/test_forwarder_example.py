import socket
import threading

import pytest
from running import LOCAL, MOST_GROWTH_KB, TIMEOUT_S, Talk, ended, example, fill


@pytest.fixture
def forward(start):
    """Start a forwarder to an endpoint; give the program when it serves."""

    def forward(to):
        program = start(example("forwarder.py", to, "--listen", LOCAL))
        program.wait_for("is served")
        return program

    return forward


@pytest.fixture
def echo(start):
    program = start(example("echo.py", "--listen", LOCAL))
    program.wait_for("is served")
    return program


@pytest.fixture
def target():
    """A listening socket of the test's own."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(TIMEOUT_S)
        yield listener


def test_many_clients_at_once_reach_the_other_place_and_hear_from_it(echo, forward):
    program = forward(echo.where())
    talks = [Talk(program.address()) for _ in range(20)]
    for number, talk in enumerate(talks):
        talk.say(f"hello {number}")

    heard = [talk.hear() for talk in talks]

    assert heard == [f"hello {number}" for number in range(20)]
    for talk in talks:
        talk.sock.shutdown(1)
        assert talk.hear_end() == b""
        talk.__exit__()


def test_the_end_of_one_direction_is_passed_on_and_the_other_goes_on(forward, target):
    program = forward("tcp:{}:{}".format(*target.getsockname()))
    with Talk(program.address()) as talk:
        talk.say("a question")
        talk.sock.shutdown(1)
        onward, _ = target.accept()
        with onward, onward.makefile("rb") as file:
            assert file.read() == b"a question\n"  # up to its end
            onward.sendall(b"an answer")

        assert talk.hear_end() == b"an answer"


def test_a_slow_reader_slows_the_sender_down_and_fills_no_memory(forward, target):
    program = forward("tcp:{}:{}".format(*target.getsockname()))
    total = 96_000_000
    piece = bytes(range(256)) * 1000
    with Talk(program.address()) as talk:
        onward, _ = target.accept()
        with onward:
            assert_echo(talk, onward)
            before_kb = program.most_memory_kb()

            sent = fill(onward, piece, total)  # nobody reads yet
            assert sent < total
            rest = threading.Thread(target=send_rest, args=(onward, piece, sent, total))
            rest.start()
            received = bytearray(total)
            with memoryview(received) as view:
                count = 0
                while count < total:
                    count += talk.sock.recv_into(view[count : count + 65536])
            rest.join()

    assert received == (piece * (total // len(piece) + 1))[:total]
    assert program.most_memory_kb() - before_kb < MOST_GROWTH_KB


def assert_echo(talk, onward):
    """See that the two are connected."""
    talk.say("hello")
    assert onward.recv(100) == b"hello\n"


def send_rest(sock, piece, sent, total):
    while sent < total:
        start = sent % len(piece)
        sent += sock.send(piece[start : start + total - sent])


def test_where_nobody_listens_the_client_is_let_go_and_the_log_says_why(forward, target):
    host, port = target.getsockname()
    target.close()
    program = forward(f"tcp:{host}:{port}")

    with Talk(program.address()) as talk:
        assert talk.hear_end() == b""

    program.wait_for(rf"tcp:{host}:{port}: \[Errno \d+\] Connect call failed")
    program.interrupt()
    assert program.wait_ended() == 0


def test_a_place_to_go_to_that_is_none_is_refused_at_the_start():
    code, _, errors = ended(example("forwarder.py", "tcp:localhost", "--listen", LOCAL))

    assert code == 1
    assert errors.startswith("forwarder.py: 'tcp:localhost': port is missing")


def test_ctrl_c_lets_a_connection_finish(echo, forward):
    program = forward(echo.where())
    with Talk(program.address()) as talk:
        assert talk.ask("hello") == "hello"
        program.interrupt()
        program.wait_for("stopping")

        assert talk.ask("one more thing") == "one more thing"

    assert program.wait_ended() == 0


def test_a_second_ctrl_c_cuts_it(echo, forward):
    program = forward(echo.where())
    with Talk(program.address()) as talk:
        assert talk.ask("hello") == "hello"
        program.interrupt()
        program.wait_for("stopping")

        program.interrupt()

        assert program.wait_ended() == 0
        assert talk.hear_end() == b""

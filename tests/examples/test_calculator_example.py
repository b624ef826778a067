from collections.abc import Iterator

import pytest
from running import LOCAL, Program, Talk, example, load, weft

from weft.testing import Peer


@pytest.fixture(scope="module")
def calculator() -> Iterator[Program]:
    program = Program(*example("calculator.py", "--listen", LOCAL))
    program.wait_for("is served")
    yield program
    program.end()


HINT = "write numbers, + - * / // % and parentheses"


@pytest.mark.parametrize(
    "line, answer",
    [
        ("2 * (3 + 4)", "14"),
        ("-7 // 2", "-4"),
        ("10 / 4", "2.5"),
        ("1_000 % 7", "6"),
        ("9" * 90 + " * " + "9" * 90, str(int("9" * 90) ** 2)),
        ("1 / 0", "error: division by zero"),
        ("", f"error: '' is no sum: {HINT}"),
        ("2 +", f"error: '2 +' is no sum: {HINT}"),
        ("(" * 200, f"error: '{'(' * 200}' is no sum: {HINT}"),
        ("two + two", f"error: 'two' cannot be computed: {HINT}"),
        ("9 ** 9 ** 9", f"error: '9 ** 9 ** 9' cannot be computed: {HINT}"),
        ("True + 1", f"error: 'True' cannot be computed: {HINT}"),
        ("exit()", f"error: 'exit()' cannot be computed: {HINT}"),
        ("1e308 * 10", "error: '1e308 * 10' is too large"),
    ],
)
def test_a_line_is_answered_with_its_value_or_with_what_is_wrong(calculator, line, answer):
    with Talk(calculator.address()) as talk:
        assert talk.ask(line) == answer
        assert talk.ask("1 + 1") == "2"  # and the conversation goes on


def test_bytes_that_are_no_text_are_an_error(calculator):
    with Talk(calculator.address()) as talk:
        talk.sock.sendall(b"\xff\xfe\n1 + 1\r\n")

        assert talk.hear().startswith("error: 'utf-8' codec can't decode byte 0xff")
        assert talk.hear() == "2"


def test_many_clients_at_once_each_get_their_own_answers(calculator):
    talks = [Talk(calculator.address()) for _ in range(20)]
    for number, talk in enumerate(talks):
        talk.say(*(f"{number} * {factor}" for factor in range(100)))

    heard = [[int(talk.hear()) for _ in range(100)] for talk in talks]

    assert heard == [[number * factor for factor in range(100)] for number in range(20)]
    for talk in talks:
        talk.__exit__()


def test_a_line_without_end_is_refused_in_words(calculator):
    with Talk(calculator.address()) as talk:
        talk.sock.sendall(b"1 + 1\n" + b"1" * 10000)

        assert talk.hear() == "2"
        assert talk.hear_end() == b"error: a line has 200 bytes at most, and a newline at its end\n"


def test_a_line_that_is_cut_short_is_told(calculator):
    with Talk(calculator.address()) as talk:
        talk.sock.sendall(b"1 + 1")
        talk.sock.shutdown(1)

        assert talk.hear_end() == b"error: a line has 200 bytes at most, and a newline at its end\n"


def test_ctrl_c_closes_the_conversations_and_ends_it_with_0(start):
    calculator = start(example("calculator.py", "--listen", LOCAL))
    calculator.wait_for("is served")
    with Talk(calculator.address()) as talk:
        assert talk.ask("1 + 1") == "2"

        calculator.interrupt()

        assert talk.hear_end() == b""
        assert calculator.wait_ended() == 0


def test_the_protocol_can_be_tested_without_a_socket():
    peer = Peer(load("calculator.py").Calculator(), fragments=1)  # every byte arrives alone

    peer.send(b"6 * 7\r\ntwo\n")
    peer.end()

    assert peer.take() == f"42\nerror: 'two' cannot be computed: {HINT}\n".encode()
    assert peer.is_closed


def test_weft_serves_the_class_as_it_is(start):
    program = start(weft("serve", "examples.calculator:Calculator", "--listen", LOCAL))
    program.wait_for("is served")

    with Talk(program.address()) as talk:
        assert talk.ask("6 * 7") == "42"

    program.interrupt()
    assert program.wait_ended() == 0

import xml.etree.ElementTree as ElementTree

import pytest
from running import LOCAL, MOST_GROWTH_KB, Program, Talk, ended, example, fill, weft


@pytest.fixture
def echo(start) -> Program:
    program = start(example("echo.py", "--listen", LOCAL))
    program.wait_for("is served")
    return program


def test_each_client_gets_back_what_it_sent(echo):
    talks = [Talk(echo.address()) for _ in range(20)]
    for number, talk in enumerate(talks):
        talk.say(f"hello {number}", f"again {number}")

    heard = [[talk.hear(), talk.hear()] for talk in reversed(talks)]

    assert heard == [[f"hello {number}", f"again {number}"] for number in reversed(range(20))]
    for talk in talks:
        talk.__exit__()


def test_the_end_of_what_a_client_sends_ends_the_conversation(echo):
    with Talk(echo.address()) as talk:
        talk.say("last words")
        talk.sock.shutdown(1)

        assert talk.hear_end() == b"last words\n"


def test_a_client_that_does_not_read_is_not_read_from_and_nobody_else_notices(echo):
    with Talk(echo.address()) as rude, Talk(echo.address()) as polite:
        assert polite.ask("hello") == "hello"
        before_kb = echo.most_memory_kb()

        sent = fill(rude.sock, b"and so on\n" * 10000, 200_000_000)

        assert sent < 200_000_000
        assert polite.ask("still there?") == "still there?"
        assert echo.most_memory_kb() - before_kb < MOST_GROWTH_KB
        rude.sock.shutdown(1)
        assert len(rude.hear_end()) == sent


def test_ctrl_c_closes_the_conversations_and_ends_it_with_0(echo):
    with Talk(echo.address()) as talk:
        assert talk.ask("hello") == "hello"

        echo.interrupt()

        assert talk.hear_end() == b""
        assert echo.wait_ended() == 0


def test_a_port_that_is_taken_is_named_in_one_line(echo):
    _, port = echo.address()

    code, output, errors = ended(example("echo.py", "--listen", f"tcp:{port}:interface=127.0.0.1"))

    assert (code, output) == (1, "")
    assert errors.count("\n") == 1
    assert "echo.py: echo could not start" in errors
    assert f"('127.0.0.1', {port}): address already in use" in errors


def test_a_string_that_is_no_endpoint_is_explained():
    code, _, errors = ended(example("echo.py", "--listen", "tpc:7001"))

    assert code == 1
    assert "there is no kind of endpoint called 'tpc': did you mean tcp?" in errors


def test_weft_serves_the_same_coroutine_in_several_processes(start):
    program = start(weft("serve", "examples.echo:echo", "--listen", LOCAL, "--workers", 2))
    program.wait_for("is served")

    with Talk(program.address()) as talk:
        assert talk.ask("hello") == "hello"
        talk.sock.shutdown(1)
        assert talk.hear_end() == b""

    program.interrupt()
    assert program.wait_ended() == 0


def test_a_picture_shows_the_conversations(start, tmp_path):
    picture = tmp_path / "echo.svg"
    program = start(weft("run", "--figure", picture, "examples/echo.py", "--listen", LOCAL))
    program.wait_for("is served")
    with Talk(program.address()) as one, Talk(program.address()) as other:
        assert (one.ask("hello"), other.ask("hello")) == ("hello", "hello")

    program.interrupt()

    assert program.wait_ended() == 0
    text = "\n".join(ElementTree.parse(picture).getroot().itertext())
    assert "echo 1" in text
    assert "echo 2" in text

import re

import pytest
from running import LOCAL, MOST_GROWTH_KB, Program, Talk, example


@pytest.fixture
def chat(start) -> Program:
    program = start(example("chat.py", "--listen", LOCAL))
    program.wait_for("is served")
    return program


def enter(program, name):
    """Come in; return the connection."""
    talk = Talk(program.address())
    assert talk.hear() == "* What is your name?"
    assert re.fullmatch(rf"\* Welcome, {name}\. Here are: (.*, )?{name}", talk.ask(name))
    return talk


def test_what_one_says_all_hear(chat):
    with enter(chat, "Ada") as ada, enter(chat, "Bob") as bob, enter(chat, "Cyd") as cyd:
        assert [ada.hear(), ada.hear(), bob.hear()] == ["* Bob comes in", "* Cyd comes in", "* Cyd comes in"]

        bob.say("hello")

        assert [talk.hear() for talk in (ada, bob, cyd)] == ["Bob: hello"] * 3


def test_whoever_leaves_is_missed_however_that_was(chat):
    with enter(chat, "Ada") as ada:
        with enter(chat, "Bob") as bob:
            assert ada.hear() == "* Bob comes in"
            assert ada.ask("/who") == "* Ada, Bob"
            bob.say("/quit")
            assert bob.hear_end() == b""
            assert ada.hear() == "* Bob is gone"
        with enter(chat, "Bob"):
            assert ada.hear() == "* Bob comes in"
        assert ada.hear() == "* Bob is gone"
        assert ada.ask("/who") == "* Ada"


def test_a_name_must_be_free_and_a_name(chat):
    with enter(chat, "Ada"), Talk(chat.address()) as talk:
        assert talk.hear() == "* What is your name?"
        assert talk.ask("Ada") == "* Ada is here already. What is your name?"
        assert talk.ask("") == "* A name has letters and digits, 20 at most. What is yours?"
        assert talk.ask("/who") == "* A name has letters and digits, 20 at most. What is yours?"
        assert talk.ask("x" * 21) == "* A name has letters and digits, 20 at most. What is yours?"
        assert talk.ask("\x1b[31mBob\x07") == "* A name has letters and digits, 20 at most. What is yours?"
        assert talk.ask("Bob\x07") == "* Welcome, Bob. Here are: Ada, Bob"


def test_an_unknown_command_is_explained_and_silence_is_no_message(chat):
    with enter(chat, "Ada") as ada:
        ada.say("   ", "/dance now", "hello")

        assert ada.hear() == "* /dance is no command: there are /who and /quit"
        assert ada.hear() == "Ada: hello"


def test_who_reads_too_slowly_misses_messages_and_is_told_how_many(chat):
    messages = 20_000
    text = "x" * 900
    with enter(chat, "Ada") as ada, enter(chat, "Bob") as bob, enter(chat, "Sloth") as sloth:
        assert [ada.hear(), ada.hear()] == ["* Bob comes in", "* Sloth comes in"]
        before_kb = chat.most_memory_kb()

        heard = 0
        for _ in range(messages // 100):
            ada.say(*[text] * 100)
            heard += sum(ada.hear() == f"Ada: {text}" for _ in range(100))

        assert heard == messages
        assert bob.hear() == "* Sloth comes in"
        assert chat.most_memory_kb() - before_kb < MOST_GROWTH_KB
        came = 0
        while (line := sloth.hear()) == f"Ada: {text}":
            came += 1
        missed = re.fullmatch(r"\* You read too slowly: (\d+) messages passed you by", line)
        assert missed, line
        assert came + int(missed[1]) == messages


def test_ctrl_c_closes_the_conversations_and_ends_it_with_0(chat):
    with enter(chat, "Ada") as ada:
        chat.interrupt()

        assert ada.hear_end() == b""
        assert chat.wait_ended() == 0

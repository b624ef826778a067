import os
import signal
import sys
import xml.etree.ElementTree as ElementTree

import pytest
from running import EXAMPLES, ended, example, is_alive, weft

PRIMES = [9999999999971, 9999999999973, 9999999999987]
"""Of which each takes a worker a good part of a second; not all are prime."""
ENDLESS = 1000000000000000003 * 1000000000000000009
"""What no worker will ever find the factors of."""


def factors(number):
    """Return a number's prime factors, in a way of our own."""
    found, divisor = [], 2
    while number > 1:
        while number % divisor == 0:
            found.append(divisor)
            number //= divisor
        divisor += 1
        if divisor * divisor > number > 1:
            found.append(number)
            break
    return found


def line(number):
    return f"{number}: {' '.join(map(str, factors(number)))}".rstrip()


def pool(*arguments):
    return example("workers/pool.py", *arguments)


def test_the_factors_come_in_the_order_of_the_numbers():
    numbers = [99999999977, 1, 360, 97, 1001]

    code, output, _ = ended(pool("--workers", 3, *numbers))

    assert code == 0
    assert output.splitlines() == [line(number) for number in numbers]


def test_many_numbers_may_come_from_standard_input_and_each_worker_does_some():
    numbers = range(1, 501)

    code, output, errors = ended(pool("--workers", 3), given="\n".join(map(str, numbers)))

    assert code == 0
    assert output.splitlines() == [line(number) for number in numbers]
    begun = {words.split()[1] for words in errors.splitlines() if words.endswith(" begins")}
    worked = {words.split()[1] for words in errors.splitlines() if " takes " in words}
    assert len(begun) == 3
    assert worked <= begun
    assert len(worked) > 1


def test_a_worker_that_is_killed_is_replaced_and_its_job_is_not_lost(start):
    program = start(pool("--workers", 1, *PRIMES))
    pid = int(program.wait_for(r"worker (\d+) takes")[1])

    os.kill(pid, signal.SIGKILL)

    assert program.wait_ended() == 0
    program.wait_for(r"is done again: .*signal 9 ended it")
    assert [text for text in program.lines if ":" in text and "again" not in text] == list(map(line, PRIMES))
    assert len({text for text in program.lines if text.endswith("begins")}) == 2


def test_a_job_that_kills_every_worker_is_given_up_and_the_others_are_done(start):
    program = start(pool("--workers", 1, ENDLESS, 360))

    for _ in range(3):
        pid = int(program.wait_for_next(rf"worker (\d+) takes {ENDLESS}")[1])
        os.kill(pid, signal.SIGKILL)
        program.wait_for_next(rf"{ENDLESS} is done again")

    assert program.wait_ended() == 1
    assert f"{ENDLESS} was given up: 3 workers died of it" in program.lines
    assert "360: 2 2 2 3 3 5" in program.lines


def test_ctrl_c_ends_it_with_130_and_no_worker_is_left(start):
    program = start(pool("--workers", 2, ENDLESS, ENDLESS))
    pids = [int(program.wait_for_next(r"worker (\d+) takes")[1]) for _ in range(2)]

    program.interrupt()

    assert program.wait_ended() == 130
    assert not any(map(is_alive, pids))
    assert "again" not in program.output()


def test_a_workers_own_complaint_is_shown_and_the_job_given_up(start, monkeypatch):
    wrapper = "import sys; sys.argv = sys.argv[1:]; import runpy; runpy.run_path(sys.argv[0], run_name='__main__')"
    program = start([sys.executable, "-c", wrapper, str(EXAMPLES / "workers/factor.py")], given="two\n")

    assert program.wait_ended() == 1
    program.wait_for("ValueError: invalid literal for int")


@pytest.mark.parametrize(
    "arguments, given, complaint",
    [
        (["0"], "", "argument NUMBER: '0' is not a whole number from 1 on"),
        (["two"], "", "argument NUMBER: 'two' is not a whole number from 1 on"),
        (["--workers", "0", "360"], "", "argument --workers: '0' is not a whole number from 1 on"),
        ([], "360\ntwo\n", "standard input: 'two' is not a whole number from 1 on"),
    ],
)
def test_what_is_no_number_is_refused_with_2(arguments, given, complaint):
    code, output, errors = ended(pool(*arguments), given=given)

    assert (code, output) == (2, "")
    assert errors.splitlines()[-1] == f"pool.py: error: {complaint}"


def test_a_picture_shows_the_jobs(tmp_path):
    picture = tmp_path / "pool.svg"

    code, output, _ = ended(
        weft("run", "--figure", picture, "examples/workers/pool.py", "--workers", 2, 101, 102, 103)
    )

    assert (code, output) == (0, "101: 101\n102: 2 3 17\n103: 103\n")
    text = "\n".join(ElementTree.parse(picture).getroot().itertext())
    for number in (101, 102, 103):
        assert f"factor {number}" in text

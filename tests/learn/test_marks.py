"""The marks, the poets, and what is told of threads: what a learner's program carries, and what is seen of it."""

import socket
import textwrap
from pathlib import Path

import pytest

from weft.learn import drawn, keep_stack, note, poem, poets
from weft.learn.pictures import Drawn
from weft.learn.poetry import PoetNotReadyError
from weft.learn.running import Run, run_program
from weft.learn.stacks import Stacks
from weft.learn.watch import Sample, slept_ns
from weft.record import Activity, Outcome


def recorded(folder: Path, source: str, **options) -> Run:
    program = folder / "program.py"
    program.write_text(textwrap.dedent(source))
    return run_program(program, limit_s=60, **options)


# -- marks


def test_outside_the_course_marks_do_nothing():
    @drawn
    def double(number):
        """Return twice the number."""
        note("doubled", number)
        keep_stack("here")
        return 2 * number

    assert double(21) == 42
    assert (double.__name__, double.__doc__) == ("double", "Return twice the number.")


@pytest.mark.parametrize("marked", [None, "text"])
def test_what_is_no_function_cannot_be_drawn(marked):
    with pytest.raises(TypeError, match="@drawn marks plain functions"):
        drawn(marked)


def test_a_coroutine_function_is_drawn_without_a_mark():
    async def wait():
        pass

    with pytest.raises(TypeError, match="a coroutine's task is drawn without it"):
        drawn(wait)


def test_each_call_is_a_step_of_the_task_that_its_first_argument_names(tmp_path):
    run = recorded(
        tmp_path,
        """
        import time
        from weft.learn import drawn

        class Poet:
            name = "kite"

            @drawn
            def speak(self): time.sleep(0.02)

        @drawn
        def read(name): time.sleep(0.02)

        @drawn
        def alone(): time.sleep(0.02)

        @drawn
        def fail(name): raise ValueError

        read("loom"); read("train"); read("loom"); Poet().speak(); alone()
        try:
            fail("snow")
        except ValueError:
            pass
        time.sleep(0.05)
        """,
    )

    tasks = {task.name: task for task in run.timeline.tasks}
    assert list(tasks) == ["loom", "train", "kite", "alone", "snow"]
    assert tasks["snow"].outcome is Outcome.RAISED
    assert tasks["loom"].outcome is Outcome.RETURNED
    held = [phase for phase in tasks["loom"].phases if phase.activity in (Activity.RUNNING, Activity.BLOCKING)]
    between = [phase for phase in tasks["loom"].phases if phase.activity is Activity.WAITING]
    assert len(between) == 1, "it waits while the train is read, and after its last step it is over"
    assert held[-1].end_ns == tasks["loom"].end_ns <= tasks["kite"].begin_ns


def test_numbers_are_noted_with_their_moments(tmp_path):
    run = recorded(tmp_path, "from weft.learn import note\nfor size in (1, 5, 2): note('bytes', size)\n")

    assert [(name, value) for _, name, value in run.notes] == [("bytes", 1), ("bytes", 5), ("bytes", 2)]
    assert sorted(at for at, _, _ in run.notes) == [at for at, _, _ in run.notes]


def test_a_stack_says_whose_each_call_is_and_is_drawn(tmp_path):
    run = recorded(
        tmp_path,
        """
        import weft
        from weft.learn import keep_stack
        loop = weft.new_event_loop()
        def called():
            keep_stack("in a callback")
            loop.stop()
        loop.call_soon(called)
        loop.run_forever()
        loop.close()
        """,
        interpreted=True,
    )

    (stack,) = run.stacks
    owners = [call["owner"] for call in stack["calls"]]
    assert stack["calls"][0]["function"] == "<module>"
    assert stack["calls"][-1]["function"] == "called"
    assert (owners[0], owners[-1]) == ("yours", "yours")
    assert set(owners[1:-1]) == {"weft"}
    assert any(call["function"] == "Core.first_turn" for call in stack["calls"])
    text = Stacks().svg([Drawn("run", run), Drawn("expected", run, is_faded=True)])
    assert text is not None
    assert text.count("in a callback") == 2
    assert Stacks().svg([]) is None
    assert Stacks().terminal([], width=80, ascii_only=True) is None


# -- poets


def test_a_poet_recites_line_by_line_to_one_listener_after_another():
    with poets(loom=0.04) as ports:
        for _ in range(2):
            with socket.create_connection(("127.0.0.1", ports["loom"]), timeout=60) as connection:
                assert connection.makefile().read() == poem("loom")


def test_poets_are_gone_when_the_block_ends():
    with poets(loom=60) as ports:
        pass

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", ports["loom"]))


def test_an_unknown_poem_is_refused_with_those_that_are_known():
    with pytest.raises(ValueError, match=r"there is no poem 'sea'; the poems are kite, lamp, loom"), poets(sea=1):
        pass


def test_a_poet_that_ends_before_it_listens_is_told(monkeypatch, tmp_path):
    broken = tmp_path / "poet.py"
    broken.write_text("raise SystemExit(3)\n")
    monkeypatch.setattr("weft.learn.poetry.SCRIPT", broken)

    with pytest.raises(PoetNotReadyError, match="'loom' ended with exit code 3 before it listened"), poets(loom=1):
        pass


def test_a_poet_that_says_nothing_is_given_up(monkeypatch, tmp_path):
    silent = tmp_path / "poet.py"
    silent.write_text("import time\ntime.sleep(60)\n")
    monkeypatch.setattr("weft.learn.poetry.SCRIPT", silent)
    monkeypatch.setattr("weft.learn.poetry.PATIENCE_S", 0.1)

    with pytest.raises(PoetNotReadyError, match="did not listen within"), poets(loom=1):
        pass


# -- sleeping, and having no core

MS = 1_000_000


def sample(at_ms: float, sleeps: bool = True, cpu_ms: float = 0, line: int = 1) -> Sample:
    return Sample(round(at_ms * MS), 0, sleeps, round(cpu_ms * MS), "p.py", line)


def test_a_thread_that_is_asleep_in_one_line_time_and_again_sleeps():
    assert slept_ns([sample(at) for at in (0, 5, 10, 15)]) == {("p.py", 1): 15 * MS}


@pytest.mark.parametrize(
    "samples",
    [
        [sample(0), sample(40)],
        [sample(0), sample(5, sleeps=False), sample(10)],
        [sample(0), sample(5, cpu_ms=4), sample(10, cpu_ms=8)],
        [sample(0), sample(5, line=2), sample(10)],
        [sample(0), sample(150), sample(300)],
    ],
    ids=["two are no proof", "awake", "it computed", "another line", "nobody looked for too long"],
)
def test_what_is_no_proof_of_sleep_counts_for_nothing(samples):
    assert slept_ns(samples) == {}


def test_two_sleeps_in_one_line_are_summed():
    first, second = [sample(at) for at in (0, 5, 10)], [sample(at) for at in (20, 25, 30)]

    assert slept_ns([*first, sample(15, sleeps=False), *second]) == {("p.py", 1): 20 * MS}


# -- the program's surroundings


def test_a_program_sees_its_own_folder_and_name(tmp_path):
    (tmp_path / "beside.py").write_text("WORD = 'beside'\n")

    run = recorded(
        tmp_path, "import beside, os, sys\nprint(__name__, beside.WORD, os.getcwd() == os.path.dirname(__file__))\n"
    )

    assert run.output == "__main__ beside True\n"


def test_output_that_is_no_text_does_no_harm(tmp_path):
    run = recorded(tmp_path, "import sys\nsys.stdout.buffer.write(b'\\xff\\n')\n")

    assert run.lines == ["\N{REPLACEMENT CHARACTER}"]


def test_what_a_program_leaves_running_is_waited_for_as_python_does(tmp_path):
    run = recorded(
        tmp_path,
        """
        import threading, time
        from concurrent.futures import ThreadPoolExecutor
        threading.Thread(target=lambda: (time.sleep(0.1), print("thread\\n", end=""))).start()
        pool = ThreadPoolExecutor()
        pool.submit(lambda: (time.sleep(0.1), print("job\\n", end="")))
        """,
    )

    assert sorted(run.lines) == ["job", "thread"]
    assert run.exit_code == 0


def test_processes_that_a_program_leaves_behind_are_ended(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        (tmp_path / "left.py").write_text(
            "import socket, time\n"
            f"connection = socket.create_connection({server.getsockname()!r})\n"
            "print('connected', flush=True)\n"
            "time.sleep(600)\n"
        )
        run = recorded(
            tmp_path,
            """
            import subprocess, sys
            left = subprocess.Popen([sys.executable, "left.py"], stdout=subprocess.PIPE, text=True)
            print(left.stdout.readline())
            """,
        )
        assert run.lines[0] == "connected"

        connection, _ = server.accept()
        with connection:
            connection.settimeout(60)
            assert connection.recv(1) == b"", "its end of the connection is closed: it is gone"

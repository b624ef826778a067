"""The ways in which a Twisted program chooses Weft."""

import os
import re
import select
import signal
import subprocess
import sys
import textwrap
import urllib.request
from pathlib import Path

import pytest

import weft.faces.twisted
from tests.faces.twisted.programs import FOREVER_S, attempt, command, run

PROGRAM = """
    from twisted.internet import reactor, task
    def main(reactor):
        return task.deferLater(reactor, 0.01, print, type(reactor).__name__)
    task.react(main)
"""
TEST = """
from twisted.internet import reactor, task
from twisted.trial import unittest

class Later(unittest.TestCase):
    def test_on_weft(self):
        self.assertEqual(type(reactor).__name__, "WeftReactor")
        return task.deferLater(reactor, 0.01, lambda: None)
"""


def script(name):
    """Return the path of a command that Twisted or Weft installed."""
    return str(Path(sys.executable).with_name(name))


def test_install_makes_it_the_reactor():
    assert run(PROGRAM) == "WeftReactor\n"


def test_the_module_of_the_reactors_class_installs_it_as_those_of_twisteds_reactors_do():
    name = weft.faces.twisted.WeftReactor.__module__

    assert run(f"import {name}\n{name}.install()\n" + textwrap.dedent(PROGRAM), install=False) == "WeftReactor\n"


def test_weft_run_gives_a_script_that_says_nothing_of_reactors_one(tmp_path):
    path = tmp_path / "program.py"
    path.write_text("\n".join(line[4:] for line in PROGRAM.splitlines()))

    done = command(script("weft"), "run", str(path))

    assert (done.returncode, done.stdout) == (0, "WeftReactor\n"), done.stderr


def test_weft_run_leaves_a_script_the_reactor_that_it_chooses(tmp_path):
    path = tmp_path / "program.py"
    chosen = "from twisted.internet import selectreactor\nselectreactor.install()\n"
    path.write_text(chosen + "\n".join(line[4:] for line in PROGRAM.splitlines()))

    done = command(script("weft"), "run", str(path))

    assert (done.returncode, done.stdout) == (0, "SelectReactor\n"), done.stderr


def test_weft_run_imports_no_twisted_for_a_script_without_it(tmp_path):
    path = tmp_path / "program.py"
    path.write_text("import sys\nprint('twisted' in sys.modules)\n")

    assert command(script("weft"), "run", str(path)).stdout == "False\n"


def test_trial_knows_the_reactor_by_name(tmp_path):
    (tmp_path / "test_later.py").write_text(TEST)

    done = command(sys.executable, "-m", "twisted.trial", "--reactor=weft", "test_later", folder=tmp_path)

    assert "PASSED (successes=1)" in done.stdout, done.stdout + done.stderr


def test_twist_serves_with_the_reactor_until_ctrl_c():
    words = [
        sys.executable,
        script("twist"),
        "--reactor=weft",
        "--log-format=text",
        "web",
        "--listen=tcp:0:interface=127.0.0.1",
    ]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            started = re.search(r"Site starting on (\d+)", line)
            if started:  # it answers once it runs, and then it handles signals
                urllib.request.urlopen(f"http://127.0.0.1:{started[1]}/", timeout=FOREVER_S).close()
                process.send_signal(signal.SIGINT)
        process.wait(FOREVER_S)

    text = "".join(lines)
    assert "Site starting" in text
    assert "Port" in text.partition("Site starting")[2]
    assert "Closed" in text


def test_twistd_serves_as_a_daemon(tmp_path):
    pidfile = tmp_path / "twistd.pid"
    log = tmp_path / "twistd.log"
    words = [sys.executable, script("twistd"), "--reactor=weft", f"--pidfile={pidfile}", f"--logfile={log}"]

    started = command(*words, "web", "--listen=tcp:0:interface=127.0.0.1", folder=tmp_path)
    assert started.returncode == 0, started.stderr
    port = re.search(r"starting on (\d+)", log.read_text())[1]
    page = urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=FOREVER_S).read()
    pid = int(pidfile.read_text())
    os.kill(pid, signal.SIGTERM)
    wait_for_end(pid)

    assert b"Twisted Web" in page
    assert "WeftReactor" in log.read_text()
    assert "Server Shut Down." in log.read_text()


def wait_for_end(pid):
    """Wait until a process that is no child of ours is gone."""
    fd = os.pidfd_open(pid)
    try:
        assert select.select([fd], [], [], FOREVER_S)[0], "the daemon did not end"
    finally:
        os.close(fd)


def test_importing_weft_imports_no_twisted():
    source = (
        "import sys, weft, weft.faces, weft.deferred, weft.protocols, weft.services\nprint('twisted' in sys.modules)"
    )

    assert run(source, install=False) == "False\n"


# -- bad input


def test_another_reactor_that_is_installed_is_named():
    done = attempt(
        """
        from twisted.internet import reactor
        import weft.faces.twisted
        weft.faces.twisted.install()
        """,
        install=False,
    )

    last = done.stderr.splitlines()[-1]
    assert done.returncode == 1
    assert last.startswith(
        "twisted.internet.error.ReactorAlreadyInstalledError: this program has a reactor already, "
    )
    assert "Call weft.faces.twisted.install() before any such import." in last


@pytest.mark.parametrize(
    "setup, said",
    [
        ("sys.modules['twisted'] = None", "needs Twisted, which is not installed: pip install 'weft[twisted]'"),
        (
            "import twisted, incremental\ntwisted.version = incremental.Version('Twisted', 22, 10, 0)",
            "needs Twisted 24.3 or newer, and 22.10.0 is installed: pip install --upgrade 'weft[twisted]'",
        ),
    ],
    ids=["missing", "too old"],
)
def test_twisted_that_is_missing_or_too_old_gives_one_clear_line(setup, said):
    done = attempt(f"import sys\n{setup}\nimport weft.faces.twisted\n", install=False)

    last = done.stderr.splitlines()[-1]
    assert done.returncode == 1
    assert last == f"weft.errors.TwistedError: Weft's reactor {said}"


def test_a_loop_of_another_kind_is_refused():
    done = attempt(
        """
        import asyncio
        import weft.faces.twisted

        async def main():
            weft.faces.twisted.install()

        asyncio.run(main())
        """,
        install=False,
    )

    last = done.stderr.splitlines()[-1]
    assert last.startswith("TypeError: Weft's reactor runs on Weft's loop, not on <_UnixSelectorEventLoop")
    assert "run the program with weft.run(main())" in last

import os
import subprocess
import sys

import pytest

from weft.errors import ApplicationError
from weft.services.pidfile import pidfile


def test_a_pidfile_names_the_process_and_goes_with_it(tmp_path):
    path = tmp_path / "app.pid"

    with pidfile(path):
        assert path.read_text() == f"{os.getpid()}\n"

    assert not path.exists()


def test_a_pidfile_that_is_held_names_its_holder(tmp_path):
    path = tmp_path / "app.pid"
    program = f"from weft.services.pidfile import hold\nfrom pathlib import Path\nhold(Path({str(path)!r}))"
    with subprocess.Popen(
        [sys.executable, "-c", f"{program}\nprint('held', flush=True)\ninput()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as holder:  # fmt: skip
        assert holder.stdout.readline() == b"held\n"

        with pytest.raises(ApplicationError, match=rf"another process, {holder.pid}, holds .*kill {holder.pid}"):
            pidfile(path).__enter__()

        holder.communicate(b"\n")
    assert path.read_text() == f"{holder.pid}\n"  # left behind by a process that is gone
    with pidfile(path):
        assert path.read_text() == f"{os.getpid()}\n"


def test_a_pidfile_that_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(ApplicationError, match="No such file or directory; name another file"):
        pidfile(tmp_path / "nowhere" / "app.pid").__enter__()


def test_a_pidfile_that_another_process_has_replaced_is_left_alone(tmp_path):
    path = tmp_path / "app.pid"

    with pidfile(path):
        path.unlink()
        path.write_text("another's\n")

    assert path.read_text() == "another's\n"


def test_no_pidfile_is_none():
    with pidfile(None):
        pass

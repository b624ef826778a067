"""The types that users see hold: the checker agrees with the examples, the examples run, the stub is the source."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent

CONFIGURED = ("--mypy-config-file", str(ROOT / "pyproject.toml"))


def run(*command):
    done = subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, check=False, cwd=ROOT, timeout=300
    )
    return done.returncode, done.stdout + done.stderr


def test_mypy_agrees_with_the_examples(monkeypatch, tmp_path):
    monkeypatch.setenv("MYPY_CACHE_DIR", str(tmp_path))
    code, output = run("mypy", "--strict", str(HERE / "typed_examples.py"))

    assert code == 0, output


def test_the_examples_run():
    code, output = run("tests.deferred.typed_examples")

    assert (code, output) == (0, "")


def test_the_stub_says_what_the_source_does(monkeypatch, tmp_path):
    monkeypatch.setenv("MYPY_CACHE_DIR", str(tmp_path))  # another mypy may hold the usual one
    monkeypatch.setenv("WEFT_PURE", "1")  # the source's own signatures, without Cython in between

    code, output = run("mypy.stubtest", "weft.deferred.deferred", "--ignore-missing-stub", "--concise", *CONFIGURED)

    assert code == 0, output

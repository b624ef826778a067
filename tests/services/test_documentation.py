"""The page on services: its first program runs and prints what the page says."""

import re
import subprocess
import sys
from pathlib import Path

import weft
from weft.services import service

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "services.md").read_text()


def test_the_first_program_runs_and_prints_what_the_page_says(tmp_path):
    program = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1]
    expected = re.search(r"```text\n(.*?)```", PAGE, re.DOTALL)[1]

    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=False, cwd=tmp_path
    )

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, expected, "")
    assert list(tmp_path.iterdir()) == []


def test_the_page_names_every_hook_and_its_bound():
    for hook in ("start", "run", "reload", "drain", "stop"):
        assert f"`async {hook}()`" in PAGE
        assert callable(getattr(weft.Service, hook))
    assert f"`start_timeout_s`, {service.START_TIMEOUT_S:g} s" in PAGE
    assert f"`stop_timeout_s`, {service.STOP_TIMEOUT_S:g} s" in PAGE
    assert f"for the whole tree, {service.DRAIN_S:g} s" in PAGE


def test_what_the_page_says_of_the_command_is_in_its_help():
    from click.testing import CliRunner

    from weft.serving import serve_command

    shown = CliRunner().invoke(serve_command, ["--help"]).output
    for option in set(re.findall(r"--[a-z][a-z-]+", PAGE)):
        assert option in shown, option

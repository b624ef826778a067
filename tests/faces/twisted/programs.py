"""Twisted programs as their users run them: in a process of their own, since a process has one reactor."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

FOREVER_S = 60
"""How long a program may take before it counts as hung."""
INSTALL = "import weft.faces.twisted\nweft.faces.twisted.install()\n"


def run(source: str, *arguments: str, install: bool = True, folder: Path | None = None) -> str:
    """Run a program on Weft's reactor; return what it printed. Fails if it ends with an error."""
    done = attempt(source, *arguments, install=install, folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def attempt(
    source: str, *arguments: str, install: bool = True, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program; return how it ended, and what it printed."""
    text = (INSTALL if install else "") + textwrap.dedent(source)
    return command(sys.executable, "-c", text, *arguments, folder=folder)


def command(*words: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command with this process's build of Weft; return how it ended, and what it printed."""
    environ = dict(os.environ, PYTHONWARNINGS="default")
    return subprocess.run(words, capture_output=True, text=True, timeout=FOREVER_S, env=environ, cwd=folder)

"""Programs that the tests start: with other standard input and output, or with descriptors that they did not open."""

import subprocess
import sys
from typing import Any

PRELUDE = """
import asyncio, os, sys
import weft
from weft import endpoints

LOOPS = {"weft": weft.new_event_loop, "asyncio": asyncio.new_event_loop}

async def shout_once(reader, writer):
    writer.write((await reader.readline()).upper())

def run(main):
    with asyncio.Runner(debug=False, loop_factory=LOOPS[sys.argv[1]]) as runner:
        runner.run(main)
"""


def command(loop_name: str, body: str, *arguments: str) -> list[str]:
    """Return the command that runs a program's body, after the prelude, on a loop."""
    return [sys.executable, "-X", "dev", "-c", PRELUDE + body, loop_name, *arguments]


def ended(loop_name: str, body: str, *arguments: str, **options: Any) -> tuple[int, Any, Any]:
    """Run a program; return (its status, what it said on standard output, and on standard error)."""
    result = subprocess.run(command(loop_name, body, *arguments), timeout=20, check=False, **options)
    return result.returncode, result.stdout, result.stderr

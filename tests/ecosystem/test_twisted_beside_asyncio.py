"""Klein and treq beside aiohttp in one process: on Twisted's asyncio reactor, on Weft's, within a loop that runs."""

import json
import sys
from pathlib import Path

from .reactors import PROGRAMS, run_beside

BESIDE, WITHIN = str(PROGRAMS / "beside.py"), str(PROGRAMS / "within.py")
COMMANDS = {
    "asyncio": [sys.executable, BESIDE, "asyncio"],
    "weft": [sys.executable, "-m", "weft", "run", BESIDE],
    "within": [sys.executable, WITHIN],
}


def test_twisteds_programs_and_asyncios_share_a_loop(tmp_path: Path) -> None:
    told = {}
    for name, ended in run_beside(COMMANDS, tmp_path).items():
        assert ended.code == 0, ended.printed
        told[name] = json.loads(ended.printed)

    kinds = {name: (each.pop("loop"), each.pop("reactor")) for name, each in told.items()}
    assert kinds == {"asyncio": ("asyncio", "twisted"), "weft": ("weft", "weft"), "within": ("weft", "weft")}
    assert told["weft"] == told["within"] == told["asyncio"]
    doubles = list(range(0, 100, 2))
    assert told["weft"] == {
        "treq asks klein": doubles,
        "aiohttp asks klein": doubles,
        "treq asks aiohttp": doubles,
        "aiohttp asks aiohttp": doubles,
        "cancelled": ["True", "True", "on purpose"],
    }

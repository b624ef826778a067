"""Draws the chains of docs/deferreds.md, each from a real run: the page's own program, and those below.

With --check it writes nothing, and exits with 1 if a picture is not what the run gives.
"""

from __future__ import annotations

import os
import re
import runpy
import sys
import tempfile
from collections.abc import Callable
from contextlib import chdir, redirect_stdout
from pathlib import Path
from typing import Any

import weft

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE = DOCS / "deferreds.md"
SAVED = "chain.svg"
"""The name under which the page's program saves its picture."""


def of_the_page() -> str:
    """Return the picture that the page's program saves."""
    programs = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    [program] = [each for each in programs if f'save("{SAVED}")' in each]
    with tempfile.TemporaryDirectory() as folder, chdir(folder), open(os.devnull, "w") as nowhere:
        Path("program.py").write_text(program, encoding="utf-8")
        with redirect_stdout(nowhere):
            runpy.run_path("program.py")
        return Path(SAVED).read_text(encoding="utf-8")


def parse(text: str) -> list[str]:
    """Return the lines of a poem."""
    return text.split("/")


def recover(failure: weft.Failure) -> list[str]:
    """Return another poem."""
    return ["another poem"]


def waiting() -> weft.Deferred[Any]:
    """Return a Deferred that waits for another."""
    poem: weft.Deferred[str] = weft.Deferred()
    poem.add_callback(str.strip)

    def fetch(address: str) -> weft.Deferred[str]:
        return poem

    return weft.succeed("a-poem.example").add_callback(fetch).add_callback(parse).add_errback(recover)


def cancelled() -> weft.Deferred[Any]:
    """Return a Deferred that was cancelled, and recovered."""
    poem: weft.Deferred[str] = weft.Deferred()
    chain = poem.add_callback(parse).add_errback(recover).add_callback(len)
    poem.cancel()
    return chain


def gathered() -> weft.Deferred[Any]:
    """Return a list of two Deferreds, of which one failed and recovered."""
    first: weft.Deferred[str] = weft.Deferred()
    second: weft.Deferred[str] = weft.Deferred()
    poems = weft.gather_results([first.add_callback(parse), second.add_callback(parse).add_errback(recover)])
    poems.add_callback(len)
    first.callback("the wind/sings")
    second.errback(ConnectionError("nobody answers"))
    return poems


PICTURES: dict[str, Callable[[], str]] = {
    SAVED: of_the_page,
    "chain-waiting.svg": lambda: weft.figure(waiting()).svg(),
    "chain-cancelled.svg": lambda: weft.figure(cancelled()).svg(),
    "chain-list.svg": lambda: weft.figure(gathered()).svg(),
}


def main() -> int:
    """Write the pictures, or check them."""
    folder = DOCS / "pictures"
    wrong = 0
    for name, draw in PICTURES.items():
        path, drawn = folder / name, draw()
        if sys.argv[1:] != ["--check"]:
            path.write_text(drawn, encoding="utf-8", newline="\n")
        elif not path.exists() or path.read_text(encoding="utf-8") != drawn:
            print(f"{name} is not what the run gives: run python tools/draw_chains.py", file=sys.stderr)
            wrong = 1
    return wrong


if __name__ == "__main__":
    sys.exit(main())

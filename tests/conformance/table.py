"""The tables of docs/conformance.md, from what run.py wrote with --json.

python tests/conformance/table.py FILE ...
python tests/conformance/table.py --write docs/conformance.md FILE ...
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- figures: tests/conformance/table.py -->", "<!-- end of figures -->"
GROUPS = {
    "events": ("test_events.",),
    "servers": ("test_server.",),
    "sockets (`sock_*`)": ("test_sock_lowlevel.",),
    "sendfile of sockets": ("test_sendfile.", "test_sock_sendfile"),
    "sendfile of transports": ("test_sendfile.", "test_sendfile"),
    "start-TLS": ("test_sslproto.SelectorStartTLSTests.",),
    "TLS": ("test_ssl.",),
    "streams": ("test_streams.",),
    "child processes": ("test_subprocess.",),
    "UNIX sockets, pipes, signals": ("test_unix_events.",),
    "the loop's own": ("test_base_events.",),
}
"""What the parts are called, and the tests of each: the beginning of the name, and of the method's."""


def main() -> int:
    """Print the tables, or write them between the two marks of a document."""
    parser = argparse.ArgumentParser(description="Make the tables of docs/conformance.md.")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="what run.py wrote with --json")
    parser.add_argument("--write", type=Path, metavar="DOCUMENT", help="replace what stands between its marks")
    options = parser.parse_args()
    runs = [json.loads(path.read_text()) for path in options.files]
    tables = f"{whole_table(runs)}\n{part_table(runs)}"
    if options.write is None:
        print(tables)
        return 0
    write_between(options.write, BEGIN, tables)
    return 0


def write_between(document: Path, begin: str, tables: str) -> None:
    """Put tables into a document, between the mark at which they begin and the next one at which they end."""
    before, found_begin, rest = document.read_text().partition(begin)
    _, found_end, after = rest.partition(END)
    if not (found_begin and found_end):
        raise SystemExit(f"{document} has not both marks: {begin} and {END}")
    document.write_text(f"{before}{begin}\n\n{tables}\n{END}{after}")


def whole_table(runs: list[dict[str, Any]]) -> str:
    """Return the table of Weft's whole runs, a line for each Python and build."""
    lines = ["| Python | build | ran | passed | failed | named | not asked |", "|---|---|---|---|---|---|---|"]
    for run in runs:
        if run["loop"] == "weft":
            counts = Counter(run["verdicts"].values())
            failed = counts["failed"] + counts["pass though named"]
            lines.append(
                f"| {run['python']} | {run['build']} | {run['ran']} | {counts['passed']} | {failed} "
                f"| {counts['named']} | {counts['not asked']} |"
            )
    return "\n".join(lines) + "\n"


def part_table(runs: list[dict[str, Any]]) -> str:
    """Return the table of the parts: for each Python, passed of those that stock asyncio passes, on each loop."""
    shown = [run for run in runs if run["loop"] == "uvloop" or run["build"] == "compiled"]
    shown.sort(key=lambda run: ([int(part) for part in run["python"].split(".")], run["loop"] != "weft"))
    heads = [f"{run['loop']}, {run['python'].rpartition('.')[0]}" for run in shown]
    lines = [f"| part | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for title, (beginning, *method) in GROUPS.items():
        cells = [
            passed_of(run, named_in(runs, run["python"]), beginning, method[0] if method else "") for run in shown
        ]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def named_in(runs: list[dict[str, Any]], python: str) -> set[str]:
    """Return the tests that Weft's list names on a Python; they excuse every loop alike."""
    mine = [run["verdicts"] for run in runs if run["loop"] == "weft" and run["python"] == python]
    return {name for verdicts in mine for name, verdict in verdicts.items() if verdict == "named"}


def passed_of(run: dict[str, Any], named: set[str], beginning: str, method: str) -> str:
    """Return "passed of ran (of the others, how many are named)" for the tests of one part."""
    own = {
        name: verdict
        for name, verdict in run["verdicts"].items()
        if name.startswith(beginning) and name.rpartition(".")[2].startswith(method) and verdict != "not asked"
    }
    passed = sum(verdict == "passed" for verdict in own.values())
    excused = sum(verdict != "passed" and name in named for name, verdict in own.items())
    return f"{passed} of {len(own)}" + (f" ({excused} named)" if excused else "")


if __name__ == "__main__":
    sys.exit(main())

"""The tables of docs/conformance.md about Twisted's tests, from what run_twisted.py wrote with --json.

python tests/conformance/table_twisted.py FILE ...
python tests/conformance/table_twisted.py --write docs/conformance.md FILE ...
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from table import write_between
from trial import SUFFIX

BEGIN = "<!-- figures: tests/conformance/table_twisted.py -->"
PARTS = {
    "running, time, threads, descriptors": (
        "internet.test.test_core",
        "internet.test.test_default",
        "internet.test.test_fdset",
        "internet.test.test_posixbase",
        "internet.test.test_socket",
        "internet.test.test_threads",
        "internet.test.test_time",
        "test.test_internet",
        "test.test_threads",
    ),
    "TCP": ("internet.test.test_tcp", "test.test_tcp"),
    "TLS": ("internet.test.test_tls", "internet.test.test_newtls", "test.test_ssl", "protocols.test.test_tls"),
    "UDP, multicast": ("internet.test.test_udp", "test.test_udp"),
    "UNIX sockets": ("internet.test.test_unix", "test.test_unix", "python.test.test_sendmsg"),
    "child processes": ("internet.test.test_process", "test.test_process", "test.test_iutils"),
    "standard input and output": ("internet.test.test_stdio", "test.test_stdio"),
    "endpoints": ("internet.test.test_endpoints",),
    "AMP, FTP, SIP, Perspective Broker": ("test.test_amp", "test.test_ftp", "test.test_sip", "spread."),
    "twisted.web": ("web.",),
    "twisted.names": ("names.",),
    "twisted.mail": ("mail.",),
    "twisted.conch (SSH)": ("conch.",),
    "trial itself": ("trial.",),
    "all others": ("",),
}
"""What the parts are called, and how the names of their tests begin, after "twisted."; the first that fits holds."""


def main() -> int:
    """Print the tables, or write them between the two marks of a document."""
    parser = argparse.ArgumentParser(description="Make the tables of docs/conformance.md about Twisted's tests.")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="what run_twisted.py wrote with --json")
    parser.add_argument("--write", type=Path, metavar="DOCUMENT", help="replace what stands between its marks")
    options = parser.parse_args()
    runs = [json.loads(path.read_text()) for path in options.files]
    tables = f"{whole_table(runs)}\n{part_table(runs)}"
    if options.write is None:
        print(tables)
    else:
        write_between(options.write, BEGIN, tables)
    return 0


def title_of(run: dict[str, Any]) -> str:
    """Return what a run is called: its reactor, and the build of Weft where there is one."""
    return f"{run['reactor']}, {run['build']}" if "weft" in run["reactor"] else str(run["reactor"])


def whole_table(runs: list[dict[str, Any]]) -> str:
    """Return the table of whole runs; the reactor tests, which each reactor must pass, have columns of their own."""
    lines = [
        "| reactor | Twisted | Python | ran | passed | failed | named | not asked | reactor tests | passed |",
        "|---" * 10 + "|",
    ]
    for run in runs:
        verdicts = run["verdicts"]
        whole = Counter(verdicts.values())
        own = Counter(verdict for name, verdict in verdicts.items() if SUFFIX in name and verdict != "not asked")
        cells = [title_of(run), run["twisted"], run["python"], run["ran"], whole["passed"], failed_of(whole)]
        cells += [whole["named"], whole["not asked"], own.total(), own["passed"]]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines) + "\n"


def failed_of(counts: Counter[str]) -> int:
    """Return how many verdicts break a run."""
    return counts["failed"] + counts["pass though named"]


def part_table(runs: list[dict[str, Any]]) -> str:
    """Return the table of the parts: passed, of those that ran."""
    lines = [f"| part | {' | '.join(map(title_of, runs))} |", "|---" * (len(runs) + 1) + "|"]
    for part in PARTS:
        cells = []
        for run in runs:
            own = Counter(verdict for name, verdict in run["verdicts"].items() if part_of(name) == part)
            cells.append(f"{own['passed']} of {own.total() - own['not asked']}")
        lines.append(f"| {part} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def part_of(name: str) -> str:
    """Return the part that a test belongs to."""
    short = name.removeprefix("twisted.")
    return next(part for part, beginnings in PARTS.items() if short.startswith(beginnings))


if __name__ == "__main__":
    sys.exit(main())

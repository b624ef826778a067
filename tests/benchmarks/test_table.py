"""The table: its rows name what there is, a report follows from samples alone, and a busy machine gets none."""

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from contextlib import ExitStack
from pathlib import Path

import pytest

import weft

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks are for Linux")

BENCHMARKS = Path(weft.__file__).parent.parent / "benchmarks"
NOT_BUILT_YET = {"weft-uring", "weft-busy"}
ECHO = "echo, TCP, 1 KiB"


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)


def content_of(figures, missing=None):
    """Return what `table.py` keeps; `figures` has for each case and peer the figures of each round."""
    samples = [
        {"peer": peer, "case": case, "round": number, "foreign": 0.02, "figures": each}
        for (case, peer), rounds in figures.items()
        for number, each in enumerate(rounds)
    ]
    return {"facts": {"CPU": "a <fast> one"}, "missing": missing or {}, "noisy": False, "samples": samples}


RECORDED = content_of(
    {
        (ECHO, "c-epoll"): [{"messages_per_s": 250, "server_cpu_us": 3.7}] * 3,
        (ECHO, "weft"): [{"messages_per_s": each, "server_cpu_us": 4.0} for each in (110, 240, 230)],
        (ECHO, "weft-recorded"): [{"messages_per_s": each, "server_cpu_us": 4.1} for each in (100, 239, 229)],
        (ECHO, "uvloop"): [{"messages_per_s": each, "server_cpu_us": 4.6} for each in (100, 200, 200)],
        (ECHO, "asyncio"): [{"messages_per_s": 50, "server_cpu_us": 20.0}] * 3,
        ("echo, UNIX sockets, 1 KiB", "weft"): [{"server_cpu_us": 2.5}] * 3,
        ("echo, UNIX sockets, 1 KiB", "uvloop"): [{"server_cpu_us": 3.2}] * 3,
        ("idle connections", "weft"): [{"connected_bytes": 601}] * 3,
        ("idle connections", "uvloop"): [{"connected_bytes": 1315}] * 3,
        ("echo, TCP, one connection, 64 B", "weft-busy"): [{"p50_us": 7.0, "server_cpu_us": 8.0}] * 3,
        ("echo, TCP, one connection, 64 B", "uvloop"): [{"p50_us": 20.0, "server_cpu_us": 8.0}] * 3,
    },
    missing={"weft-uring": "there is no such peer yet", "weft-pure": "the other build"},
)


def ended(*arguments):
    command = [sys.executable, str(BENCHMARKS / "table.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def cells_of(report):
    """Return the cells of each row of the report's tables, by the first of them."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in report.splitlines() if line[:1] == "|"]
    return {row[0]: row[1:] for row in rows}


def test_each_row_names_a_case_a_figure_and_peers_that_there_are():
    import loops
    from peers import PEERS
    from rows import CALLS, CASES, ROWS, UNITS

    cases = {case.name: case for case in CASES}

    assert len(cases) == len(CASES)
    assert len({row.name for row in ROWS}) == len(ROWS)
    assert {peer for case in CASES for peer in case.peers} - set(PEERS) <= NOT_BUILT_YET
    assert {row.case for row in ROWS} == set(cases)
    for row in ROWS:
        assert {row.peer, row.base} <= set(cases[row.case].peers), row.name
        assert row.figure in (loops.MEASUREMENTS if row.case == CALLS else UNITS), row.name


def test_a_report_and_a_picture_are_made_of_what_was_recorded(tmp_path):
    kept = tmp_path / "table.json"
    kept.write_text(json.dumps(RECORDED))

    reported = ended("--from", kept)

    assert reported.returncode == 0, reported.stderr
    rows = cells_of(reported.stdout)
    # C's limit, Weft, its ratio in the middle round, what is to reach, and rloop, rloop-heap, asyncio, asyncio-heap
    assert rows["protocol echo over TCP, 1 KiB"] == ["1.25", "230 /s", "1.15", "1.15", "met", "-", "-", "0.25", "-"]
    assert rows["protocol echo over UNIX sockets, 1 KiB, CPU"][1:5] == ["2.50 µs", "1.28", "1.22", "met"]
    assert rows["p50 of one connection, busy polling"][1:5] == ["7.00 µs", "0.35", "≤ 0.35", "met"]
    assert rows["memory of an idle connection"][1:5] == ["601 B", "601 B", "≤ 600 B", "not met"]
    assert rows["recorder on, echo 1 KiB, to off"][:5] == ["-", "229 /s", "1.00", "0.98", "met"]
    assert rows["the same on io_uring, 1 KiB"][1:5] == ["-", "-", "1.22", "not measured"]
    assert "weft-uring: there is no such peer yet" in reported.stdout
    assert "weft-pure: the other build; asyncio-64k: not measured" in reported.stdout
    assert "4 of 7 rows reach what they are to reach; 2 are not measured." in reported.stdout
    drawn = ElementTree.parse(tmp_path / "table.svg")
    words = [text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert "601 B, is to reach ≤ 600 B" in words
    assert "not measured; is to reach 1.22" in words
    assert "prefers-color-scheme:dark" in (tmp_path / "table.svg").read_text()


def test_what_is_no_record_of_the_table_is_refused(tmp_path):
    kept = tmp_path / "table.json"
    kept.write_text("[]")

    reported = ended("--from", kept)

    assert reported.returncode == 1
    assert f"{kept} does not hold what table.py keeps" in reported.stderr


def test_a_short_run_keeps_its_samples_and_a_picture(tmp_path):
    measured = ended("--quick", "--noisy", "--seconds", "0.3", "--cases", "UDP", "--results", tmp_path)

    assert measured.returncode == 0, measured.stderr
    (kept,) = tmp_path.glob("quick-*.json")
    peers = {sample["peer"] for sample in json.loads(kept.read_text())["samples"]}
    assert peers >= {"c-epoll", "weft", "asyncio", "asyncio-heap"}  # each in the environment that it needs
    assert "UDP echo, 1 KiB" in cells_of(measured.stdout)
    ElementTree.parse(kept.with_suffix(".svg"))


def test_nothing_is_reported_while_others_use_the_machine(tmp_path):
    busy = ["import os", "print(flush=True)", f"while os.getppid() == {os.getpid()}: pass"]
    with ExitStack() as stack:
        for core in sorted(os.sched_getaffinity(0))[:2]:
            command = ["taskset", "--cpu-list", str(core), sys.executable, "-c", "\n".join(busy)]
            other = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE))
            stack.callback(other.terminate)
            other.stdout.readline()

        measured = ended("--quick", "--seconds", "0.3", "--cases", "UDP", "--results", tmp_path)

    assert measured.returncode == 1
    assert measured.stdout == ""
    assert "Nothing is reported" in measured.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_case_that_there_is_not_is_refused_and_those_that_there_are_named():
    measured = ended("--cases", "carrier pigeons")

    assert measured.returncode == 2
    assert "no case has 'carrier pigeons' in its name: echo, TCP, 64 B; " in measured.stderr


def test_only_a_peer_that_is_to_keep_its_heap_has_glibc_told_so(monkeypatch):
    from peers import environment

    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "7")

    assert "MALLOC_TRIM_THRESHOLD_" not in environment("asyncio")
    assert (
        environment("asyncio-heap")["MALLOC_TRIM_THRESHOLD_"] == environment("rloop-heap")["MALLOC_TRIM_THRESHOLD_"]
    )
    assert int(environment("asyncio-heap")["MALLOC_MMAP_THRESHOLD_"]) > 256 * 1024

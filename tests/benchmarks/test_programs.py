"""Each benchmark works: it measures, reports, and leaves nothing running. What it measures is no matter here."""

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import weft

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks are for Linux")

BENCHMARKS = Path(weft.__file__).parent.parent / "benchmarks"
OURS = "weft" if weft.BUILD == "compiled" else "weft-pure"
PEERS = f"{OURS},asyncio"
BRIEFLY = ("--quick", "--noisy")


def started(program, *options, **more):
    return subprocess.Popen(
        [sys.executable, str(BENCHMARKS / program), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


def output_of(process):
    with process:
        try:
            return process.communicate(timeout=60)
        finally:
            process.terminate()


def is_running(process_id):
    try:
        status = Path(f"/proc/{process_id}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"  # what has ended may still wait for init to notice


def rows_of(report):
    """Return the cells of all rows of the report's tables."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in report.splitlines() if line[:1] == "|"]


@pytest.mark.parametrize(
    "options",
    [
        ["echo.py", "--pieces", "2", "--depth", "16", "--seconds", "0.1", "--peers", f"c-epoll,{PEERS}"],
        [
            "echo.py",
            "--mode",
            "unix",
            "--server",
            "buffered",
            "--sizes",
            "102400",
            "--seconds",
            "0.1",
            "--peers",
            PEERS,
        ],
        ["echo.py", "--mode", "tls", "--sizes", "1,102400", "--seconds", "0.1", "--peers", f"c-epoll,{PEERS}"],
        ["echo.py", "--mode", "udp", "--sizes", "1,1024", "--seconds", "0.1", "--peers", f"c-epoll,{PEERS}"],
        ["echo.py", "--server", "streams-readline", "--sizes", "1,102400", "--seconds", "0.1", "--peers", PEERS],
        ["echo.py", "--server", "streams-readexactly", "--sizes", "1,1024", "--seconds", "0.1", "--peers", PEERS],
        ["echo.py", "--server", "weft-streams-readline", "--sizes", "1", "--seconds", "0.1", "--peers", PEERS],
        ["echo.py", "--server", "weft-streams-readexactly", "--mode", "unix", "--seconds", "0.1", "--peers", PEERS],
        ["web.py", "--seconds", "0.1", "--peers", PEERS],
        ["protocols.py", "--depths", "16", "--seconds", "0.1", "--peers", PEERS],
        ["calls.py", "--peers", PEERS],
        ["memory.py", "--peers", PEERS],
        ["memory.py", "--mode", "tls", "--connections", "20", "--peers", PEERS],
        ["startup.py", "--peers", PEERS],
        ["twisted_reactors.py", "--seconds", "0.1", "--peers", f"{OURS},twisted-epoll"],
    ],
    ids=" ".join,
)
def test_a_quick_run_reports_a_figure_of_each_peer(options, tmp_path):
    peers = options[-1].split(",")
    samples_path = tmp_path / "samples" / "quick.json"

    process = started(*options, *BRIEFLY, "--json", str(samples_path))
    report, errors = output_of(process)

    assert process.returncode == 0, errors
    written = json.loads(samples_path.read_text())
    assert {sample["peer"] for sample in written["samples"]} == set(peers)
    assert all(sample["figures"] for sample in written["samples"])
    named = {cell.removesuffix(", ns") for row in rows_of(report) for cell in row}
    assert named.issuperset(peers)


def test_a_terminated_run_leaves_no_server_behind():
    process = started("echo.py", "--noisy", "--peers", PEERS, "--base", "asyncio")
    with process:
        assert "round 1" in process.stderr.readline()  # all servers are up then
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        process.send_signal(signal.SIGTERM)
        report, errors = process.communicate(timeout=60)

    assert process.returncode == 130
    assert report == ""
    assert "interrupted" in errors
    assert len(children) >= 2
    assert [child for child in children if is_running(child)] == []


def test_a_server_that_cannot_start_is_named_with_what_it_said(tmp_path):
    far = tmp_path / ("far" * 40)
    far.mkdir()

    process = started("echo.py", "--mode", "unix", "--peers", OURS, *BRIEFLY, env=os.environ | {"TMPDIR": str(far)})
    report, errors = output_of(process)

    assert process.returncode == 1
    assert report == ""
    assert f"the server {OURS} ended with exit code 1" in errors
    assert "path too long" in errors


def test_a_low_limit_on_open_files_means_fewer_connections_and_says_so():
    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))

    process = started("memory.py", "--connections", "500", "--peers", OURS, *BRIEFLY, preexec_fn=limit)
    report, errors = output_of(process)

    assert process.returncode == 0, errors
    assert "36 connections instead of 500: a process may open 200 files" in errors
    assert "36 idle connections" in report


@pytest.mark.parametrize(
    "options, said",
    [
        (["echo.py", "--peers", "weft,nobody"], "nothing is called 'nobody'"),
        (["echo.py", "--mode", "udp", "--server", "buffered"], "over UDP there is but --server protocol"),
        (["echo.py", "--mode", "udp", "--sizes", "65508"], "at most 65507 bytes"),
        (["memory.py", "--connections", "0"], "not a number from 1 to 100000"),
        (["startup.py", "--rounds", "0"], "--rounds must be 1 or more, not 0"),
    ],
)
def test_a_wrong_command_line_says_what_is_wrong(options, said):
    process = started(*options)
    _, errors = output_of(process)

    assert process.returncode == 2
    assert said in errors


@pytest.mark.parametrize(
    "program", ["echo.py", "web.py", "calls.py", "memory.py", "startup.py", "twisted_reactors.py"]
)
def test_the_help_teaches_how_to_read_the_figures(program):
    process = started(program, "--help")
    said, _ = output_of(process)

    assert process.returncode == 0
    assert "examples:" in said
    assert "how to read it" in said


@pytest.mark.parametrize("sources", [["loadgen.c", "measure.c", "tls.c"], ["c_epoll.c", "tls.c"]], ids=" ".join)
def test_the_c_programs_compile_without_a_warning(sources, tmp_path):
    compiler = os.environ.get("CC", "cc")
    command = [compiler, "-O2", "-Wall", "-Wextra", "-Werror", "-o", str(tmp_path / "program"), *sources, "-ldl"]

    compiled = subprocess.run(command, cwd=BENCHMARKS, capture_output=True, text=True, check=False)

    assert compiled.returncode == 0, compiled.stderr

"""The demo: three slow poems, fetched by the same tasks in each of the three models, and a picture of what ran when.

It owns the paces of the poems and the words under the picture; the running and the drawing are Weft's.
"""

import os
import signal
import sys
from pathlib import Path

from servers import Pace, ServerNotReadyError, poem_path, poetry_servers, ports_variable
from tasks import loom, river, train

import weft
from weft.cli import show_report

PACES = {"loom": Pace(1.6, pieces=8), "train": Pace(1.2, pieces=8), "river": Pace(0.9, pieces=8)}
"""Few pieces, 0.1 s or more apart, so that each of them can be told from the next in the picture."""

TASKS = (loom, train, river)
"""In the order of PACES."""

PICTURE = Path("poems.svg")


def main() -> int:
    """Fetch the poems in every model and show what happened; return 0 if every model fetched the very same poems."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # SIGTERM then ends the servers too, as Ctrl-C does
    try:
        with poetry_servers(PACES) as ports:
            os.environ["POETRY_PORTS"] = ports_variable(ports)
            report = weft.compare(TASKS)
    except ServerNotReadyError as error:
        print(f"demo.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    show_report(report, svg=PICTURE)
    poems = [poem_path(name).read_text() for name in PACES]
    differing = [run.model for run in report.runs if list(run.results) != poems]
    if differing:
        print(f"demo.py: these models did not return the poems as sent: {', '.join(differing)}", file=sys.stderr)
        return 1
    print(what_to_see(report))
    print(f"The picture is in {PICTURE.resolve()}")
    return 0


def what_to_see(report: weft.models.Report) -> str:
    """Return two sentences about the picture, with the figures of this very run."""
    runs = {run.model: run for run in report.runs}
    one_by_one, threads, interleaved = runs["sync"], runs["threads"], runs["interleaved"]
    slowest_s, slowest = max(zip(interleaved.task_s, interleaved.names, strict=True))
    return (
        f"One after another the {len(PACES)} poems took {one_by_one.wall_s:.2f} s; interleaved, "
        f"{counted(interleaved.threads, 'thread')} had them all after {interleaved.wall_s:.2f} s, and "
        f"{slowest}, the slowest, took {slowest_s:.2f} s of it by itself: while one poem paused, the next piece of "
        f"another was read. The model with threads took {threads.wall_s:.2f} s, with "
        f"{counted(threads.threads, 'thread')} that did little but wait."
    )


def counted(number: int, noun: str) -> str:
    """Return the number with its noun, in the plural where it needs one."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


if __name__ == "__main__":
    sys.exit(main())

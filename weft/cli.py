"""The command line: compare, run, figure, serve, learn.

It parses, calls, prints and chooses exit codes: 0 for success, 1 for a program or task that failed, 2 for misuse,
130 after Ctrl-C. Everything it shows comes from the layers; nothing imports it but `weft.__main__`.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import click
from rich.console import Console
from rich.table import Table

import weft as engine
from weft.errors import RecordingError, TaskFileError
from weft.figures import Panel, svg, terminal
from weft.models import Report, Run, compare, load_tasks
from weft.models.comparison import MODELS
from weft.models.tasks import NamedTask, named_tasks
from weft.record import SAMPLE_INTERVAL_S, Recorder, Recording
from weft.script import ScriptError, run_script

INTERRUPTED = 130


class OutputPath(click.Path):
    """A file to write, refused before anything runs if it cannot be there."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, writable=True, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path."""
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if not path.parent.is_dir():
            self.fail(f"cannot write {path}: there is no folder {path.parent}", param, ctx)
        if not path.exists() and not os.access(path.parent, os.W_OK):
            self.fail(f"cannot write {path}: the folder {path.parent} is not writable", param, ctx)
        return path


OUTPUT = OutputPath()


def fail(message: str, code: int) -> NoReturn:
    """Print one line and exit."""
    click.echo(f"weft: {message}", err=True)
    sys.exit(code)


class Commands(click.Group):
    """The commands; Ctrl-C in any of them ends in one line. `serve` and `learn` are imported when asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return sorted([*super().list_commands(ctx), "learn", "serve"])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by its name."""
        if cmd_name == "serve":
            from weft.serving import serve_command

            return serve_command
        if cmd_name == "learn":
            from weft.learning import learn_command

            return learn_command
        return super().get_command(ctx, cmd_name)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the chosen command."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            fail("interrupted", INTERRUPTED)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(engine.__version__, message=f"weft %(version)s, {engine.BUILD} build")
def weft() -> None:
    """Weft: an asynchronous engine that you can see.

    \b
    weft compare tasks.py                    the same tasks under three models, drawn
    weft run --figure run.svg script.py      any asyncio or Twisted program, drawn
    weft figure run.weft                     a recording, drawn again
    weft serve chat:service --workers 4      an application of services, in several processes
    weft learn                               the course: asynchronous programming, from the inside out
    """


# -- compare


@weft.command("compare")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "-m",
    "--model",
    "models",
    multiple=True,
    metavar="MODEL",
    help=f"One of {', '.join(MODELS)}; again for more. [default: all]",
)
@click.option(
    "-t", "--task", "names", multiple=True, metavar="NAME", help="Run this task only; again for more. [default: all]"
)
@click.option("--svg", "svg_path", type=OUTPUT, metavar="FILE", help="Write the figure to FILE as SVG.")
@click.option(
    "--record",
    "record_path",
    type=OUTPUT,
    metavar="FILE",
    help="Keep the recordings: FILE with the model's name before its ending.",
)
@click.option("--no-figure", is_flag=True, help="Print the table only.")
def compare_command(
    file: Path,
    models: tuple[str, ...],
    names: tuple[str, ...],
    svg_path: Path | None,
    record_path: Path | None,
    no_figure: bool,
) -> None:
    """Run the tasks in FILE under each model, and draw what really ran.

    Its tasks are the functions marked with @weft.task, or else its list `tasks`: functions that take nothing,
    coroutine functions and plain ones alike.

    \b
    sync          one after another, in one thread
    threads       each in a thread of its own
    interleaved   together, on one loop in one thread

    Exits with 1 if a task failed or the models' results differ.
    """
    for name in models:
        if name not in MODELS:
            fail(f"there is no model {name!r}; the models are {', '.join(MODELS)}", 2)
    tasks = chosen_tasks(file, names)
    try:
        report = compare(tasks, models or tuple(MODELS), on_begin=announce)
    except SystemExit as error:
        fail(f"a task ended with SystemExit({error.code!r}), so nothing was compared; let it return instead", 1)
    show_report(report, svg=svg_path, with_figure=not no_figure)
    if record_path is not None:
        for run in report.runs:
            save(run.recording, record_path.with_name(f"{record_path.stem}-{run.model}{record_path.suffix}"))
    sys.exit(1 if report.has_failures or not report.results_are_equal else 0)


def announce(title: str) -> None:
    """Say at a terminal which model runs. No spinner: it would compute during what is measured."""
    if sys.stderr.isatty():
        click.echo(f"weft: {title.lower()} ...", err=True)


def chosen_tasks(file: Path, names: Sequence[str]) -> list[Callable[[], Any]]:
    """Return the file's tasks, or those of them that were named. What the file raises ends in one line."""
    try:
        functions = load_tasks(file)
    except TaskFileError as error:
        fail(str(error), 2)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        fail(f"{file} raised {type(error).__name__} {where(error, file)}: {error}; mend it and compare again", 1)
    if not names:
        return functions
    tasks: dict[str, NamedTask] = {task.name: task for task in named_tasks(functions)}
    for name in names:
        if name not in tasks:
            fail(f"{file} has no task {name!r}; its tasks are {', '.join(tasks)}", 2)
    return [tasks[name].function for name in names]


def where(error: BaseException, file: Path) -> str:
    """Return the line of `file` that an exception came through last."""
    own = os.path.abspath(file)
    if isinstance(error, SyntaxError) and error.lineno and os.path.abspath(error.filename or "") == own:
        return f"in line {error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if os.path.abspath(frame.filename) == own]
    return f"in line {lines[-1]}" if lines else "while it was loaded"


def show_report(report: Report, svg: Path | None = None, with_figure: bool = True) -> None:
    """Print a comparison's table and pictures to standard output, and write the picture to `svg` if it is given."""
    console = Console()
    console.print(table_of(report))
    for run in report.runs:
        for name, error in zip(run.names, run.exceptions, strict=True):
            if error is not None:
                console.print(f"{run.title}: {name} raised {type(error).__name__}: {error}", markup=False)
    panels = [panel_of(run) for run in report.runs]
    if with_figure:
        console.print()
        console.print(figure_of(panels, console))
    if svg is not None:
        write_svg(svg, panels, "The same tasks, " + ", ".join(run.title.lower() for run in report.runs))


def table_of(report: Report) -> Table:
    """Return the table of a comparison."""
    table = Table()
    table.add_column("model", no_wrap=True)
    for heading in ("wall\ntime", "CPU\ntime", "threads", "of the\nsum"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("results", no_wrap=True)
    first = report.runs[0]
    for run in report.runs:
        failed = sum(error is not None for error in run.exceptions)
        words = "equal" if Report([first, run]).results_are_equal else "DIFFERENT"
        if failed:
            words = f"{words},\n{failed} failed"
        table.add_row(
            run.title.lower(),
            f"{run.wall_s:.3f} s",
            f"{run.cpu_s:.3f} s",
            str(run.threads),
            f"{run.ratio:.0%}",
            words,
        )
    table.caption = "of the sum: the wall time, as a share of what the tasks took one by one"
    if not report.results_are_equal:
        table.caption += f"\nDIFFERENT: from the results of {first.title.lower()}"
    table.caption_justify = "left"
    return table


def counted(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def panel_of(run: Run) -> Panel:
    """Return the panel that draws a run."""
    return Panel(run.title, run.recording.timeline(), run.caption)


def figure_of(panels: Sequence[Panel], console: Console) -> Any:
    """Return the figure for a console: as wide as it is, in letters that its encoding has."""
    ascii_only = not console.encoding.lower().startswith("utf")
    return terminal(panels, width=console.width, ascii_only=ascii_only)


# -- run


@weft.command("run", context_settings={"allow_interspersed_args": False})
@click.option("-m", "is_module", is_flag=True, help="SCRIPT is a module's name, as with python -m.")
@click.option("--figure", "svg_path", type=OUTPUT, metavar="FILE", help="Write what ran to FILE, as SVG.")
@click.option(
    "--record",
    "record_path",
    type=OUTPUT,
    metavar="FILE",
    help="Keep the recording in FILE; `weft figure FILE` draws it.",
)
@click.option("--show", is_flag=True, help="Draw what ran in the terminal, when the script is over.")
@click.argument("script")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def run_command(
    is_module: bool,
    svg_path: Path | None,
    record_path: Path | None,
    show: bool,
    script: str,
    arguments: tuple[str, ...],
) -> None:
    """Run an asyncio or Twisted program on Weft, unchanged: SCRIPT, or a module with -m, with its ARGUMENTS.

    Options for Weft stand before SCRIPT; what follows it is the script's own. Its exit code is passed on, and an
    exception shows the script's own traceback. The figure and the recording are written in any case.
    """
    recorder = Recorder(sample_interval_s=SAMPLE_INTERVAL_S) if svg_path or record_path or show else None
    svg_path = svg_path and svg_path.absolute()  # the script may go to another folder
    record_path = record_path and record_path.absolute()
    try:
        code, loops = run_script(script, arguments, is_module=is_module, recorder=recorder)
    except ScriptError as error:
        fail(str(error), 2)
    if recorder is not None:
        recording = recorder.take()
        if not loops:
            click.echo(f"weft: {script} made no event loop and no reactor, so nothing was recorded", err=True)
        if record_path is not None:
            save(recording, record_path)
        panels = [Panel(Path(script).name, recording.timeline(), " ".join(arguments))]
        if svg_path is not None:
            write_svg(svg_path, panels, "")
        if show:
            console = Console()
            console.print(figure_of(panels, console))
    sys.exit(code)


# -- figure


@weft.command("figure")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--svg", "svg_path", type=OUTPUT, metavar="FILE", help="Write it to FILE as SVG instead of drawing it here."
)
@click.option("--title", default=None, help="The figure's title. [default: the recording's file name]")
def figure_command(file: Path, svg_path: Path | None, title: str | None) -> None:
    """Draw a recording: FILE, as `weft run --record FILE` keeps it."""
    try:
        recording = Recording.load(file)
    except RecordingError as error:
        fail(str(error), 2)
    except OSError as error:
        fail(f"{file}: {error.strerror}; give a file that weft run --record wrote", 2)
    panels = [Panel(title or file.stem, recording.timeline())]
    if svg_path is not None:
        write_svg(svg_path, panels, "")
        return
    console = Console()
    console.print(figure_of(panels, console))


def write_svg(path: Path, panels: Sequence[Panel], title: str) -> None:
    """Write a figure to a file, and say so."""
    try:
        path.write_text(svg(panels, title=title), encoding="utf-8")
    except OSError as error:
        fail(f"cannot write the figure to {path}: {error.strerror}; name another file", 2)
    click.echo(f"weft: wrote {path}", err=True)


def save(recording: Recording, path: Path) -> None:
    """Write a recording to a file, and say so."""
    try:
        recording.save(path)
    except OSError as error:
        fail(f"cannot write the recording to {path}: {error.strerror}; name another file", 2)
    click.echo(f"weft: wrote {path}", err=True)

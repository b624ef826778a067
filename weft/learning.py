"""The command `weft learn`: the course in the terminal.

It parses, prints and chooses exit codes: 0 for success, 1 for a program that failed or an exercise that is not right
yet, 2 for misuse, 130 after Ctrl-C. What it shows comes from `weft.learn`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, NoReturn

import click
from rich.console import Console
from rich.markdown import Markdown
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text
from rich.theme import Theme

from weft.errors import WeftError
from weft.learn import pages
from weft.learn.chapter import Chapter, chapter, chapters
from weft.learn.course import Course, Standing, open_course, write_files
from weft.learn.grading import Grade, grade, run_for
from weft.learn.pictures import Drawn, beside
from weft.learn.running import Run

WIDEST_TEXT = 100
"""Longer lines are hard to read."""
NEXT = {
    "new": "weft learn read {0}, then weft learn start {0}",
    "started": "weft learn run {0}",
    "run": "mend {1}/exercise.py, then weft learn check {0}",
    "tried": "mend {1}/exercise.py, then weft learn check {0}",
}
SHOWN = {"new": "", "started": "begun", "run": "run", "tried": "tried", "passed": "done"}


class Lessons(click.Group):
    """The commands of the course; what goes wrong in it ends in one line."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the chosen command."""
        try:
            return super().invoke(ctx)
        except WeftError as error:
            fail(str(error))


def fail(message: str) -> NoReturn:
    """Say in one line what is wrong, and exit with 2."""
    click.echo(f"weft: {message}", err=True)
    sys.exit(2)


@click.group("learn", cls=Lessons, invoke_without_command=True)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="The course's folder. [default: the nearest from here upwards with a weft-learn.json, else this one]",
)
@click.pass_context
def learn_command(context: click.Context, folder: Path | None) -> None:
    """Learn asynchronous programming from the inside out: every step a program that runs and is drawn.

    \b
    weft learn              the chapters, how far you are, and the next step
    weft learn read 1       a chapter's text
    weft learn start 1      its programs, into a folder of yours: 01_.../
    weft learn run 1        run them: first you predict, then you see
    weft learn check 1      your exercise.py, judged by its recording
    weft learn solution 1   one way to do it

    Your files and how far you are stay in one folder, this one if you begin here. Nothing of yours is overwritten.
    """
    context.obj = open_course(folder)
    if context.invoked_subcommand is None:
        show_overview(context.obj)


def show_overview(course: Course) -> None:
    """Print the chapters, how far one is, and the next step."""
    console = make_console()
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(justify="right")
    for _ in range(3):
        table.add_column()
    for each in chapters():
        standing = course.standing(each)
        state = Text(SHOWN[standing.state], "bold" if standing.state == "passed" else "")
        table.add_row(str(each.number), Text(each.title, "bold"), each.idea, state)
    console.print(Text("Asynchronous programming, from the inside out", "bold"))
    console.print()
    console.print(table)
    done = sum(course.standing(each).state == "passed" for each in chapters())
    console.print()
    console.print(f"{done} of {len(chapters())} chapters are done, in {course.folder}", markup=False, soft_wrap=True)
    console.print(f"Next: {what_is_next(course)}", markup=False)


def what_is_next(course: Course, after: int = 0) -> str:
    """Return what to do next, in words: in the first chapter after that one that is not done, else in any."""
    left = [each for each in chapters() if course.standing(each).state != "passed"]
    if not left:
        return "you have done them all; build something, and draw it: weft run --figure run.svg program.py"
    found = next((each for each in left if each.number > after), left[0])
    return NEXT[course.standing(found).state].format(found.number, found.name)


NUMBER = click.argument("number", type=click.IntRange(1, 99), metavar="CHAPTER")


@learn_command.command("read")
@NUMBER
@click.option("--no-pager", is_flag=True, help="Print it all at once.")
def read_command(number: int, no_pager: bool) -> None:
    """Read a chapter's text, a page at a time."""
    found = chapter(number)
    console = make_console()
    text = Markdown(pages.for_terminal(found), code_theme="ansi_dark", hyperlinks=False)
    if no_pager or not console.is_terminal:
        console.print(text, width=text_width(console))
    else:
        with console.pager(styles=True):
            console.print(text, width=text_width(console))


@learn_command.command("start")
@NUMBER
@click.option("--again", is_flag=True, help="Write them anew; those that you changed are kept under another name.")
@click.pass_obj
def start_command(course: Course, number: int, again: bool) -> None:
    """Write a chapter's programs into a folder of yours. Files that are there already stay as they are."""
    found = chapter(number)
    written = write_files(found, course.folder_of(found), again=again)
    course.standing(found).reach("started")
    course.save()
    for old, new in written.moved:
        click.echo(f"kept your {found.name}/{old} as {new}")
    for name in written.new:
        click.echo(f"wrote {found.name}/{name}")
    for name in written.kept:
        click.echo(f"{found.name}/{name} is there already and stays as it is")
    click.echo(f"Next: weft learn run {number}   (the text: weft learn read {number})")


@learn_command.command("run")
@NUMBER
@click.argument("names", nargs=-1, metavar="[FILE]...")
@click.option(
    "--svg", "svg_path", type=click.Path(path_type=Path, dir_okay=False), help="Write the picture to a file."
)
@click.option("--guess", metavar="LETTER", help="Your prediction, without being asked.")
@click.pass_obj
def run_command(
    course: Course, number: int, names: tuple[str, ...], svg_path: Path | None, guess: str | None
) -> None:
    """Run a chapter's programs, or FILEs of your folder for it, and draw what really ran.

    Before the first run you are asked what you think will happen. Exits with 1 if a program failed.
    """
    found = chapter(number)
    console = make_console()
    folder = begun_folder(course, found)
    standing = course.standing(found)
    programs = [folder / name for name in names or found.programs]
    for program in programs:
        if not program.is_file():
            fail(f"{program} is not there; weft learn start {number} writes what is missing")
    is_first = not names and not standing.guess
    if is_first:
        standing.guess = asked_for(found, console, guess)
    runs = []
    for program in programs:
        console.print(f"$ python {program.name}", style="bold", markup=False)
        runs.append(run_for(found, program, echo))
    if len(runs) > 1:
        console.print()
        console.print(costs(runs))
    show_pictures(found, [Drawn(run.program.stem.replace("_", " "), run) for run in runs], svg_path, console)
    for run in runs:
        if run.is_over_time:
            click.echo(f"weft: {run.program.name} was stopped after {run.limit_s:g} s", err=True)
    if is_first:
        tell_answer(found, standing, console)
    if not names:
        standing.reach("run")
    course.save()
    sys.exit(1 if any(run.exit_code or run.is_over_time for run in runs) else 0)


def asked_for(found: Chapter, console: Console, guess: str | None) -> str:
    """Ask for the prediction; return the letter, "" for none."""
    letters = [letter for letter, _ in pages.lettered(found)]
    console.print(
        Markdown(f"**First, your prediction.** {found.prediction.question}\n\n{pages.choices(found)}"),
        width=text_width(console),
    )
    console.print()
    while guess is None or guess not in letters:
        if guess:
            click.echo(f"weft: {guess!r} is none of {', '.join(letters)}", err=True)
        if not sys.stdin.isatty():
            return ""
        guess = click.prompt("Your guess (Enter for none)", default="", show_default=False).strip().lower()
        if not guess:
            return ""
    return guess


def tell_answer(found: Chapter, standing: Standing, console: Console) -> None:
    """Say what the prediction should have been, and why."""
    right = found.prediction.answer
    if not standing.guess:
        said = f"It is **{right}**."
    elif standing.guess == right:
        said = f"You predicted **{right}**, and so it is."
    else:
        said = f"You predicted **{standing.guess}**. It is **{right}**."
    console.print()
    console.print(Markdown(f"{said} {found.prediction.because}"), width=text_width(console))


def costs(runs: Sequence[Run]) -> Table:
    """Return what each run cost."""
    table = Table(box=None, pad_edge=False)
    table.add_column("", no_wrap=True)
    for heading in ("time", "CPU time", "threads"):
        table.add_column(heading, justify="right", no_wrap=True)
    for run in runs:
        threads = str(len(run.timeline.threads))
        table.add_row(run.program.stem.replace("_", " "), f"{run.wall_s:.2f} s", f"{run.cpu_s:.3f} s", threads)
    return table


@learn_command.command("check")
@NUMBER
@click.argument("name", default="exercise.py", metavar="[FILE]")
@click.option(
    "--svg", "svg_path", type=click.Path(path_type=Path, dir_okay=False), help="Write the picture to a file."
)
@click.option("--no-figure", is_flag=True, help="Print the requirements only.")
@click.pass_obj
def check_command(course: Course, number: int, name: str, svg_path: Path | None, no_figure: bool) -> None:
    """Check your exercise, by what it recorded: what is asked, whether it holds, and how one sees it.

    The picture that is expected stands in grey beside yours. Exits with 1 while something is missing.
    """
    found = chapter(number)
    console = make_console()
    program = begun_folder(course, found) / name
    if not program.is_file():
        fail(f"{program} is not there; weft learn start {number} writes what is missing")
    graded = grade(found, run_for(found, program))
    standing = course.standing(found)
    standing.tries += 1
    standing.reach("passed" if graded.passes else "tried")
    course.save()
    show_grade(found, graded, console)
    if not no_figure or svg_path is not None:
        expected = run_for(found, found.original("solution.py"))
        show_pictures(found, beside(graded.run, expected), svg_path, None if no_figure else console)
    show_outcome(found, graded, course, console)
    sys.exit(0 if graded.passes else 1)


def show_grade(found: Chapter, graded: Grade, console: Console) -> None:
    """Print what is asked, whether it holds, and how one sees it."""
    has_letters = console.encoding.lower().startswith("utf")
    yes, no = ("✓", "✗") if has_letters else ("ok", "--")
    table = Table(
        box=None,
        pad_edge=False,
        show_header=False,
        title=Text(f"{found.heading}: {graded.run.program.name}", "bold"),
        title_justify="left",
    )
    table.add_column(no_wrap=True)
    table.add_column(ratio=2)
    table.add_column(ratio=3)
    for requirement, verdict in graded.verdicts:
        mark = Text(yes, "bold green") if verdict.holds else Text(no, "bold red")
        table.add_row(mark, Text(requirement.asked), Text(verdict.evidence, "dim" if verdict.holds else ""))
    console.print(table)
    if graded.run.exception is not None and not graded.run.is_over_time:
        console.print()
        console.print(graded.run.errors.rstrip(), style="red", markup=False, highlight=False)


def show_outcome(found: Chapter, graded: Grade, course: Course, console: Console) -> None:
    """Print the hint, or what comes next."""
    console.print()
    if graded.passes:
        console.print(Markdown(f"**All of it holds.** To think about: {found.question}"), width=text_width(console))
        console.print()
        console.print(f"Next: {what_is_next(course, found.number)}", markup=False)
        return
    holding = sum(verdict.holds for _, verdict in graded.verdicts)
    console.print(f"{holding} of {len(graded.verdicts)} hold.", markup=False)
    if graded.hint:
        console.print(Text.assemble(("Hint: ", "bold"), graded.hint), width=text_width(console))


@learn_command.command("solution")
@NUMBER
@click.pass_obj
def solution_command(course: Course, number: int) -> None:
    """Show one way to do a chapter's exercise. Ask for it after your own."""
    found = chapter(number)
    source = found.original("solution.py").read_text(encoding="utf-8")
    console = make_console()
    if console.is_terminal:
        console.print(Syntax(source, "python", theme="ansi_dark", background_color="default"))
    else:
        click.echo(source, nl=False)


def begun_folder(course: Course, found: Chapter) -> Path:
    """Return the learner's folder for a chapter."""
    folder = course.folder_of(found)
    if not folder.is_dir():
        fail(f"{folder} is not there: weft learn start {found.number} makes it (or go to your course's folder)")
    return folder


def echo(line: str, to: IO[str]) -> None:
    """Print a line of the learner's program."""
    click.echo(line, nl=False, file=to)


def show_pictures(found: Chapter, drawn: Sequence[Drawn], svg_path: Path | None, console: Console | None) -> None:
    """Print a chapter's pictures, unless there is no console for them, and write them to files if asked to."""
    for place, picture in enumerate(found.pictures):
        if console is not None:
            shown = picture.terminal(
                drawn, width=console.width, ascii_only=not console.encoding.lower().startswith("utf")
            )
            if shown is not None:
                console.print()
                console.print(shown)
        text = None if svg_path is None else picture.svg(drawn, title=found.heading)
        if svg_path is not None and text is not None:
            path = svg_path if place == 0 else svg_path.with_stem(f"{svg_path.stem}-{picture.name}")
            try:
                path.write_text(text, encoding="utf-8")
            except OSError as error:
                fail(f"cannot write the picture to {path}: {error.strerror}; name another file")
            click.echo(f"weft: wrote {path}", err=True)


def make_console() -> Console:
    """Return the console that the course is shown on."""
    return Console(highlight=False, theme=Theme({"markdown.code": "bold cyan", "markdown.code_block": "default"}))


def text_width(console: Console) -> int:
    """Return how wide text is shown."""
    return min(console.width, WIDEST_TEXT)

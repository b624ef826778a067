"""Chains that a program keeps: kept as rows, read by checks, drawn in the terminal and as SVG."""

import io
import xml.etree.ElementTree as ElementTree

import pytest
from rich.console import Console

from weft.learn.chains import Chains, rows_of, steps_of
from weft.learn.pictures import Drawn, beside
from weft.learn.running import run_program

PROGRAM = """
import weft
from weft.learn import keep_chain

def refuse(value):
    raise LookupError(value)

def recover(failure):
    return "another"

poem = weft.Deferred().add_callback(refuse).add_errback(recover)
keep_chain(poem, "a poem")
poem.callback("wind")
keep_chain(poem, "a poem")
keep_chain(weft.Deferred(), "nothing <yet>")
"""
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    program = tmp_path_factory.mktemp("chains") / "program.py"
    program.write_text(PROGRAM)
    return run_program(program, limit_s=60)


def printed(drawn, **more) -> str:
    shown = Chains().terminal(drawn, **{"width": 80, "ascii_only": False} | more)
    file = io.StringIO()
    Console(file=file, width=80).print(shown)
    return file.getvalue()


def test_a_chain_is_kept_as_it_was_at_that_moment(run):
    assert run.exit_code == 0, run.errors
    assert [kept["title"] for kept in run.chains] == ["a poem", "a poem", "nothing <yet>"]
    before, after = (kept["rows"] for kept in run.chains[:2])
    assert [row["ran"] for row in before if row["what"] == "STEP"] == [None, None]
    assert [row["ran"] for row in after if row["what"] == "STEP"] == ["callback", "errback"]


def test_a_check_reads_the_steps_of_the_last_chain_of_a_title(run):
    steps = [(step.left, step.right, step.ran, step.outcome) for step in steps_of(run, "a poem")]

    assert steps == [("refuse", None, "callback", "failure"), (None, "recover", "errback", "value")]
    assert rows_of(run, "no such title") == []


def test_chains_stand_one_below_the_other_in_a_terminal(run):
    text = printed([Drawn("program", run)])

    assert text.index("╰───") < text.index("╭───") < text.index("nothing <yet>")
    assert "raised LookupError" in text
    assert printed([Drawn("program", run)], ascii_only=True).isascii()


def test_what_is_expected_is_grey_and_titled(run):
    text = printed(beside(run, run), ascii_only=True)

    assert "Yours: a poem" in text
    expected = text[text.index("Expected: a poem") :]
    assert expected.isascii()


def test_a_document_has_every_chain_those_of_a_row_at_one_height(run):
    alone = ElementTree.fromstring(Chains().svg([Drawn("program", run)]))
    both = ElementTree.fromstring(Chains().svg(beside(run, run)))

    places = [(svg.get("x"), svg.get("y")) for svg in alone.iter(f"{SVG}svg") if svg is not alone]
    assert len(set(places)) == 3
    assert places[0][1] == places[2][1] == "0", "two columns: the first and the third, then the second and the rest"
    yours, expected = ([g for g in both.iter(f"{SVG}g") if g.get("class") == name] for name in ("own", "faded"))
    tops = [[group.find(f"{SVG}svg").get("y") for group in groups] for groups in (yours, expected)]
    assert tops[0] == tops[1]
    assert len(tops[0]) == 3


def test_runs_that_kept_no_chain_have_no_such_picture(tmp_path):
    (tmp_path / "program.py").write_text("print()")
    run = run_program(tmp_path / "program.py", limit_s=60)

    assert Chains().svg([Drawn("program", run)]) is None
    assert Chains().terminal([Drawn("program", run)], width=80, ascii_only=False) is None


def test_a_program_that_keeps_chains_without_end_does_not_fill_the_disk(tmp_path):
    lines = [
        "import weft",
        "from weft.learn import keep_chain",
        "for n in range(50):",
        "    keep_chain(weft.Deferred(), str(n))",
    ]
    (tmp_path / "program.py").write_text("\n".join(lines))

    run = run_program(tmp_path / "program.py", limit_s=60)

    assert [kept["title"] for kept in run.chains] == [str(n) for n in range(20)]

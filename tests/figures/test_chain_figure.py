"""What `weft.figure` returns: printed, shown, saved, whatever the chain's names and results are."""

import asyncio
import io
import os
import pty
import re
import subprocess
import sys
from xml.etree import ElementTree

import pytest
from rich.cells import cell_len
from rich.console import Console

import weft
from weft.deferred import Deferred, DeferredList, fail, succeed
from weft.errors import NotDrawableError, PictureFormatError

from .chains import SVG, double, fired, nested, recover, recovered, tips, words
from .samples import HOSTILE


def named(name):
    def step(value):
        return value

    step.__qualname__ = name  # what stands in the chain before it runs
    step.__code__ = step.__code__.replace(co_qualname=name, co_name=name)  # and after
    return step


def pictures():
    waiting = nested(Deferred().add_callback(double))
    yield weft.figure(Deferred())
    yield weft.figure(recovered())
    yield weft.figure(waiting)
    yield weft.figure(DeferredList([waiting, succeed(3)]).add_errback(recover))


def test_the_text_is_what_printing_gives_and_what_an_interactive_python_shows():
    figure = weft.figure(recovered())

    assert f"{figure}" == repr(figure) == figure.text()
    assert "\x1b" not in str(figure)


def test_printing_needs_no_rich():
    program = (
        "import sys\nsys.modules['rich'] = None\nimport weft\nprint(weft.figure(weft.succeed(3).add_callback(str)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )

    assert done.stdout.split("\n")[5:8] == [
        "✓ fired with a value                    ┊",
        "├─[str]                                 ┊  ·",
        "✓ the value '3'                         ┊",
    ]


def test_rich_prints_it_as_wide_as_its_console_and_in_colour():
    plain = Console(file=io.StringIO(), width=70, color_system=None)
    colourful = Console(file=io.StringIO(), width=70, color_system="standard", force_terminal=True)
    figure = weft.figure(recovered())

    plain.print(figure)
    colourful.print(figure)

    assert plain.file.getvalue() == figure.text(width=70) + "\n"
    assert "\x1b[1;32m[double]\x1b[0m" in colourful.file.getvalue()
    assert "\x1b[1;31m[recover]\x1b[0m" in colourful.file.getvalue()


def shown_on_a_terminal(figure, **environment):
    """What `show` writes to a terminal."""
    leader, follower = pty.openpty()
    with os.fdopen(follower, "w", encoding="utf-8") as file:
        figure.show(file)
    written = b""
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:  # Linux: the other side is closed, and all was read
            part = b""
        if not part:
            break
        written += part
    os.close(leader)
    return written.decode().replace("\r\n", "\n")


def test_show_has_colour_on_a_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "90")
    monkeypatch.delenv("NO_COLOR", raising=False)
    figure = weft.figure(recovered())

    shown = shown_on_a_terminal(figure)

    assert shown == figure.text(width=90, colour=True) + "\n"
    assert "\x1b[1;32m[double]\x1b[0m" in shown
    assert re.sub("\x1b\\[[0-9;]*m", "", shown) == figure.text(width=90) + "\n"


@pytest.mark.parametrize("name, value", [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_show_has_no_colour_where_it_is_not_wanted(monkeypatch, name, value):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv(name, value)

    assert "\x1b" not in shown_on_a_terminal(weft.figure(recovered()))


def test_show_has_no_colour_in_a_file(capsys):
    figure = weft.figure(recovered())

    figure.show()

    assert capsys.readouterr().out == f"{figure}\n"


def test_show_keeps_to_ascii_where_there_is_nothing_else():
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii", newline="")
    figure = weft.figure(recovered())

    figure.show(file)
    file.flush()

    assert file.buffer.getvalue().decode("ascii") == figure.text(ascii_only=True) + "\n"


@pytest.mark.parametrize("width", [1, 20, 48, 57, 80, 120, 200])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_no_line_is_wider_than_asked_for(width, ascii_only):
    for figure in pictures():
        text = figure.text(width=width, ascii_only=ascii_only)

        assert all(cell_len(line) <= width for line in text.split("\n"))
        assert text.isascii() or not ascii_only


def test_where_a_reason_does_not_fit_between_the_sides_it_is_written_below():
    lines = weft.figure(recovered()).text(width=48).split("\n")

    place = lines.index("╭───────────────────────╜")
    assert lines[place + 1] == "│ returned a value: recovered"


def test_a_picture_is_saved_as_svg_or_as_text(tmp_path):
    figure = weft.figure(recovered())

    figure.save(tmp_path / "chain.svg")
    figure.save(str(tmp_path / "chain.TXT"))

    assert (tmp_path / "chain.svg").read_bytes().decode() == figure.svg()
    assert (tmp_path / "chain.TXT").read_bytes().decode() == f"{figure}\n"


def test_another_format_is_refused(tmp_path):
    with pytest.raises(PictureFormatError, match=r"saved as \.svg or \.txt.*write figure\.save\(\"chain\.svg\"\)"):
        weft.figure(Deferred()).save(tmp_path / "chain.png")

    assert list(tmp_path.iterdir()) == []


def test_a_notebook_is_given_the_svg():
    figure = weft.figure(recovered())

    assert figure._repr_svg_() == figure.svg()


def test_what_is_no_deferred_is_refused_with_what_to_do():
    async def work():
        pass

    async def refused_future():
        with pytest.raises(NotDrawableError, match=r"not a Future: weft\.Deferred\.from_future\(future\) makes one"):
            weft.figure(asyncio.get_running_loop().create_future())

    coroutine = work()
    with pytest.raises(NotDrawableError, match=r"not a coroutine: weft\.ensure_deferred\(coroutine\) makes one"):
        weft.figure(coroutine)
    coroutine.close()
    with pytest.raises(NotDrawableError, match=r"draws a Deferred, not a list$"):
        weft.figure([Deferred()])
    weft.run(refused_future())


def test_the_same_chain_gives_the_same_bytes():
    assert weft.figure(recovered()).svg() == weft.figure(recovered()).svg()


def test_the_picture_stands_alone_follows_dark_pages_and_says_what_it_is():
    for figure in pictures():
        document = figure.svg()
        root = ElementTree.fromstring(document)
        names = root.get("aria-labelledby").split()

        assert "prefers-color-scheme:dark" in document
        assert re.findall(r"https?://[^\"]+", document) == ["http://www.w3.org/2000/svg"]
        assert root.get("role") == "img"
        assert [element.get("id") for element in root if element.get("id")] == names
        assert root.find(f"{SVG}title").text
        assert root.find(f"{SVG}desc").text


def test_the_description_tells_the_path_in_words():
    told = ElementTree.fromstring(weft.figure(recovered()).svg()).find(f"{SVG}desc").text

    assert told == (
        "Fired with a value. 5 steps. Now: the value 12. fired with a value. "
        "Step 1: callback double returned a value. Step 2: callback refuse raised LookupError. "
        "Step 3: no errback: it passes. Step 4: errback recover returned a value: recovered. "
        "Step 5: callback len returned a value. the value 12."
    )


def test_several_pictures_can_stand_in_one_page():
    names = [re.findall(r' id="([^"]+)"', figure.svg()) for figure in pictures()]

    assert len({name for each in names for name in each}) == sum(map(len, names))


def test_a_title_of_ones_own_stands_above_the_picture():
    figure = weft.figure(Deferred(), title="Fetching <poems>")

    assert words(figure)[0] == "Fetching <poems>"
    assert str(figure).startswith("Fetching <poems>\n")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_harmless(name):
    error = type(name.replace("\x00", "\x01").replace("\ud800", "?") or "E", (Exception,), {})

    def hurt(value):
        raise error(name)

    inner = fired(Deferred().add_callback(named(name)), name)
    deferred = fired(Deferred().add_both(named(name)).add_callback(lambda _: inner).add_callback(hurt), name)
    deferred.add_both(named(name)).add_callback(named(name))
    figure = weft.figure(deferred, title=name)
    deferred.add_errback(recover)

    root = ElementTree.fromstring(figure.svg())
    assert not list(root.iter(f"{SVG}script"))
    assert len(figure.svg().encode()) < 60_000
    for width in (48, 80):
        text = figure.text(width=width)
        assert all(cell_len(line) <= width for line in text.split("\n"))
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e\ud800]", text)


class Loud:
    """Says whenever something of it is called that a picture has no business to call."""

    def __repr__(self):
        raise AssertionError("a picture called __repr__")

    __str__ = __len__ = __bool__ = __iter__ = __eq__ = __repr__
    __hash__ = None


class LoudList(list):
    __repr__ = __str__ = __len__ = __bool__ = __iter__ = Loud.__repr__


@pytest.mark.parametrize(
    "value, shown",
    [
        (None, "None"),
        (True, "True"),
        (1.5, "1.5"),
        (-7, "-7"),
        (10**100, "<int of 333 bits>"),
        ("a 'poem'\n", "\"a 'poem'\\n\""),
        ("x" * 100, f"'{'x' * 60}'…"),
        (b"x" * 100, f"b'{'x' * 60}'…"),
        ([], "[]"),
        ((1,), "(1,)"),
        ([1, "two", None, 4.0, 5], "[1, 'two', None, 4.0, …]"),
        ({"a": [1, [2]], "b": {}}, "{'a': [1, […]], 'b': {}}"),
        (Loud(), "<Loud>"),
        ([Loud()], "[<Loud>]"),
        (LoudList(), "<LoudList>"),
        ({1, 2}, "<set>"),
        ([Deferred()], "[<another Deferred>]"),
    ],
)
def test_a_value_is_shown_in_a_few_words_and_nothing_of_it_is_called(value, shown):
    assert f"the value {shown}" in str(weft.figure(succeed(value))).replace("\n", "")


def test_a_failure_among_values_is_shown_by_its_class():
    deferred = DeferredList([fail(KeyError())], consume_errors=True)

    assert "the value [(False, <KeyError>)]" in str(weft.figure(deferred))


def test_an_exception_whose_message_cannot_be_had_is_named_still():
    class BrokenError(Exception):
        def __str__(self):
            raise RuntimeError("no message")

    deferred = fail(BrokenError())
    said = words(weft.figure(deferred))
    deferred.add_errback(recover)

    assert "an unhandled failure: BrokenError: (no message: its __str__ raised)" in " ".join(said)


def test_local_functions_are_called_by_their_own_name():
    def here(value):
        return value

    assert tips(weft.figure(Deferred().add_callback(here))) == ["callback here: has not run"]

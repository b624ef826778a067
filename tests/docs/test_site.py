"""What the site is built with: links in the pages, diagrams, and the check of what was built."""

import re
import subprocess
import sys
from pathlib import Path

import check_site
import diagrams
import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(path for path in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "weft").rglob("*.md")))
LINK = re.compile(r"(?<!`)\[[^\]]*\]\(([^)\s]+)\)")


def anchors(path: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and MyST make them."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=[str(path.relative_to(ROOT)) for path in PAGES])
def test_a_pages_links_lead_somewhere(path):
    text = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
    broken = []
    for target in LINK.findall(text):
        file, _, anchor = target.partition("#")
        if "://" in target or target.startswith("mailto:") or file.startswith("learn/"):
            continue  # docs/learn is made when the site is built, and the build checks the links to it
        found = path.parent / file if file else path
        if not found.exists() or (anchor and found.suffix == ".md" and anchor not in anchors(found)):
            broken.append(target)

    assert broken == []


# -- diagrams


def test_a_state_diagram_becomes_a_graph():
    text = diagrams.dot('stateDiagram-v2\n    a: at "rest"\n    [*] --> a\n    a --> b: was pushed\n    b --> [*]\n')

    assert '"a" [label="at \\"rest\\""]' in text
    assert '"b" [label="b"]' in text
    assert '"a" -> "b" [label="was pushed"]' in text
    assert text.count("shape=point") == 2


def test_a_flowchart_becomes_a_graph():
    text = diagrams.dot("flowchart TD\n    fired --> c1[call] -->|returns| c2[next one]\n    c1 --> fired\n")

    assert '"c1" [label="call"]' in text
    assert '"fired" -> "c1" [label=""]' in text
    assert '"c1" -> "c2" [label="returns"]' in text
    assert '"c1" -> "fired" [label=""]' in text


@pytest.mark.parametrize("source", ["gantt\n a", "flowchart TD\n subgraph x\n", "flowchart TD\n a --> {b}\n"])
def test_what_cannot_be_drawn_is_refused(source):
    with pytest.raises(diagrams.DiagramError):
        diagrams.dot(source)


def test_every_diagram_of_the_pages_can_be_drawn():
    sources = [
        source for path in PAGES for source in re.findall(r"```mermaid\n(.*?)```", path.read_text(), re.DOTALL)
    ]

    assert len(sources) >= 2
    for source in sources:
        assert diagrams.dot(source).startswith("digraph")


def test_a_machine_without_graphviz_is_told_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(diagrams.DiagramError, match="apt-get install graphviz"):
        diagrams.svg("flowchart TD\n a --> b\n")


# -- the check of a built site


def site(folder: Path, **pages: str) -> Path:
    for name, body in pages.items():
        (folder / f"{name}.html").write_text(f"<html><body>{body}</body></html>")
    return folder


def test_a_site_that_stands_by_itself_passes(tmp_path):
    site(tmp_path, a='<a href="b.html#here">b</a> <a href="https://example.org/">out</a>', b='<p id="here">')

    assert check_site.complaints(tmp_path) == []


@pytest.mark.parametrize(
    "body, complaint",
    [
        ('<a href="c.html">c</a>', "c.html leads nowhere"),
        ('<a href="#absent">c</a>', "#absent names a place that is not there"),
        ('<img src="absent.svg">', "absent.svg leads nowhere"),
        ('<script src="https://cdn.example.org/x.js"></script>', "fetches https://cdn.example.org/x.js"),
        ('<link rel="stylesheet" href="//fonts.example.org/f.css">', "fetches //fonts.example.org/f.css"),
    ],
)
def test_a_site_that_does_not_is_told_why(tmp_path, body, complaint):
    site(tmp_path, a=body)

    (found,) = check_site.complaints(tmp_path)

    assert found.endswith(complaint)


def test_a_style_that_fetches_is_told(tmp_path):
    site(tmp_path, a="")
    (tmp_path / "s.css").write_text("@import 'https://example.org/f.css'; p { background: url(data:x) }")

    (found,) = check_site.complaints(tmp_path)

    assert found.endswith("fetches https://example.org/f.css")


def test_an_empty_folder_is_no_site(tmp_path):
    done = subprocess.run([sys.executable, ROOT / "tools/check_site.py", tmp_path], capture_output=True, text=True)

    assert done.returncode == 1
    assert "there is no page in it" in done.stderr

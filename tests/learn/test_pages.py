"""The course's pages: made from runs, and what they show is there."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import course_pages
import pytest

from weft.learn.chapter import Chapter, chapters

from .runs import runs_of

CHAPTERS = [pytest.param(found, id=found.name) for found in chapters()]


def run_of(found: Chapter, name: str):
    return runs_of(found).of(name)


@pytest.fixture
def page(request, tmp_path):
    """A chapter's page in a folder of its own, from the runs that the other tests look at too."""

    def page(found: Chapter) -> str:
        course_pages.Page(found, tmp_path, run_of).write()
        return (tmp_path / f"{found.name}.md").read_text()

    return page


@pytest.mark.parametrize("found", CHAPTERS)
def test_a_page_shows_its_programs_their_output_and_their_pictures(found, page, tmp_path):
    text = page(found)

    assert text.startswith(f"# {found.heading}\n")
    assert found.prediction.question in text
    assert found.question in text
    assert f"$ weft learn run {found.number}\n" in text
    for name in found.programs:
        assert f"$ python {name}\n{run_of(found, name).lines[0]}" in text
    pictures = re.findall(r"```\{image\} (\S+)", text)
    assert len(pictures) >= 1 + len(found.wrong) + 1
    for picture in pictures:
        assert ElementTree.parse(tmp_path / picture).getroot().tag == "{http://www.w3.org/2000/svg}svg"
    assert {path.name for path in tmp_path.glob("*.svg")} == set(pictures)
    assert "[[" not in text


@pytest.mark.parametrize("found", CHAPTERS)
def test_a_page_shows_each_wrong_answer_with_its_hint_and_the_solution_without(found, page):
    text = page(found)

    folded = re.findall(r"<details>\n<summary>(.*?)</summary>\n\n(.*?)\n\n</details>", text, re.DOTALL)
    assert folded[0][0] == "The answer"
    wrong = [body for title, body in folded if title.startswith("A typical answer")]
    assert len(wrong) == len(found.wrong)
    assert all("✗" in body and "\nHint: " in body for body in wrong)
    title, solution = folded[-1]
    assert title == "A solution"
    assert "✗" not in solution
    assert "All of it holds." in solution


@pytest.mark.parametrize("found", CHAPTERS)
def test_a_page_names_no_folder_of_the_machine_that_built_it(found, page):
    text = page(found)

    assert str(Path(course_pages.__file__).parents[1]) not in text
    assert str(found.folder) not in text
    assert str(Path.home()) + "/" not in text


def test_the_first_page_leads_to_every_chapter():
    text = course_pages.index()

    for found in chapters():
        assert f"[{found.title}]({found.name}.md)" in text
        assert f"\n{found.name}\n" in text


def test_a_chapter_whose_program_fails_breaks_the_build(tmp_path):
    found = chapters()[0]
    failed = run_of(found, "one_after_another.py").__class__
    broken = failed(found.original("one_after_another.py"), 1, "", "it broke", 15.0)

    def run(chapter, name):
        return broken if name in chapter.programs else run_of(chapter, name)

    with pytest.raises(course_pages.CourseBrokenError, match="it broke"):
        course_pages.Page(found, tmp_path, run).write()

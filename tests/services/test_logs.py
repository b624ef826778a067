import io
import json
import logging

import pytest

from weft.services import logs


@pytest.fixture
def configured():
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()

    def configure(form, level="info", source=""):
        root.handlers.clear()  # pytest's own stay out of it, and are not closed
        logs.configure(form, level, source, stream)
        return stream

    yield configure
    root.handlers[:] = before
    root.setLevel(level)


def test_json_is_an_object_a_line_with_what_was_said(configured):
    stream = configured("json", source="worker 7")

    logging.getLogger("shop").warning("sold %d", 3, extra={"item": "loom", "path": {1: 2}.keys()})

    line = json.loads(stream.getvalue())
    assert stream.getvalue().count("\n") == 1
    assert (line["level"], line["logger"], line["message"], line["source"]) == (
        "warning", "shop", "sold 3", "worker 7",
    )  # fmt: skip
    assert (line["item"], line["path"]) == ("loom", "dict_keys([1])")
    assert line["time"].endswith("Z")


@pytest.mark.parametrize("form", logs.FORMS)
def test_an_exception_is_shown_with_its_traceback(configured, form):
    stream = configured(form)

    try:
        raise KeyError("poem")
    except KeyError:
        logging.getLogger("shop").exception("could not sell")

    assert "could not sell" in stream.getvalue()
    assert "Traceback" in stream.getvalue()
    assert "KeyError: 'poem'" in stream.getvalue()


def test_text_has_time_level_and_source(configured):
    stream = configured("text", source="worker 7")

    logging.getLogger("shop").info("sold %s", "a loom")

    assert stream.getvalue().endswith(" INFO    worker 7: sold a loom\n")


def test_what_is_below_the_level_is_left_out(configured):
    stream = configured("text", "error")

    logging.getLogger("shop").warning("hardly worth it")

    assert stream.getvalue() == ""

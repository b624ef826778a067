"""What the Deferreds' tests share: reports of failures that nobody handled, none of which may come unexpected."""

import gc
import logging
from collections.abc import Iterator

import pytest


class Reports(logging.Handler):
    """Keeps what was reported, as text."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(logging.Formatter().format(record))


@pytest.fixture(autouse=True)
def reported() -> Iterator[list[str]]:
    """What was reported without a loop. A test that expects something takes it out."""
    logger = logging.getLogger("weft.deferred")
    reports = Reports()
    before = logger.handlers, logger.propagate
    logger.handlers, logger.propagate = [reports], False
    yield reports.texts
    gc.collect()
    logger.handlers, logger.propagate = before
    assert reports.texts == [], "a failure was reported that no test expected"

"""Log records as lines: for a reader at a terminal, or as JSON, an object a line.

The standard library's logging does the rest.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any, TextIO

FORMS = ("text", "json")
LEVELS = ("debug", "info", "warning", "error")

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""The attributes that every record has; what else one has came with `extra`."""


def configure(form: str = "text", level: str = "info", source: str = "", stream: TextIO | None = None) -> None:
    """Have all log records of this process written to `stream` (standard error), in place of what was configured.

    `source` is named in each line: which of several processes it comes from.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines(source) if form == "json" else TextLines(source))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


class TextLines(logging.Formatter):
    """Time, level, source and message in a line; a traceback in the lines below."""

    def __init__(self, source: str = "") -> None:
        super().__init__()
        self.source = f"{source}: " if source else ""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as a line, or as more where it has a traceback."""
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        line = f"{clock}.{int(record.msecs):03d} {record.levelname:<7} {self.source}{record.getMessage()}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        if record.stack_info:
            line += "\n" + self.formatStack(record.stack_info)
        return line


class JsonLines(logging.Formatter):
    """A JSON object a line: time, level, logger, message, pid, what came with `extra`, and the exception."""

    def __init__(self, source: str = "") -> None:
        super().__init__()
        self.source = source

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as one line."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        shown: dict[str, Any] = {
            "time": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "pid": record.process,
        }
        if self.source:
            shown["source"] = self.source
        shown |= {name: value for name, value in vars(record).items() if name not in _STANDARD and name not in shown}
        if record.exc_info and record.exc_info[0] is not None:
            shown["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            shown["stack"] = record.stack_info
        return json.dumps(shown, default=str)

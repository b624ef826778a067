"""docs/recording-format.md says what the code does."""

import asyncio
import json
import re
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest

from weft.record import Recording, events
from weft.record.recording import HEADER, MAGIC, PREAMBLE, RECORD, VERSION

from .fakes import FakeClock, record_program

DOCUMENT = Path(__file__).parents[2] / "docs" / "recording-format.md"


def table(heading: str) -> list[list[str]]:
    """Return the cells of the table under a heading of the document, without its head."""
    section = DOCUMENT.read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def test_every_kind_has_a_name_and_a_meaning() -> None:
    constants = {name: value for name, value in vars(events).items() if name.isupper() and isinstance(value, int)}
    outcomes = {"RETURNED", "RAISED", "CANCELLED"}

    kinds = {value: name.lower() for name, value in constants.items() if name not in outcomes}

    assert kinds == {kind: name for kind, (name, _) in events.MEANINGS.items()}


def test_the_documents_kinds_are_the_codes() -> None:
    expected = [[str(kind), f"`{name}`", meaning] for kind, (name, meaning) in events.MEANINGS.items()]

    found = table("Kinds")

    text = "\n".join(f"| {' | '.join(row)} |" for row in expected)
    assert found == expected, f"the table under '## Kinds' in {DOCUMENT.name} should be:\n{text}"


def test_the_documents_header_keys_are_those_that_a_file_must_have() -> None:
    assert [row[0] for row in table("Header")] == [f"`{key}`" for key in HEADER]


def test_the_documents_sizes_and_offsets_are_the_codes() -> None:
    preamble, record = table("Preamble"), table("Records")

    assert [(row[0], row[1]) for row in preamble] == [("0", "8"), ("8", "4"), ("12", "4"), ("16", "4")]
    assert PREAMBLE.size == 20
    assert [(row[0], row[1]) for row in record] == [
        ("0", "8"),
        ("8", "8"),
        ("16", "4"),
        ("20", "1"),
        ("21", "1"),
        ("22", "2"),
    ]
    assert RECORD.size == 24
    assert f"version **{VERSION}**" in DOCUMENT.read_text()


def test_a_file_can_be_read_by_the_document_alone(tmp_path: Path) -> None:
    async def main(clock: FakeClock) -> None:
        await asyncio.sleep(0.001)

    recording = record_program(main)
    recording.save(tmp_path / "run.weft")
    scope: dict[str, Any] = {"path": tmp_path / "run.weft"}

    program = re.search(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert program is not None
    exec(program[1], scope)

    assert scope["records"] == [tuple(record) for record in recording]


def test_a_file_written_by_the_document_alone_can_be_read(tmp_path: Path) -> None:
    header = json.dumps(
        {
            "python": "3.11.7",
            "lost": 0,
            "resolution_ns": 0,
            "threads": ["main"],
            "tasks": {},
            "connections": [],
            "names": ["", "work"],
        }
    ).encode()
    record = struct.pack("<QqIBBH", 10, 0, 0, events.CALL_BEGIN, 0, 0) + struct.pack("<QqIBBH", 30, 0, 0, 6, 0, 0)
    body = header + record + struct.pack("<II", 1, 0)
    preamble = MAGIC + struct.pack("<III", 1, len(header), 2)
    (tmp_path / "run.weft").write_bytes(preamble + body + struct.pack("<I", zlib.crc32(body)))

    timeline = Recording.load(tmp_path / "run.weft").timeline()

    assert [(piece.begin_ns, piece.end_ns, piece.label) for piece in timeline.slices] == [(0, 20, "work")]


@pytest.mark.parametrize("kind", [0, 23, 255])
def test_a_kind_that_is_unknown_is_kept_and_does_not_disturb_the_timeline(tmp_path: Path, kind: int) -> None:
    header = json.dumps({key: [] for key in HEADER} | {"python": "", "lost": 0, "resolution_ns": 0, "tasks": {}})
    names = json.loads(header) | {"names": [""], "threads": ["main"]}
    text = json.dumps(names).encode()
    body = text + RECORD.pack(5, 1, 2, kind, 0) + bytes(4)
    data = PREAMBLE.pack(MAGIC, VERSION, len(text), 1) + body + struct.pack("<I", zlib.crc32(body))
    (tmp_path / "run.weft").write_bytes(data)

    recording = Recording.load(tmp_path / "run.weft")

    assert [record.kind for record in recording] == [kind]
    assert recording.timeline().slices == []

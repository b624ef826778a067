"""A recording: what a recorder saw, with every name resolved, in memory and on disk.

docs/recording-format.md describes the file. A file of a version that this module does not know, or one that is cut
short or damaged, is refused with a RecordingError that says which.
"""

from __future__ import annotations

import array
import json
import os
import platform
import struct
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple

from weft.errors import RecordingError
from weft.record import reading
from weft.record.timeline import Timeline

MAGIC = b"WEFTREC\n"
VERSION = 1
PREAMBLE = struct.Struct("<8sIII")
RECORD = struct.Struct("<QqIBxH")


class Record(NamedTuple):
    """One thing that happened. `weft.record.events.MEANINGS` says what the fields mean for each kind."""

    time_ns: int
    kind: int
    thread: int
    number: int
    value: int
    name: str


class Recording:
    """Records, oldest first, and what they refer to. Made by `Recorder.take()` or `Recording.load(path)`."""

    def __init__(self, header: dict[str, Any], packed: bytes, name_indexes: Sequence[int]) -> None:
        self.header = header
        self.packed = packed
        self.name_indexes = name_indexes

    @classmethod
    def resolve(
        cls,
        packed: bytes,
        keys: list[Any],
        lost: int,
        threads: list[str],
        tasks: dict[int, list[str]],
        resolution_ns: int,
    ) -> Recording:
        """Return a recording of a ring's snapshot; each distinct key becomes a name once."""
        indexes: dict[Any, int] = {None: 0}
        names = [""]
        name_indexes = array.array("I")
        for key in keys:
            index = indexes.get(key)
            if index is None:
                index = indexes[key] = len(names)
                names.append(name_of(key))
            name_indexes.append(index)
        header = {
            "python": platform.python_version(),
            "lost": lost,
            "resolution_ns": resolution_ns,
            "threads": threads,
            "tasks": {str(number): pair for number, pair in tasks.items()},
            "names": names,
        }
        return cls(header, packed, name_indexes)

    def __len__(self) -> int:
        return len(self.name_indexes)

    def __repr__(self) -> str:
        return f"<weft.record.Recording of {len(self)} records, {self.lost} lost>"

    def __iter__(self) -> Iterator[Record]:
        names = self.header["names"]
        for fields, index in zip(RECORD.iter_unpack(self.packed), self.name_indexes, strict=True):
            time_ns, value, number, kind, thread = fields
            yield Record(time_ns, kind, thread, number, value, names[index])

    @property
    def lost(self) -> int:
        """How many records were overwritten by newer ones."""
        return int(self.header["lost"])

    @property
    def threads(self) -> list[str]:
        """The threads' names, by their numbers."""
        return list(self.header["threads"])

    def timeline(self) -> Timeline:
        """Return the recording read as intervals, for figures."""
        return reading.read(self, self.threads, self.header["tasks"], self.lost, self.header["resolution_ns"])

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the recording to a file, whole or not at all. Raises OSError."""
        header = json.dumps(self.header, ensure_ascii=True).encode()
        indexes = array.array("I", self.name_indexes)
        if sys.byteorder == "big":
            indexes.byteswap()
        body = header + self.packed + indexes.tobytes()
        preamble = PREAMBLE.pack(MAGIC, VERSION, len(header), len(self))
        target = Path(path)
        partial = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            partial.write_bytes(preamble + body + struct.pack("<I", zlib.crc32(body)))
            partial.replace(target)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Recording:
        """Return the recording in a file. Raises OSError, and RecordingError for what is no whole recording."""
        data = Path(path).read_bytes()
        if data[: len(MAGIC)] != MAGIC[: len(data)] or not data:
            raise RecordingError(f"{path} is not a recording of Weft's: it does not begin with {MAGIC!r}")
        if len(data) < PREAMBLE.size:
            raise RecordingError(f"{path} is cut short: {len(data)} bytes, not even a whole preamble; record it again")
        _, version, header_size, count = PREAMBLE.unpack_from(data)
        if version != VERSION:
            raise RecordingError(
                f"{path} is of version {version} of the format, and this Weft reads version {VERSION}; "
                "draw it with the Weft that recorded it, or record it again"
            )
        expected = PREAMBLE.size + header_size + count * (RECORD.size + 4) + 4
        if len(data) != expected:
            what = "cut short" if len(data) < expected else "damaged"
            raise RecordingError(f"{path} is {what}: {len(data)} bytes instead of {expected}; record it again")
        body = memoryview(data)[PREAMBLE.size : -4]
        if zlib.crc32(body) != struct.unpack("<I", data[-4:])[0]:
            raise RecordingError(f"{path} is damaged: its check sum does not match; record it again")
        header = json.loads(bytes(body[:header_size]))
        packed = bytes(body[header_size : header_size + count * RECORD.size])
        indexes = array.array("I", bytes(body[header_size + count * RECORD.size :]))
        if sys.byteorder == "big":
            indexes.byteswap()
        return cls(header, packed, indexes)


def name_of(key: Any) -> str:
    """Return what a record's key is called in a picture."""
    if isinstance(key, str):
        return key
    if isinstance(key, CodeType):
        return plain_name(key)
    if isinstance(key, tuple):
        if key and isinstance(key[0], str):
            return "\n".join(key)
        return wait_name(key)
    return str(getattr(key, "__qualname__", None) or type(key).__qualname__)


def plain_name(code: CodeType) -> str:
    """Return a function's qualified name, without the functions that it was defined in."""
    return code.co_qualname.rpartition("<locals>.")[2]


def wait_name(codes: tuple[CodeType, ...]) -> str:
    """Return what a task waits in: the first coroutine that is not of its own program, else the innermost.

    A library's inner steps say little to whoever wrote the program: `StreamReader.readline` says more than the
    `_wait_for_data` inside it.
    """
    for code in codes[1:]:
        if is_library(code.co_filename):
            return plain_name(code)
    return plain_name(codes[-1]) if len(codes) > 1 else ""


def is_library(filename: str) -> bool:
    """Return whether a source file belongs to Python's library, or to an installed package."""
    return "site-packages" in filename or filename.startswith((LIBRARY, "<frozen"))


LIBRARY = os.path.dirname(os.__file__) + os.sep

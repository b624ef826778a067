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
import threading
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
        connections: Sequence[tuple[int, int, str]] = (),
    ) -> Recording:
        """Return a recording of a ring's snapshot; each distinct key becomes a name once."""
        # Keys are told apart by identity: code objects of different functions can be equal.
        indexes: dict[Any, int] = {id(None): 0}
        names = {"": 0}
        name_indexes = array.array("I")
        for key in keys:
            identity = tuple(map(id, key)) if type(key) is tuple else id(key)
            index = indexes.get(identity)
            if index is None:
                index = indexes[identity] = names.setdefault(name_of(key), len(names))
            name_indexes.append(index)
        header = {
            "python": platform.python_version(),
            "lost": lost,
            "resolution_ns": resolution_ns,
            "threads": threads,
            "tasks": {str(number): pair for number, pair in tasks.items()},
            "connections": [list(connection) for connection in connections],
            "names": list(names),
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
        header = self.header
        tasks = {int(number): (name, kind) for number, (name, kind) in header["tasks"].items()}
        connections = {(thread, number): label for thread, number, label in header["connections"]}
        return reading.read(self, self.threads, tasks, connections, self.lost, header["resolution_ns"])

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the recording to a file, whole or not at all. Raises OSError."""
        header = json.dumps(self.header, ensure_ascii=True).encode()
        indexes = array.array("I", self.name_indexes)
        if sys.byteorder == "big":
            indexes.byteswap()
        body = header + self.packed + indexes.tobytes()
        preamble = PREAMBLE.pack(MAGIC, VERSION, len(header), len(self))
        target = Path(path)
        partial = target.parent / f".weft-{os.getpid()}-{threading.get_ident()}.part"
        try:
            partial.write_bytes(preamble + body + struct.pack("<I", zlib.crc32(body)))
            partial.replace(target)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Recording:
        """Return the recording in a file. Raises OSError, and RecordingError for what is no whole recording."""
        with open(path, "rb") as file:
            found = os.fstat(file.fileno()).st_size
            preamble = file.read(PREAMBLE.size)
            if preamble[: len(MAGIC)] != MAGIC[: len(preamble)] or not preamble:
                raise RecordingError(
                    f"{path} is not a recording of Weft's: it does not begin with {MAGIC!r}; "
                    "give a file that Recording.save wrote"
                )
            if len(preamble) < PREAMBLE.size:
                raise RecordingError(f"{path} is cut short: {found} bytes, less than a preamble; record it again")
            _, version, header_size, count = PREAMBLE.unpack(preamble)
            if version != VERSION:
                raise RecordingError(
                    f"{path} is of version {version} of the format, and this Weft reads version {VERSION}; "
                    "draw it with the Weft that recorded it, or record it again"
                )
            expected = PREAMBLE.size + header_size + count * (RECORD.size + 4) + 4
            # Compared before anything is read: what a damaged preamble asks for may not fit the memory.
            data = file.read(expected - PREAMBLE.size) if found == expected else b""
        if found != expected or len(data) != expected - PREAMBLE.size:
            what = "cut short" if found < expected else "damaged"
            raise RecordingError(f"{path} is {what}: {found} bytes instead of {expected}; record it again")
        body = memoryview(data)[:-4]
        if zlib.crc32(body) != struct.unpack("<I", data[-4:])[0]:
            raise RecordingError(f"{path} is damaged: its check sum does not match; record it again")
        packed = bytes(body[header_size : header_size + count * RECORD.size])
        indexes = array.array("I", bytes(body[header_size + count * RECORD.size :]))
        if sys.byteorder == "big":
            indexes.byteswap()
        try:
            header = checked_header(json.loads(bytes(body[:header_size])), max(indexes, default=0))
        except (ValueError, RecursionError) as error:
            raise RecordingError(f"{path} is damaged: its header is wrong ({error}); record it again") from error
        return cls(header, packed, indexes)


def checked_header(header: Any, highest_name: int) -> dict[str, Any]:
    """Return a file's header. Raises ValueError, with what is wrong, if it is not as the format says."""
    if not isinstance(header, dict):
        raise ValueError("it is no JSON object")
    for key, is_right in HEADER.items():
        if key not in header:
            raise ValueError(f"it lacks {key!r}")
        if not is_right(header[key]):
            raise ValueError(f"its {key!r} is not what the format says")
    if highest_name >= len(header["names"]):
        raise ValueError(f"a record has name {highest_name}, and there are {len(header['names'])}")
    return header


def is_count(value: Any) -> bool:
    """Return whether a value is a whole number, not negative, of 64 bits at most."""
    return type(value) is int and 0 <= value < 1 << 64


def is_texts(value: Any) -> bool:
    """Return whether a value is a list of strings."""
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def is_tasks(value: Any) -> bool:
    """Return whether a value is an object of [name, what it runs] by task numbers in digits."""
    return isinstance(value, dict) and all(
        key.isdecimal() and len(key) <= 20 and is_texts(pair) and len(pair) == 2 for key, pair in value.items()
    )


def is_connections(value: Any) -> bool:
    """Return whether a value is a list of [thread, number, name]."""
    return isinstance(value, list) and all(
        isinstance(entry, list)
        and len(entry) == 3
        and is_count(entry[0])
        and is_count(entry[1])
        and isinstance(entry[2], str)
        for entry in value
    )


HEADER = {
    "python": lambda value: isinstance(value, str),
    "lost": is_count,
    "resolution_ns": is_count,
    "threads": is_texts,
    "tasks": is_tasks,
    "connections": is_connections,
    "names": is_texts,
}
"""What a header must have, each key with its test; whatever else it has is kept and not looked at."""


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

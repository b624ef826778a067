"""Recordings on disk: what is loaded is what was saved, and whatever else there is is refused, with what to do."""

import asyncio
import json
import re
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.errors import RecordingError
from weft.record import Recorder, Recording, events
from weft.record.recording import MAGIC, PREAMBLE, RECORD, VERSION

from .fakes import FakeClock, record_program, recording_of

HEADER: dict[str, Any] = {
    "python": "3.11.0",
    "lost": 0,
    "resolution_ns": 0,
    "threads": ["main"],
    "tasks": {"1": ["name", "kind"]},
    "connections": [[0, 1, "Echo"]],
    "names": [""],
}


def sample() -> Recording:
    """Return a small recording that has everything."""
    return recording_of(
        [
            (0, events.TASK_MADE, 0, 1, 0, "main"),
            (5, events.STEP_BEGIN, 0, 1),
            (9, events.STEP_END, 0, 1),
            (9, events.TASK_WAITING, 0, 1, 0, "Größe \ud800 \x00"),
            (12, events.DATA_BEGIN, 1, 7, -(2**63)),
            (2**63, events.DATA_END, 1, 2**32 - 1, 2**63 - 1),
        ],
        threads=["main", "other"],
        tasks={1: ["unfinished", "main"]},
        lost=3,
        resolution_ns=1_000_000,
        connections=[(1, 7, "Echo [::1]:7")],
    )


def file_of(header: bytes, packed: bytes = b"", indexes: bytes = b"", version: int = VERSION) -> bytes:
    """Return a file whose sizes and check sum are right, whatever it holds."""
    body = header + packed + indexes
    preamble = PREAMBLE.pack(MAGIC, version, len(header), len(packed) // 24)
    return preamble + body + struct.pack("<I", zlib.crc32(body))


def refusal(path: Path, data: bytes) -> str:
    """Return what is said of a file of `data`. It must be a RecordingError, and tell where and what to do."""
    path.write_bytes(data)
    with pytest.raises(RecordingError) as caught:
        Recording.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path} is ")
    assert re.search(r"; (record it again|give a file that|draw it with)", message)
    return message


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("saved") / "sample.weft"
    sample().save(path)
    return path.read_bytes()


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a path that a test may write to again and again."""
    return tmp_path_factory.mktemp("scratch") / "scratch.weft"


# -- what is loaded is what was saved


def assert_equal(found: Recording, expected: Recording) -> None:
    assert list(found) == list(expected)
    assert len(found) == len(expected)
    assert (found.lost, found.threads, repr(found)) == (expected.lost, expected.threads, repr(expected))
    assert found.timeline() == expected.timeline()


def test_a_loaded_recording_equals_the_saved_one(tmp_path: Path) -> None:
    recording = sample()

    recording.save(tmp_path / "run.weft")

    assert_equal(Recording.load(tmp_path / "run.weft"), recording)
    assert_equal(Recording.load(str(tmp_path / "run.weft")), recording)


def test_a_recorded_program_goes_to_disk_and_comes_back_the_same(tmp_path: Path) -> None:
    async def main(clock: FakeClock) -> None:
        await asyncio.gather(*(asyncio.sleep(0.001 * number) for number in range(5)))

    clock = FakeClock()
    recording = record_program(main, Recorder(64, clock=clock, sample_interval_s=None), clock)

    recording.save(tmp_path / "run.weft")

    assert recording.lost
    assert_equal(Recording.load(tmp_path / "run.weft"), recording)


def test_an_empty_recording_goes_to_disk_too(tmp_path: Path) -> None:
    recording = Recorder(sample_interval_s=None).take()

    recording.save(tmp_path / "run.weft")

    assert_equal(Recording.load(tmp_path / "run.weft"), recording)


def test_a_loaded_recording_is_saved_as_the_same_bytes(tmp_path: Path, saved: bytes) -> None:
    (tmp_path / "first").write_bytes(saved)

    Recording.load(tmp_path / "first").save(tmp_path / "second")

    assert (tmp_path / "second").read_bytes() == saved


def test_header_keys_that_are_unknown_are_kept(tmp_path: Path) -> None:
    data = file_of(json.dumps({**HEADER, "of a later Weft": [1]}).encode())
    (tmp_path / "first").write_bytes(data)

    Recording.load(tmp_path / "first").save(tmp_path / "second")

    assert (tmp_path / "second").read_bytes() == data


# -- whole or not at all


@pytest.mark.parametrize("name", ["missing/run.weft", ".", "", "a" * 300, "folder"])
def test_what_cannot_be_saved_raises_oserror_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()

    with pytest.raises(OSError):  # noqa: PT011  each system has its own
        sample().save(name)

    assert [path.name for path in tmp_path.rglob("*")] == ["folder"]


def test_what_cannot_be_written_leaves_the_old_file_as_it_was(tmp_path: Path) -> None:
    target = tmp_path / "run.weft"
    sample().save(target)
    before = target.read_bytes()
    unfit = sample()
    unfit.header["extra"] = {1, 2}  # no JSON

    with pytest.raises(TypeError):
        unfit.save(target)

    assert target.read_bytes() == before
    assert list(tmp_path.iterdir()) == [target]


def test_saving_replaces_a_file_and_leaves_no_other(tmp_path: Path, saved: bytes) -> None:
    target = tmp_path / "run.weft"
    target.write_bytes(b"old")

    sample().save(target)

    assert target.read_bytes() == saved
    assert list(tmp_path.iterdir()) == [target]


# -- what is refused


def test_a_file_that_is_not_there_raises_oserror(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Recording.load(tmp_path / "missing")
    with pytest.raises(IsADirectoryError):
        Recording.load(tmp_path)


@pytest.mark.parametrize("data", [b"", b"x", b"WEFTREX\n" + bytes(100), b"\x7fELF" + bytes(100), b"weftrec\n"])
def test_a_file_that_does_not_begin_as_a_recording_is_said_to_be_none(scratch: Path, data: bytes) -> None:
    assert "is not a recording of Weft's" in refusal(scratch, data)


def test_a_recording_that_is_cut_anywhere_is_refused(scratch: Path, saved: bytes) -> None:
    for length in range(1, len(saved)):
        assert f"is cut short: {length} bytes" in refusal(scratch, saved[:length])


@pytest.mark.parametrize("more", [b"\x00", b"\n", bytes(28), bytes(1000)])
def test_a_recording_with_something_after_its_end_is_refused(scratch: Path, saved: bytes, more: bytes) -> None:
    message = refusal(scratch, saved + more)

    assert f"is damaged: {len(saved) + len(more)} bytes instead of {len(saved)}" in message


@pytest.mark.parametrize("version", [0, VERSION + 1, 2**32 - 1])
def test_a_version_that_is_unknown_is_refused_and_both_versions_told(scratch: Path, version: int) -> None:
    message = refusal(scratch, file_of(json.dumps(HEADER).encode(), version=version))

    assert f"of version {version} of the format, and this Weft reads version {VERSION}" in message


@settings(max_examples=300)
@given(st.data())
def test_a_flipped_byte_anywhere_is_seen(scratch: Path, saved: bytes, data: st.DataObject) -> None:
    damaged = bytearray(saved)
    index = data.draw(st.integers(0, len(saved) - 1))

    damaged[index] ^= data.draw(st.integers(1, 255))

    refusal(scratch, bytes(damaged))


@settings(max_examples=300)
@given(junk=st.binary(max_size=100), count=st.integers(0, 2**32 - 1), size=st.integers(0, 2**32 - 1))
def test_junk_after_a_right_magic_is_refused_whatever_sizes_it_tells(
    scratch: Path, junk: bytes, count: int, size: int
) -> None:
    refusal(scratch, PREAMBLE.pack(MAGIC, VERSION, size, count) + junk)


def test_sizes_that_no_memory_holds_are_refused_before_anything_is_read(scratch: Path) -> None:
    message = refusal(scratch, PREAMBLE.pack(MAGIC, VERSION, 2**32 - 1, 2**32 - 1) + bytes(100))

    expected = PREAMBLE.size + (2**32 - 1) * (1 + 24 + 4) + 4
    assert f"is cut short: 120 bytes instead of {expected}" in message


def test_a_large_file_that_is_no_recording_is_not_read(scratch: Path) -> None:
    with scratch.open("wb") as file:
        file.truncate(1 << 36)  # a hole: it takes no room

    with pytest.raises(RecordingError, match="is not a recording"):
        Recording.load(scratch)
    with scratch.open("r+b") as file:
        file.write(PREAMBLE.pack(MAGIC, VERSION, 10, 10))
    with pytest.raises(RecordingError, match=f"is damaged: {1 << 36} bytes instead of 314"):
        Recording.load(scratch)
    scratch.unlink()


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in HEADER.items() if name != key}


@pytest.mark.parametrize(
    "header, what",
    [
        (b"", "Expecting value"),
        (b"not JSON", "Expecting value"),
        (b"\xff\xfe\xfd", "codec can't decode"),
        (b"[" * 100_000, "recursion"),
        (b'{"lost": ' + b"9" * 5000 + b"}", "digits"),
        (b"null", "it is no JSON object"),
        (b"[]", "it is no JSON object"),
        (b'"text"', "it is no JSON object"),
        *((json.dumps(without(key)).encode(), f"it lacks '{key}'") for key in HEADER),
    ],
)
def test_a_wrong_header_is_refused_though_its_check_sum_is_right(scratch: Path, header: bytes, what: str) -> None:
    message = refusal(scratch, file_of(header))

    assert "is damaged: its header is wrong (" in message
    assert what in message


@pytest.mark.parametrize(
    "key, value",
    [
        ("python", 3),
        ("python", None),
        ("lost", -1),
        ("lost", 1.5),
        ("lost", True),
        ("lost", "0"),
        ("lost", 2**64),
        ("resolution_ns", -1),
        ("resolution_ns", None),
        ("resolution_ns", float("nan")),
        ("threads", {}),
        ("threads", "main"),
        ("threads", [1]),
        ("tasks", []),
        ("tasks", {"one": ["a", "b"]}),
        ("tasks", {"-1": ["a", "b"]}),
        ("tasks", {"²": ["a", "b"]}),
        ("tasks", {"9" * 5000: ["a", "b"]}),
        ("tasks", {"1": ["a"]}),
        ("tasks", {"1": ["a", 1]}),
        ("tasks", {"1": "ab"}),
        ("connections", {}),
        ("connections", [[0, 1]]),
        ("connections", [[0, "1", "a"]]),
        ("connections", [[-1, 1, "a"]]),
        ("connections", [[0, 1, None]]),
        ("connections", ["abc"]),
        ("names", None),
        ("names", [None]),
    ],
)
def test_a_header_with_a_wrong_value_is_refused_and_its_key_told(scratch: Path, key: str, value: object) -> None:
    message = refusal(scratch, file_of(json.dumps({**HEADER, key: value}).encode()))

    assert f"its '{key}' is not what the format says" in message


@pytest.mark.parametrize("index", [1, 2**32 - 1])
def test_a_name_that_is_not_there_is_refused(scratch: Path, index: int) -> None:
    header = json.dumps(HEADER).encode()

    message = refusal(scratch, file_of(header, bytes(24), struct.pack("<I", index)))

    assert f"a record has name {index}, and there are 1" in message


U32 = st.integers(0, 2**32 - 1)
U64 = st.integers(0, 2**64 - 1)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=300)
@given(
    changes=st.dictionaries(st.sampled_from(sorted(HEADER)), JSON, max_size=3),
    fields=st.lists(st.tuples(U64, st.integers(-(2**63), 2**63 - 1), U32, st.integers(0, 255), st.integers(0, 99))),
)
def test_any_content_under_a_right_check_sum_is_refused_or_can_be_read(
    scratch: Path, changes: dict[str, Any], fields: list[tuple[int, ...]]
) -> None:
    packed = b"".join(RECORD.pack(*record) for record in fields)
    scratch.write_bytes(file_of(json.dumps({**HEADER, **changes}).encode(), packed, bytes(4 * len(fields))))

    try:
        recording = Recording.load(scratch)
    except RecordingError:
        return

    assert [record.time_ns for record in recording] == [record[0] for record in fields]
    recording.timeline()
    recording.save(scratch)

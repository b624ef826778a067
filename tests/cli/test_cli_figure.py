from pathlib import Path

import pytest
from click.testing import CliRunner

import weft as engine
from weft.cli import weft as command


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    def works() -> None:
        pass

    path = tmp_path / "kept.weft"
    engine.compare([works], "sync").runs[0].recording.save(path)
    return path


def assert_refused(path: Path, *words: str) -> None:
    result = CliRunner().invoke(command, ["figure", str(path)])

    assert isinstance(result.exception, SystemExit)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("weft: ")
    assert len(result.stderr.splitlines()) == 1
    for word in (str(path), *words):
        assert word in result.stderr


def test_a_recording_is_drawn_under_its_own_name(recording):
    result = CliRunner().invoke(command, ["figure", str(recording)])

    assert result.exit_code == 0
    assert "kept" in result.stdout
    assert "works" in result.stdout


def test_a_recording_is_drawn_under_a_title(recording):
    result = CliRunner().invoke(command, ["figure", str(recording), "--title", "The loom"])

    assert result.exit_code == 0
    assert "The loom" in result.stdout
    assert "kept" not in result.stdout


def test_a_recording_that_is_not_there_is_refused(tmp_path):
    assert_refused(tmp_path / "absent.weft", "No such file or directory; give a file that weft run --record wrote")


def test_a_folder_is_refused(tmp_path):
    assert_refused(tmp_path, "Is a directory")


def test_a_file_that_is_no_recording_is_refused(tmp_path):
    path = tmp_path / "foreign.weft"
    path.write_text("The loom\n" * 100)

    assert_refused(path, "is not a recording of Weft's")


def test_an_empty_file_is_refused(tmp_path):
    path = tmp_path / "empty.weft"
    path.write_bytes(b"")

    assert_refused(path, "is not a recording of Weft's")


@pytest.mark.parametrize("share", [0.01, 0.3, 0.9])
def test_a_recording_that_is_cut_short_is_refused(recording, share):
    data = recording.read_bytes()
    recording.write_bytes(data[: max(9, int(len(data) * share))])

    assert_refused(recording, "is cut short")


def test_a_recording_with_a_changed_byte_is_refused(recording):
    data = bytearray(recording.read_bytes())
    data[len(data) // 2] ^= 1
    recording.write_bytes(bytes(data))

    assert_refused(recording, "is damaged")


def test_an_svg_that_cannot_be_written_is_refused(recording):
    result = CliRunner().invoke(command, ["figure", str(recording), "--svg", "no/folder/x.svg"])

    assert result.exit_code == 2
    assert "there is no folder no/folder" in result.stderr.splitlines()[-1]

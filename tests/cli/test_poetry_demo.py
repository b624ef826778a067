import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

DEMO = Path(__file__).resolve().parents[2] / "examples" / "poetry" / "demo.py"


def test_the_poetry_demo_runs_from_anywhere_and_draws_what_it_did(tmp_path, environment):
    result = subprocess.run(
        [sys.executable, str(DEMO)],
        cwd=tmp_path,
        env=environment | {"COLUMNS": "100"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
    )

    assert (result.returncode, result.stderr) == (0, "weft: wrote poems.svg\n")
    for row in ("│ one after another ", "│ in threads ", "│ interleaved "):
        (line,) = [line for line in result.stdout.splitlines() if line.startswith(row)]
        assert line.endswith(" equal   │")
    assert f"The picture is in {tmp_path / 'poems.svg'}" in result.stdout
    text = "\n".join(ElementTree.parse(tmp_path / "poems.svg").getroot().itertext())
    for words in ("One after another", "In threads", "Interleaved", "loom", "train", "river"):
        assert words in text

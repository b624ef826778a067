import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

DEMO = Path(__file__).resolve().parents[2] / "examples" / "poetry" / "demo.py"


def test_the_poetry_demo_runs_from_anywhere_and_draws_what_it_did(tmp_path, environment):
    process = subprocess.Popen(
        [sys.executable, str(DEMO)],
        cwd=tmp_path,
        env=environment | {"COLUMNS": "100"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    try:
        output, errors = process.communicate(timeout=60)
    finally:
        process.terminate()  # the demo then ends its servers as well
        process.communicate()

    assert (process.returncode, errors) == (0, "weft: wrote poems.svg\n")
    for row in ("│ one after another ", "│ in threads ", "│ interleaved "):
        (line,) = [line for line in output.splitlines() if line.startswith(row)]
        assert line.endswith(" equal   │")
    assert f"The picture is in {tmp_path / 'poems.svg'}" in output
    text = "\n".join(ElementTree.parse(tmp_path / "poems.svg").getroot().itertext())
    for words in ("One after another", "In threads", "Interleaved", "loom", "train", "river"):
        assert words in text

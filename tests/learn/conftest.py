"""Programs of the course run in processes of their own; a test is given up after a while."""

import sys
from pathlib import Path

from bound import bounded

sys.path.append(str(Path(__file__).parents[2] / "tools"))  # what makes the course's pages

pytest_pyfunc_call = bounded(180)

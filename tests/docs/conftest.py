"""The tools that build the site are programs of the repository's, outside any package."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "tools"))

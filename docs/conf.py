"""How Sphinx builds the site: `make docs`. Nothing on its pages is fetched from anywhere else."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

from weft._version import __version__  # noqa: E402

project = "Weft"
author = "The Weft authors"
copyright = author
release = version = __version__

extensions = ["myst_parser", "diagrams"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4
exclude_patterns = ["_static", "Thumbs.db"]

html_theme = "furo"
html_title = f"Weft {release}"
html_static_path = ["_static"]
html_css_files = ["weft.css"]
html_show_copyright = False
html_copy_source = False
html_theme_options = {"sidebar_hide_name": False, "navigation_with_keys": True}
html_last_updated_fmt = None
pygments_style = "friendly"
pygments_dark_style = "monokai"


def setup(app):
    """Let links to Markdown files outside of docs/ give the file itself, as links to other files there do."""
    outside = re.compile(r"\]\((\.\./[^)#]+\.md)(#[^)]*)?\)")

    def read(_, name, source):
        source[0] = outside.sub(r"](path:\1)", source[0])

    app.connect("source-read", read)

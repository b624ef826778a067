"""`weft` and `python -m weft`: the command line, if what it needs is installed."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; say what to install where its own dependencies are missing."""
    try:
        from weft.cli import weft
    except ModuleNotFoundError as error:
        if error.name not in ("click", "rich"):
            raise
        sys.exit(f"weft: the command line needs {error.name}, which is not installed: pip install 'weft[cli]'")
    weft(prog_name="weft")


if __name__ == "__main__":
    main()

"""Twisted's interfaces on Weft's loop: a program chooses Weft as its reactor, and nothing else in it changes.

`install()` before anything imports `twisted.internet.reactor`; or `--reactor=weft` for twist, twistd and trial; or
`weft run script.py`. Importing this package imports Twisted, which is an extra: `pip install 'weft[twisted]'`.
"""

from __future__ import annotations

from weft.faces.twisted.needs import check_twisted

check_twisted()

from weft.faces.twisted.reactor import WeftReactor, install  # noqa: E402

__all__ = ["WeftReactor", "install"]

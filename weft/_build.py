"""Which of the two builds of Weft runs: the compiled one, or the interpreted one from the very same files.

`WEFT_PURE=1` in the environment chooses the interpreted build even where compiled modules lie beside the sources.
This module is never compiled, and is the first of Weft's that is imported.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.machinery import EXTENSION_SUFFIXES, FileFinder, ModuleSpec, SourceFileLoader
from types import ModuleType

COMPILED_MODULES = (
    "weft.ports",
    "weft.core._os",
    "weft.core.clock",
    "weft.core.handle",
    "weft.core.timers",
    "weft.core.epoll",
    "weft.core.loop",
    "weft.core.waker",
    "weft.transports.channel",
    "weft.transports.datagram",
    "weft.transports.writer",
    "weft.transports.stream",
    "weft.transports.records",
    "weft.transports.tls",
    "weft.transports.pipe",
    "weft.deferred.failure",
    "weft.deferred.alarm",
    "weft.deferred.chain",
    "weft.deferred.awaiting",
    "weft.deferred.deferred",
    "weft.deferred.driving",
    "weft.protocols.scanning",
    "weft.protocols.delivery",
    "weft.record.recorder",
    "weft.faces.asyncio.tasks",
    "weft.faces.twisted._openssl",
    "weft.faces.twisted.calls",
    "weft.faces.twisted.connection",
    "weft.faces.twisted.gathering",
)
"""Every module that the compiled build compiles. setup.py reads it from here."""


class InterpretedFinder:
    """Finds Weft's modules as sources only, whatever compiled files lie beside them."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the source file's spec for a module of Weft's, None for any other."""
        if not name.startswith("weft.") or not path:
            return None
        return FileFinder(path[0], (SourceFileLoader, [".py"])).find_spec(name)


def choose() -> str:
    """Return "compiled" or "interpreted", and see to it that imports follow the choice.

    Raises ImportError where some modules are compiled for this Python and others are not: what such a mixture
    would do is undefined.
    """
    wish = os.environ.get("WEFT_PURE", "")
    if wish not in ("", "0", "1"):
        raise ImportError(f"WEFT_PURE is {wish!r}; set it to 1 for the interpreted build, or leave it unset")
    if wish == "1":
        sys.meta_path.insert(0, InterpretedFinder)
        return "interpreted"
    missing = _not_compiled()
    if not missing:
        return "compiled"
    if len(missing) == len(COMPILED_MODULES):
        return "interpreted"
    raise ImportError(
        f"Weft is half built for this Python: {', '.join(missing)} not compiled, the others are. "
        "Build it again (pip install .), or set WEFT_PURE=1 to run the interpreted build."
    )


def _not_compiled() -> list[str]:
    """Return those of the modules that lie here without a compiled file for this Python."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    files: dict[str, set[str]] = {}
    missing = []
    for name in COMPILED_MODULES:
        package, _, stem = name.rpartition(".")
        if package not in files:
            files[package] = set(os.listdir(os.path.join(root, *package.split("."))))
        if not any(stem + suffix in files[package] for suffix in EXTENSION_SUFFIXES):
            missing.append(name)
    return missing

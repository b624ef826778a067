"""Which of the two builds of Weft runs: the compiled one, or the interpreted one from the very same files.

`WEFT_PURE=1` in the environment chooses the interpreted build even where compiled modules lie beside the sources.
This module is never compiled, and is the first of Weft's that is imported.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec, SourceFileLoader
from types import ModuleType

COMPILED_MODULES = (
    "weft.ports",
    "weft.core._os",
    "weft.core.clock",
    "weft.core.handle",
    "weft.core.ready",
    "weft.core.timers",
    "weft.core.epoll",
    "weft.core.loop",
    "weft.core.waker",
    "weft.transports.channel",
    "weft.transports.datagram",
    "weft.transports.writer",
    "weft.transports.stream",
    "weft.transports.uring",
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
    "weft.protocols.exchange",
    "weft.streams.awaited",
    "weft.streams.reading",
    "weft.streams.writing",
    "weft.record.recorder",
    "weft.faces.asyncio.features",
    "weft.faces.asyncio.tasks",
    "weft.faces.twisted._openssl",
    "weft.faces.twisted.calls",
    "weft.faces.twisted.connection",
    "weft.faces.twisted.datagrams",
    "weft.faces.twisted.gathering",
    "weft.faces.twisted.rights",
)
"""Every module that the compiled build compiles, all into one shared object. setup.py reads it from here."""

ENGINE = "_engine"
"""The shared object of them all, beside this file: `_engine.<ABI>.so`, one for each Python that it was built for."""


class Finder:
    """Finds Weft's modules: the compiled ones in the engine where there is one, every other as its source.

    Shared objects that an earlier version left beside the sources are never looked at.
    """

    def __init__(self, engine: str | None) -> None:
        self.engine = engine

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where a module of Weft's is to be loaded from, None for any other and for one that is not there."""
        if not name.startswith("weft.") or not path:
            return None
        if self.engine is not None and name in COMPILED_MODULES:
            return located(ModuleSpec(name, EngineLoader(name, self.engine), origin=self.engine))
        stem = os.path.join(path[0], name.rpartition(".")[2])
        for file, folder in ((stem + ".py", None), (os.path.join(stem, "__init__.py"), stem)):
            if os.path.isfile(file):
                loader = SourceFileLoader(name, file)
                spec = located(ModuleSpec(name, loader, origin=file, is_package=folder is not None))
                if folder is not None:
                    spec.submodule_search_locations = [folder]
                return spec
        return None


class EngineLoader(ExtensionFileLoader):
    """Loads one of the modules that share the engine; CPython looks for it there by the last part of its name."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the module. Raises ImportError, and says what to do, where the engine is not of these sources."""
        try:
            return super().create_module(spec)
        except ImportError as error:
            raise ImportError(
                f"{spec.name} cannot be loaded from Weft's compiled modules: {error}. Build them again "
                "(pip install .), or set WEFT_PURE=1 to run the interpreted build.",
                name=spec.name,
                path=self.path,
            ) from error


def located(spec: ModuleSpec) -> ModuleSpec:
    """Return the spec of a module that is to have a `__file__`."""
    spec.has_location = True
    return spec


def choose() -> str:
    """Return "compiled" or "interpreted", and see to it that imports follow the choice.

    Raises ImportError for a WEFT_PURE that means nothing.
    """
    wish = os.environ.get("WEFT_PURE", "")
    if wish not in ("", "0", "1"):
        raise ImportError(f"WEFT_PURE is {wish!r}; set it to 1 for the interpreted build, or leave it unset")
    engine = None if wish == "1" else built_engine()
    sys.meta_path.insert(0, Finder(engine))
    return "interpreted" if engine is None else "compiled"


def built_engine() -> str | None:
    """Return the engine's file for this Python, None where it was not built for it."""
    stem = os.path.join(os.path.dirname(os.path.abspath(__file__)), ENGINE)
    return next((stem + suffix for suffix in EXTENSION_SUFFIXES if os.path.isfile(stem + suffix)), None)

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture
def write_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], Path]]:
    """Write a Python file; what running it does to imports is undone at the end."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    loaded = dict(sys.modules)

    def write(name: str, source: str) -> Path:
        path = tmp_path / name
        path.write_text(source)
        importlib.invalidate_caches()
        return path

    yield write
    for name in set(sys.modules) - set(loaded):
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]

"""The file that says which process serves: held by a lock, so that what a crash left behind is no obstacle."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from weft.errors import ApplicationError


@contextlib.contextmanager
def pidfile(path: Path | None) -> Iterator[None]:
    """Hold a file with this process's number in it, and remove it at the end; None: hold none.

    Raises ApplicationError where another process holds it, or it cannot be written.
    """
    if path is None:
        yield
        return
    descriptor = hold(path)
    try:
        yield
    finally:
        try:
            if is_same(path, descriptor):
                path.unlink()
        finally:
            os.close(descriptor)


def hold(path: Path) -> int:
    """Return the descriptor of the file, locked, with this process's number written to it."""
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            raise ApplicationError(f"cannot write the pidfile {path}: {error.strerror}; name another file") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise ApplicationError(
                f"another process, {holder}, holds the pidfile {path}; stop it (kill {holder}), or name another file"
            ) from None
        if is_same(path, descriptor):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
            return descriptor
        os.close(descriptor)  # its holder removed it between our opening and our locking it


def is_same(path: Path, descriptor: int) -> bool:
    """Return whether a path still leads to the file that is open."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False

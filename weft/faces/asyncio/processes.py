"""Child processes, as asyncio asks for them. `asyncio.create_subprocess_exec` and its kin work on top of these.

No child watcher takes part, so children can be started from a loop in any thread.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

from weft.core.loop import Core
from weft.faces.asyncio.children import begin_child


class Processes(Core):
    """`subprocess_exec` and `subprocess_shell`."""

    async def subprocess_exec(
        self,
        protocol_factory: Callable[[], Any],
        program: Any,
        *args: Any,
        stdin: Any = subprocess.PIPE,
        stdout: Any = subprocess.PIPE,
        stderr: Any = subprocess.PIPE,
        universal_newlines: bool = False,
        shell: bool = False,
        bufsize: int = 0,
        encoding: str | None = None,
        errors: str | None = None,
        text: bool | None = None,
        **kwargs: Any,
    ) -> tuple[Any, Any]:
        """Run a program with its arguments; return (transport, protocol). Further options are Popen's.

        Raises OSError when the program cannot be run, ValueError for options that only make sense with files.
        """
        self._check_closed()  # type: ignore[attr-defined]
        if shell:
            raise ValueError("shell must be False: use subprocess_shell()")
        refuse_text(universal_newlines, bufsize, encoding, errors, text)
        protocol = protocol_factory()
        options = dict(kwargs, stdin=stdin, stdout=stdout, stderr=stderr)
        return await begin_child(self, protocol, (program, *args), options), protocol

    async def subprocess_shell(
        self,
        protocol_factory: Callable[[], Any],
        cmd: Any,
        *,
        stdin: Any = subprocess.PIPE,
        stdout: Any = subprocess.PIPE,
        stderr: Any = subprocess.PIPE,
        universal_newlines: bool = False,
        shell: bool = True,
        bufsize: int = 0,
        encoding: str | None = None,
        errors: str | None = None,
        text: bool | None = None,
        **kwargs: Any,
    ) -> tuple[Any, Any]:
        """Run a command line in the shell; return (transport, protocol). Further options are Popen's.

        Raises OSError when the shell cannot be run, ValueError for options that only make sense with files.
        """
        self._check_closed()  # type: ignore[attr-defined]
        if not isinstance(cmd, (bytes, str)):
            raise ValueError(f"cmd must be a string, not {cmd!r}")
        if not shell:
            raise ValueError("shell must be True: use subprocess_exec()")
        refuse_text(universal_newlines, bufsize, encoding, errors, text)
        protocol = protocol_factory()
        options = dict(kwargs, shell=True, stdin=stdin, stdout=stdout, stderr=stderr)
        return await begin_child(self, protocol, cmd, options), protocol


def refuse_text(universal_newlines: Any, bufsize: Any, encoding: Any, errors: Any, text: Any) -> None:
    """Raise ValueError for options of files and of text: what goes through the pipes is bytes."""
    if universal_newlines:
        raise ValueError("universal_newlines must be False: the pipes carry bytes")
    if bufsize != 0:
        raise ValueError(f"bufsize must be 0, not {bufsize!r}")
    if text:
        raise ValueError("text must be False: the pipes carry bytes")
    if encoding is not None:
        raise ValueError(f"encoding must be None, not {encoding!r}: the pipes carry bytes")
    if errors is not None:
        raise ValueError(f"errors must be None, not {errors!r}: the pipes carry bytes")

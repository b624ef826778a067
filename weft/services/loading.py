"""MODULE:NAME to a service: what is imported, what may stand there, and what is said where it cannot be served."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import traceback
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from weft.errors import ApplicationError
from weft.services.connections import is_stream_handler
from weft.services.server import ServerService
from weft.services.service import Service, said

WHAT_MAY_STAND = (
    "a weft.Service, a function that returns one, a protocol class, or a coroutine function of (reader, writer)"
)


async def load(target: str, listen: Sequence[str] = ()) -> Service:
    """Return the service that `target` names, "module:name"; `listen` is where a protocol or a handler is served.

    Raises ApplicationError, which says what is wrong and what to do.
    """
    module_name, colon, path = target.partition(":")
    if not colon or not module_name or not path:
        raise ApplicationError(f"{target!r} names no service: write MODULE:NAME, as in chat:service")
    found: Any = import_module(module_name)
    for part in path.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            near = [name for name in vars(found) if not name.startswith("_")] if isinstance(found, ModuleType) else []
            names = f": it has {', '.join(near)}" if near else ""
            raise ApplicationError(f"{module_name} has no {path}{names}") from None
    return await made(target, found, listen)


def import_module(name: str) -> ModuleType:
    """Return a module. What it raises is said in a line, with the place that raised it."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise ApplicationError(
                f"there is no module {error.name!r}; is it installed, and are you in the right folder?"
            ) from None
        raise ApplicationError(f"{name} cannot be imported: {said(error)}{place(error)}") from error
    except Exception as error:
        raise ApplicationError(f"{name} cannot be imported: {said(error)}{place(error)}") from error


def place(error: Exception) -> str:
    """Return where an exception came from, to stand at the end of a line."""
    if isinstance(error, SyntaxError):
        return ""  # it says so itself
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<frozen")
    ]
    return f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""


async def made(target: str, found: Any, listen: Sequence[str]) -> Service:
    """Return the service that an object stands for."""
    is_protocol = inspect.isclass(found) and issubclass(found, asyncio.BaseProtocol)
    if is_protocol or (is_stream_handler(found) and takes_two(found)):
        if not listen:
            raise ApplicationError(
                f"{target} is a {'protocol' if is_protocol else 'handler'}: say where it is to listen, "
                "as in --listen tcp:8080"
            )
        servers = [ServerService(where, found) for where in listen]
        return servers[0] if len(servers) == 1 else Service(*servers, name=target.rpartition(":")[2])
    if not isinstance(found, Service) and callable(found):
        try:
            found = found()
            if inspect.isawaitable(found):
                found = await found
        except Exception as error:
            raise ApplicationError(f"{target} could not make the service: {said(error)}{place(error)}") from error
    if not isinstance(found, Service):
        raise ApplicationError(f"{target} is {type(found).__name__!r}, which cannot be served: name {WHAT_MAY_STAND}")
    return found


def takes_two(function: Any) -> bool:
    """Return whether a function can be called with a reader and a writer."""
    try:
        inspect.signature(function).bind(None, None)
    except (TypeError, ValueError):
        return False
    return True

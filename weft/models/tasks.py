"""What is compared: tasks are functions that take nothing, coroutine functions and plain ones alike."""

from __future__ import annotations

import functools
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar, overload

from weft.errors import TaskFileError

F = TypeVar("F", bound=Callable[..., Any])
MARK = "__weft_task__"
HOW = "mark the functions to compare with @weft.task, or list them: tasks = [first, second]"


@overload
def task(function: F) -> F: ...
@overload
def task(*, name: str) -> Callable[[F], F]: ...
def task(function: Any = None, *, name: str | None = None) -> Any:
    """Mark a function as a task for `weft compare`: `@weft.task`, or `@weft.task(name="...")`.

    The function is returned as it is. Raises TypeError for what cannot be called.
    """
    if function is None:
        return lambda marked: _mark(marked, name)
    return _mark(function, name)


def _mark(function: F, name: str | None) -> F:
    if not callable(function):
        raise TypeError(f"@weft.task marks functions, not {function!r}; write @weft.task above a def")
    setattr(function, MARK, name or name_of(function))
    return function


@dataclass(frozen=True)
class NamedTask:
    """A task with the name that it has in reports and pictures, unlike any other's."""

    name: str
    function: Callable[[], Any]

    @property
    def is_coroutine_function(self) -> bool:
        """Whether calling it makes a coroutine."""
        function: Any = self.function
        while isinstance(function, functools.partial):
            function = function.func
        return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
            getattr(type(function), "__call__", None)  # noqa: B004  an object whose __call__ is a coroutine function
        )


def name_of(function: Any) -> str:
    """Return what a function is called: the name it was marked with, or its own."""
    named = getattr(function, MARK, None) or getattr(function, "__name__", None)
    if named:
        return str(named)
    inner = getattr(function, "func", None)  # functools.partial
    return name_of(inner) if inner is not None else type(function).__name__


def named_tasks(functions: Iterable[Callable[[], Any]]) -> list[NamedTask]:
    """Return the tasks with distinct names: the second of a name is called "name 2".

    Raises TypeError for what is not a function that can be called with nothing, ValueError if there is none.
    """
    named: list[NamedTask] = []
    seen: dict[str, int] = {}
    for function in functions:
        check_task(function)
        name = name_of(function)
        seen[name] = seen.get(name, 0) + 1
        named.append(NamedTask(name if seen[name] == 1 else f"{name} {seen[name]}", function))
    if not named:
        raise ValueError(f"there is no task to run; {HOW}")
    return named


def check_task(function: Any) -> None:
    """Raise TypeError for what no model can run, and say what to do."""
    if inspect.iscoroutine(function):
        function.close()
        raise TypeError(
            f"{function.__qualname__}() is a coroutine and can run only once; "
            f"give the function itself: {function.__name__}, without the ()"
        )
    if not callable(function):
        raise TypeError(f"a task must be a function, not {function!r}")
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return  # something built in that does not say what it takes
    try:
        signature.bind()
    except TypeError as error:
        raise TypeError(
            f"the task {name_of(function)} cannot be called with nothing ({error}); give it defaults, "
            "or wrap it: functools.partial(task, argument)"
        ) from None


def load_tasks(path: str | Path) -> list[Callable[[], Any]]:
    """Return the tasks of a Python file: its functions marked with `@weft.task`, else its list `tasks`.

    Raises TaskFileError where there is no file, or no task in it; what the file itself raises passes through.
    """
    path = Path(path)
    if not path.is_file():
        raise TaskFileError(f"{path}: no such file; give a Python file with tasks in it")
    module = run_file(path)
    functions: list[Any] = [
        value
        for value in vars(module).values()
        if getattr(value, MARK, None) and getattr(value, "__module__", None) == module.__name__
    ]
    if not functions:
        listed = getattr(module, "tasks", None)
        if listed is None:
            raise TaskFileError(f"{path}: no task in it; {HOW}")
        if not isinstance(listed, Iterable):
            raise TaskFileError(f"{path}: tasks is {listed!r}, not a list; {HOW}")
        functions = list(listed)
    try:
        named_tasks(functions)
    except (TypeError, ValueError) as error:
        raise TaskFileError(f"{path}: {error}") from None
    return functions


def run_file(path: Path) -> ModuleType:
    """Run a Python file as a module, as if it were imported from its folder."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise TaskFileError(f"{path}: not a Python file; its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    replaced = sys.modules.get(path.stem)
    sys.modules[path.stem] = module
    sys.path.insert(0, str(path.resolve().parent))
    try:
        spec.loader.exec_module(module)
    except BaseException:
        if replaced is None:
            sys.modules.pop(path.stem, None)
        else:
            sys.modules[path.stem] = replaced
        raise
    return module

"""The pytest plugin of Weft: async tests on a Weft loop, and loops that must be left clean.

It does nothing until it is asked to: by the marker `weft`, by `weft_mode = auto` in the configuration (then for every
async test that is marked for no other plugin), or by a fixture whose name begins with `weft_`. It stands outside the
package so that a test run that does not use Weft does not import it.
"""

from __future__ import annotations

import contextvars
import functools
import inspect
import sys
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from weft.testing import ManualLoop, Network, Pair, WatchedLoop

MODES = ("strict", "auto")
LOOPS = ("weft_manual_loop", "weft_loop")
"""The fixtures that give a loop; an async test runs on the first of them that it uses."""
OTHERS = ("asyncio", "anyio", "trio", "twisted")
"""The markers by which other plugins are asked to run an async test."""
MARKER = (
    "weft(allow=()): run an async test on a Weft loop, which must be left clean but for the kinds of things in allow "
    "(tasks, transports, timers, reports, descriptors)."
)

has_failed = pytest.StashKey[bool]()
context_of_test = pytest.StashKey[contextvars.Context]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Name the setting."""
    parser.addini(
        "weft_mode",
        "strict: tests that are marked weft run on a Weft loop; auto: every async test that no other plugin's marker "
        "claims does",
        default="strict",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker. Raises UsageError for an unknown mode."""
    config.addinivalue_line("markers", MARKER)
    mode = config.getini("weft_mode")
    if mode not in MODES:
        raise pytest.UsageError(f"weft_mode is {mode!r}; it can be {' or '.join(MODES)}")


# -- which tests


def is_ours(item: Any) -> bool:
    """Return whether an item is an async test that is to run on a Weft loop."""
    if not isinstance(item, pytest.Function) or not inspect.iscoroutinefunction(body_of(item.obj)):
        return False
    if item.get_closest_marker("weft") is not None:
        return True
    is_automatic = item.config.getini("weft_mode") == "auto"
    return is_automatic and not is_unittest(item) and not any(map(item.get_closest_marker, OTHERS))


def body_of(function: Any) -> Any:
    """Return a test's own function: what Hypothesis calls for each example, where it stands around it."""
    return getattr(getattr(function, "hypothesis", None), "inner_test", function)


def is_unittest(item: pytest.Function) -> bool:
    """Return whether a test belongs to a unittest.TestCase, which runs its own."""
    unittest = sys.modules.get("unittest")  # nothing is a TestCase where nobody has imported it
    return unittest is not None and item.cls is not None and issubclass(item.cls, unittest.TestCase)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Give an async test of ours a loop, if it uses none of the loops."""
    if isinstance(item, pytest.Function) and is_ours(item) and not set(LOOPS) & set(item.fixturenames):
        item.fixturenames.insert(0, "weft_loop")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Refuse a test that two plugins are asked to run."""
    claimed = [name for name in OTHERS if item.get_closest_marker(name)]
    if item.get_closest_marker("weft") is not None and claimed:
        pytest.fail(
            f"the test is marked weft, and {claimed[0]} too: by a marker, or by the automatic mode of that plugin. "
            "One of them can run it; take the other's marker away, or set that plugin's mode to strict",
            pytrace=False,
        )


# -- running them


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run an async test on its loop."""
    if not is_ours(pyfuncitem):
        return None
    loop = next(pyfuncitem.funcargs[name] for name in LOOPS if name in pyfuncitem.funcargs)
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    run = functools.partial(run_inside, loop, pyfuncitem)
    test: Any = pyfuncitem.obj
    if not hasattr(test, "hypothesis"):
        run(test, **arguments)
        return True
    inner = test.hypothesis.inner_test

    @functools.wraps(inner)
    def run_example(*positional: Any, **drawn: Any) -> None:
        run(inner, *positional, **drawn)

    test.hypothesis.inner_test = run_example
    try:
        test(**arguments)
    finally:
        test.hypothesis.inner_test = inner
    return True


def run_inside(loop: Any, item: pytest.Item, function: Callable[..., Any], *positional: Any, **arguments: Any) -> Any:
    """Run a coroutine function on a loop, in the context that a test shares with its fixtures; return its result."""
    __tracebackhide__ = True
    context = item.stash[context_of_test]
    return loop.run_until_complete(loop.create_task(function(*positional, **arguments), context=context))


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: Any, request: Any) -> Generator[None, Any, Any]:
    """Run a test's own async fixtures on its loop."""
    function = fixturedef.func
    is_generator = inspect.isasyncgenfunction(function)
    if not (is_generator or inspect.iscoroutinefunction(function)) or not is_ours(request.node):
        return (yield)
    loop = request.getfixturevalue(next(name for name in LOOPS if name in request.node.fixturenames))
    owner = getattr(
        function, "__self__", None
    )  # of a method: the test's own instance takes its place, as pytest does
    if owner is not None and isinstance(request.instance, type(owner)):
        function = function.__func__.__get__(request.instance)
    make = generated if is_generator else awaited
    original, fixturedef.func = fixturedef.func, make(functools.partial(run_inside, loop, request.node), function)
    try:
        return (yield)
    finally:
        fixturedef.func = original


def awaited(run: Callable[..., Any], function: Callable[..., Any]) -> Callable[..., Any]:
    """Return an async fixture as a plain one."""

    def fixture(**arguments: Any) -> Any:
        return run(function, **arguments)

    return fixture


def generated(run: Callable[..., Any], function: Callable[..., Any]) -> Callable[..., Any]:
    """Return an async fixture that yields as a plain one that does."""
    end = object()

    def fixture(**arguments: Any) -> Iterator[Any]:
        steps = function(**arguments)

        async def step() -> Any:
            return await anext(steps, end)

        yield run(step)
        if run(step) is not end:
            pytest.fail(f"the fixture {function.__qualname__} yielded twice; it may yield once", pytrace=False)

    return fixture


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember that a test failed: what it left behind is then no news."""
    report = yield
    if report.failed:
        item.stash[has_failed] = True
    return report


# -- the fixtures


@pytest.fixture
def weft_loop(request: pytest.FixtureRequest) -> Iterator[WatchedLoop]:
    """A clean Weft loop in real time. The test fails if it leaves anything on it, or a descriptor open."""
    from weft.testing import WatchedLoop

    yield from clean(request, WatchedLoop)


@pytest.fixture
def weft_manual_loop(request: pytest.FixtureRequest) -> Iterator[ManualLoop]:
    """A clean Weft loop whose clock the test moves, or that jumps to what happens next: `weft.testing.ManualLoop`."""
    from weft.testing import ManualLoop

    yield from clean(request, ManualLoop)


def clean(request: pytest.FixtureRequest, make: Callable[[], Any]) -> Iterator[Any]:
    """Yield a loop that must be left clean."""
    from weft.errors import LeakError
    from weft.testing import clean_loop

    item = request.node
    marker = item.get_closest_marker("weft")
    allow = marker.kwargs.get("allow", ()) if marker else ()
    item.stash[context_of_test] = contextvars.copy_context()
    try:
        with clean_loop(make, allow=allow, has_failed=lambda: item.stash.get(has_failed, False)) as loop:
            yield loop
    except LeakError as error:
        pytest.fail(f"{item.name} {error}", pytrace=False)


@pytest.fixture
def weft_pair(request: pytest.FixtureRequest) -> Iterator[Callable[..., Pair]]:
    """A function that connects two protocols in memory: call it with both, and it returns their transports.

    `left, right = weft_pair(Client(), Server())`. Further arguments are those of `weft.testing.connect_pair`. What it
    connected is closed in the end. It is on the test's manual loop if the test uses that.
    """
    from weft.testing import connect_pair

    loop = loop_of(request)
    pairs: list[Pair] = []

    def connect(left: Any, right: Any, **links: Any) -> Pair:
        pairs.append(connect_pair(loop, left, right, **links))
        return pairs[-1]

    yield connect
    for end in ("close", "abort"):
        for pair in pairs:
            getattr(pair, end)()
        for _ in range(10):
            loop.call_soon(loop.stop)
            loop.run_forever()


@pytest.fixture
def weft_network(request: pytest.FixtureRequest) -> Network:
    """The network in memory of the test's loop, to listen at and connect to by name: `weft.testing.Network`."""
    network: Network = loop_of(request).network
    return network


def loop_of(request: pytest.FixtureRequest) -> Any:
    """Return the loop that a test runs on."""
    name = next((name for name in LOOPS if name in request.fixturenames), "weft_loop")
    return request.getfixturevalue(name)

"""The pytest plugin, in runs of their own."""

import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]
NO_OTHERS = ("-p", "no:asyncio", "-p", "no:anyio")


@pytest.fixture
def run(pytester, monkeypatch):
    """Run pytest on a file's source; return what came out."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")

    def run(source, *options, others=False):
        pytester.makepyfile(source)
        options = ("-W", "error", "-p", "no:cacheprovider", *(() if others else NO_OTHERS), *options)
        return pytester.runpytest_subprocess(*options, timeout=60)

    return run


def test_a_run_that_does_not_use_weft_does_not_import_it():
    code = "import sys, pytest_weft; print([name for name in ('weft', 'asyncio') if name in sys.modules])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout == "[]\n"


def test_the_plugin_is_there_where_weft_is_installed(pytester):
    result = pytester.runpytest_subprocess("--markers", timeout=60)

    result.stdout.fnmatch_lines(["@pytest.mark.weft(allow=()):*"])


def test_a_marked_test_runs_on_a_weft_loop(run):
    result = run("""
        import asyncio, pytest, weft

        @pytest.mark.weft
        async def test_function():
            assert isinstance(asyncio.get_running_loop(), weft.Loop)

        @pytest.mark.weft
        class TestClass:
            async def test_method(self):
                await asyncio.sleep(0)

            def test_plain(self):
                pass

        @pytest.mark.weft
        @pytest.mark.parametrize("number", [pytest.param(1, id="one"), 2])
        async def test_with_parameters(number, tmp_path):
            assert number in (1, 2) and tmp_path.exists()
    """)

    result.assert_outcomes(passed=5)


def test_an_async_test_that_nobody_asked_for_is_left_to_others(run):
    result = run("""
        async def test_function():
            pass
    """)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*async def functions are not natively supported*"])


def test_in_automatic_mode_every_async_test_runs(run):
    result = run(
        """
        import asyncio, unittest, weft

        async def test_function():
            assert isinstance(asyncio.get_running_loop(), weft.Loop)

        def test_plain():
            pass

        class TestOfTheStandardLibrary(unittest.IsolatedAsyncioTestCase):
            async def test_method(self):
                self.assertNotIsInstance(asyncio.get_running_loop(), weft.Loop)
        """,
        "-o",
        "weft_mode=auto",
    )

    result.assert_outcomes(passed=3)


def test_an_unknown_mode_is_refused(run):
    result = run("def test(): pass", "-o", "weft_mode=always")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*weft_mode is 'always'; it can be strict or auto*"])


def test_a_failing_test_fails_with_its_own_reason_and_nothing_else(run):
    result = run("""
        import asyncio, pytest

        @pytest.mark.weft
        async def test_function(weft_loop):
            weft_loop.call_later(30, print)
            assert 1 == 2
    """)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E       assert 1 == 2"])
    result.stdout.no_fnmatch_line("*left behind*")


def test_what_a_test_leaves_behind_fails_it_and_is_named(run):
    result = run("""
        import asyncio, pytest, socket, weft

        pytestmark = pytest.mark.weft
        kept = []

        async def forever():
            await asyncio.Event().wait()

        async def test_task():
            kept.append(asyncio.create_task(forever(), name="left"))

        async def test_timer(weft_loop):
            weft_loop.call_later(60, print)

        async def test_transport(weft_loop):
            kept.append(await weft_loop.create_server(asyncio.Protocol, "127.0.0.1", 0))

        async def test_descriptor():
            kept.append(socket.socket())

        async def test_deferred():
            weft.fail(ValueError("nobody handled this"))

        async def test_report(weft_loop):
            weft_loop.call_soon(lambda: 1 / 0)

        def test_end():
            kept.pop().close()
    """)

    result.assert_outcomes(passed=7, errors=6)
    result.stdout.fnmatch_lines([
        "test_task left behind:",
        "  task 'left' running forever, waits at *test_what_a_test_leaves*.py:7*made at *:10*",
        "test_timer left behind:",
        "  timer due in * s, calling print, made at *:13, in test_timer",
        "test_transport left behind:",
        "  listener of <weft.Server *opened at *:16, in test_transport",
        "test_descriptor left behind:",
        "  descriptor *held by <socket.socket*",
        "test_deferred left behind:",
        "  reported: A failure in a Deferred was never handled*",
        "*ValueError: nobody handled this",
        "*made at *:22, in test_deferred",
        "test_report left behind:",
        "  reported: Exception in callback *",
        "*ZeroDivisionError*",
    ])  # fmt: skip


def test_a_marker_allows_what_may_be_left(run):
    result = run("""
        import pytest

        @pytest.mark.weft(allow=["timers"])
        async def test_function(weft_loop):
            weft_loop.call_later(60, print)
    """)

    result.assert_outcomes(passed=1)


def test_a_test_on_the_manual_loop_takes_no_time(run):
    result = run("""
        import asyncio, pytest

        @pytest.mark.weft
        async def test_coroutine(weft_manual_loop):
            await asyncio.sleep(86400)
            assert asyncio.get_running_loop() is weft_manual_loop
            assert weft_manual_loop.time() == 86400

        def test_plain(weft_manual_loop):
            seen = []
            weft_manual_loop.call_later(60, seen.append, 1)
            weft_manual_loop.advance(59)
            assert not seen
            weft_manual_loop.advance(1)
            assert seen
    """)

    result.assert_outcomes(passed=2)


def test_a_pair_and_a_network_are_on_the_test_s_loop(run):
    result = run("""
        import asyncio, pytest
        from weft.testing import Link

        class Echo(asyncio.Protocol):
            def connection_made(self, transport):
                self.transport = transport

            def data_received(self, data):
                self.transport.write(data)

        class Client(asyncio.Protocol):
            data = b""

            def data_received(self, data):
                self.data += data

        def test_pair(weft_manual_loop, weft_pair):
            client = Client()
            left, right = weft_pair(client, Echo(), there=Link(latency_s=1))
            left.write(b"x")
            weft_manual_loop.advance(2)
            assert client.data == b"x"

        def test_pair_in_real_time(weft_loop, weft_pair):
            left, right = weft_pair(Client(), Echo())
            right.pause_reading()
            left.write(bytes(1_000_000))

        @pytest.mark.weft
        async def test_network(weft_network, weft_manual_loop):
            async with await weft_network.listen("echo", Echo):
                transport, client = await weft_network.connect("echo", Client)
                transport.write(b"x")
                await weft_manual_loop.idle()
                transport.close()
            assert client.data == b"x"
    """)

    result.assert_outcomes(passed=3)


def test_async_fixtures_run_on_the_test_s_loop_and_share_its_context(run):
    result = run("""
        import asyncio, contextvars, pytest

        pytestmark = pytest.mark.weft
        variable = contextvars.ContextVar("variable")
        steps = []

        @pytest.fixture
        async def number(tmp_path):
            await asyncio.sleep(0)
            variable.set("set in a fixture")
            return 3

        @pytest.fixture
        async def connection(number):
            loop = asyncio.get_running_loop()
            task = asyncio.create_task(asyncio.Event().wait())
            yield loop
            assert asyncio.get_running_loop() is loop
            task.cancel()
            steps.append("torn down")

        async def test_uses_fixtures(connection, number):
            assert asyncio.get_running_loop() is connection
            assert number == 3
            assert variable.get() == "set in a fixture"

        class TestClass:
            @pytest.fixture
            async def own(self):
                yield self

            async def test_method(self, own, weft_manual_loop):
                assert own is self
                await asyncio.sleep(1000)

        def test_fixtures_were_torn_down():
            assert steps == ["torn down"]
    """)

    result.assert_outcomes(passed=3)


def test_an_async_fixture_that_yields_twice_is_refused(run):
    result = run("""
        import pytest

        @pytest.fixture
        async def twice():
            yield 1
            yield 2

        @pytest.mark.weft
        async def test_function(twice):
            pass
    """)

    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*the fixture twice yielded twice*"])


def test_hypothesis_runs_its_examples_on_the_loop(run):
    result = run("""
        import asyncio, pytest
        from hypothesis import given, settings, strategies as st

        seen = set()

        @pytest.mark.weft
        @settings(max_examples=20, database=None)
        @given(number=st.integers())
        async def test_function(number):
            await asyncio.sleep(0)
            seen.add(number)

        def test_several_ran():
            assert len(seen) > 1
    """)

    result.assert_outcomes(passed=2)


def test_it_lives_beside_pytest_asyncio_and_anyio(run):
    result = run(
        """
        import asyncio, anyio, pytest, weft

        @pytest.mark.weft
        async def test_weft():
            assert isinstance(asyncio.get_running_loop(), weft.Loop)

        @pytest.mark.asyncio
        async def test_asyncio():
            assert not isinstance(asyncio.get_running_loop(), weft.Loop)

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        @pytest.mark.anyio
        async def test_anyio():
            assert not isinstance(asyncio.get_running_loop(), weft.Loop)
            await anyio.sleep(0)

        async def test_unmarked():
            assert isinstance(asyncio.get_running_loop(), weft.Loop)
        """,
        "-p",
        "asyncio",
        "-o",
        "weft_mode=auto",
        "-o",
        "asyncio_default_fixture_loop_scope=function",
        others=True,
    )

    result.assert_outcomes(passed=4)


def test_a_test_that_two_plugins_are_to_run_is_refused(run):
    result = run(
        """
        import pytest

        @pytest.mark.weft
        async def test_function():
            pass
        """,
        "-o",
        "asyncio_mode=auto",
        "-o",
        "asyncio_default_fixture_loop_scope=function",
        others=True,
    )

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["the test is marked weft, and asyncio too*"])


def test_a_test_that_waits_for_what_never_happens_says_so(run):
    result = run("""
        import asyncio, pytest

        @pytest.mark.weft
        async def test_function(weft_manual_loop):
            await weft_manual_loop.create_future()
    """)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E*StuckError: nothing will ever happen*", "E*test_function, waits at *:5*"])

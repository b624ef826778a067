"""The pytest plugins that choose a loop: pytest-asyncio's and AnyIO's settings, in runs of their own."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

BOUND_S = 60


def run_pytest(folder: Path, **files: str) -> str:
    """Run pytest in a folder with these files; return what it prints. It must pass, with no warning."""
    for name, source in files.items():
        (folder / f"{name}.py").write_text(textwrap.dedent(source))
    (folder / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"],
        cwd=folder,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


USUAL_TESTS = """
    import asyncio
    import pytest
    import pytest_asyncio
    import weft

    @pytest_asyncio.fixture
    async def server():
        async def echo(reader, writer):
            writer.write(await reader.read())
            writer.close()
            await writer.wait_closed()

        async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
            yield server

    @pytest_asyncio.fixture(scope="module", loop_scope="module")
    async def shared():
        yield asyncio.get_running_loop()

    @pytest.mark.asyncio
    async def test_runs_on_weft():
        assert isinstance(asyncio.get_running_loop(), weft.Loop)

    @pytest.mark.asyncio
    async def test_uses_a_fixture(server):
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"hello")
        writer.write_eof()
        assert await reader.read() == b"hello"
        writer.close()
        await writer.wait_closed()

    @pytest.mark.asyncio(loop_scope="module")
    @pytest.mark.parametrize("number", range(3))
    async def test_shares_a_loop(shared, number):
        assert asyncio.get_running_loop() is shared
        assert isinstance(shared, weft.Loop)
"""


def test_pytest_asyncio_s_loop_factories(tmp_path: Path) -> None:
    output = run_pytest(
        tmp_path,
        conftest="""
            import weft

            def pytest_asyncio_loop_factories(config, item):
                return {"weft": weft.new_event_loop}
        """,
        test_it=USUAL_TESTS,
    )

    assert "5 passed" in output


def test_pytest_asyncio_with_asyncio_and_weft_side_by_side(tmp_path: Path) -> None:
    output = run_pytest(
        tmp_path,
        conftest="""
            import asyncio
            import weft

            def pytest_asyncio_loop_factories(config, item):
                return {"asyncio": asyncio.new_event_loop, "weft": weft.new_event_loop}
        """,
        test_it="""
            import asyncio
            import pytest
            import weft

            seen = []

            @pytest.mark.asyncio
            async def test_runs_on_each():
                seen.append(isinstance(asyncio.get_running_loop(), weft.Loop))

            def test_both_ran():
                assert seen == [False, True]
        """,
    )

    assert "3 passed" in output


def test_pytest_asyncio_under_weft_s_policy(tmp_path: Path) -> None:
    output = run_pytest(
        tmp_path,
        conftest="""
            import asyncio
            import weft

            asyncio.set_event_loop_policy(weft.EventLoopPolicy())
        """,
        test_it=USUAL_TESTS,
    )

    assert "5 passed" in output


def test_anyio_s_plugin(tmp_path: Path) -> None:
    output = run_pytest(
        tmp_path,
        conftest="""
            import pytest
            import weft

            @pytest.fixture
            def anyio_backend():
                return "asyncio", {"loop_factory": weft.new_event_loop}
        """,
        test_it="""
            import asyncio
            import anyio
            import pytest
            import weft

            pytestmark = pytest.mark.anyio

            @pytest.fixture
            async def stream():
                send, receive = anyio.create_memory_object_stream(1)
                async with send, receive:
                    yield send, receive

            async def test_runs_on_weft():
                assert isinstance(asyncio.get_running_loop(), weft.Loop)

            async def test_uses_a_fixture(stream):
                send, receive = stream
                await send.send(1)
                assert await receive.receive() == 1
        """,
    )

    assert "2 passed" in output

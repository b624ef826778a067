"""asyncpg against a real PostgreSQL, on Weft as on asyncio."""

import asyncio
import io
from typing import Any

import asyncpg
import pytest

from . import servers


def options(server: servers.Postgres, is_unix: bool = False) -> dict[str, Any]:
    host = server.folder if is_unix else "127.0.0.1"
    return {"host": host, "port": server.port, "user": "weft", "database": "postgres", "ssl": False}


async def queries(server: servers.Postgres, is_unix: bool) -> Any:
    connection = await asyncpg.connect(**options(server, is_unix))
    try:
        values = await connection.fetch(
            "SELECT $1::int + i AS value, repeat('x', i) AS text FROM generate_series(1, 1000) i", 5
        )
        try:
            await connection.execute("SELECT 1/0")
        except asyncpg.DivisionByZeroError as error:
            refused = error.sqlstate
        async with connection.transaction():
            cursor = await connection.cursor("SELECT i FROM generate_series(1, 10000) i")
            skipped = await cursor.forward(10)
            some = [row["i"] for row in await cursor.fetch(5)]
            total = 0
            async for row in connection.cursor("SELECT i FROM generate_series(1, 10000) i", prefetch=100):
                total += row["i"]
        large = await connection.fetchval("SELECT repeat('y', 8000000)")
        return [tuple(row) for row in values], refused, skipped, some, total, len(large)
    finally:
        await connection.close()


@pytest.mark.parametrize("is_unix", [False, True], ids=["tcp", "unix"])
def test_queries_an_error_and_a_cursor(run_on_both: Any, postgres_server: servers.Postgres, is_unix: bool) -> None:
    values, refused, skipped, some, total, size = run_on_both(queries, postgres_server, is_unix)

    assert values == [(number + 5, "x" * number) for number in range(1, 1001)]
    assert refused == "22012"
    assert (skipped, some, total) == (10, [11, 12, 13, 14, 15], sum(range(10001)))
    assert size == 8_000_000


async def copy(server: servers.Postgres) -> Any:
    connection = await asyncpg.connect(**options(server))
    try:
        await connection.execute("CREATE TEMPORARY TABLE rows (number int, text text)")
        rows = [(number, f"row {number}" * 20) for number in range(20_000)]
        status = await connection.copy_records_to_table("rows", records=rows)
        out = io.BytesIO()
        await connection.copy_from_query("SELECT * FROM rows ORDER BY number", output=out, format="csv")
        out.seek(0)
        again = await connection.copy_to_table("rows", source=out, format="csv")
        counted = await connection.fetchrow("SELECT count(*), count(DISTINCT text), sum(number) FROM rows")
        return status, again, tuple(counted)
    finally:
        await connection.close()


def test_twenty_thousand_rows_are_copied_in_out_and_in_again(
    run_on_both: Any, postgres_server: servers.Postgres
) -> None:
    copied = run_on_both(copy, postgres_server)

    assert copied == ("COPY 20000", "COPY 20000", (40000, 20000, 2 * sum(range(20_000))))


async def cancel_a_query(server: servers.Postgres) -> Any:
    connection = await asyncpg.connect(**options(server))
    other = await asyncpg.connect(**options(server))
    running = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep'"
    try:
        pid = connection.get_server_pid()
        asleep = asyncio.create_task(connection.execute("SELECT pg_sleep(1000)"))
        while not await other.fetchval(running, pid):
            await asyncio.sleep(0)
        asleep.cancel()
        try:
            await asleep
        except asyncio.CancelledError:
            pass
        while await other.fetchval(running, pid):
            await asyncio.sleep(0)
        try:
            await connection.fetchval("SELECT pg_sleep(1000)", timeout=0.05)
        except TimeoutError:
            timed_out = True
        return asleep.cancelled(), timed_out, await connection.fetchval("SELECT 42")
    finally:
        await connection.close()
        await other.close()


def test_a_query_that_is_cancelled_or_times_out_ends_in_the_server_and_the_connection_lives_on(
    run_on_both: Any, postgres_server: servers.Postgres
) -> None:
    assert run_on_both(cancel_a_query, postgres_server) == (True, True, 42)


async def pool(server: servers.Postgres) -> Any:
    async with asyncpg.create_pool(**options(server), min_size=2, max_size=5) as connections:
        await connections.execute("DROP TABLE IF EXISTS numbers")
        await connections.execute("CREATE TABLE numbers (number int)")

        async def work(number: int) -> int:
            async with connections.acquire() as connection, connection.transaction():
                await connection.execute("INSERT INTO numbers VALUES ($1)", number)
                pid: int = await connection.fetchval("SELECT pg_backend_pid()")
                return pid

        pids = await asyncio.gather(*[work(number) for number in range(200)])
        total = await connections.fetchval("SELECT sum(number) FROM numbers")
        return len(set(pids)) <= 5, len(pids), total


def test_two_hundred_tasks_share_a_pool_of_five(run_on_both: Any, postgres_server: servers.Postgres) -> None:
    assert run_on_both(pool, postgres_server) == (True, 200, sum(range(200)))


async def listen_and_notify(server: servers.Postgres) -> Any:
    connection = await asyncpg.connect(**options(server))
    other = await asyncpg.connect(**options(server))
    heard: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
    try:
        await connection.add_listener(
            "news", lambda _connection, _pid, channel, text: heard.put_nowait((channel, text))
        )
        for number in range(200):
            await other.execute("SELECT pg_notify('news', $1)", str(number))
        return [await heard.get() for _ in range(200)]
    finally:
        await connection.close()
        await other.close()


def test_a_listener_hears_every_notification_in_order(run_on_both: Any, postgres_server: servers.Postgres) -> None:
    heard = run_on_both(listen_and_notify, postgres_server)

    assert heard == [("news", str(number)) for number in range(200)]


async def terminated(server: servers.Postgres) -> Any:
    connection = await asyncpg.connect(**options(server))
    other = await asyncpg.connect(**options(server))
    ended = asyncio.Event()
    connection.add_termination_listener(lambda _connection: ended.set())
    try:
        await other.execute("SELECT pg_terminate_backend($1)", connection.get_server_pid())
        await ended.wait()
        return connection.is_closed()
    finally:
        await other.close()


def test_a_connection_that_the_server_ends_is_closed(run_on_both: Any, postgres_server: servers.Postgres) -> None:
    assert run_on_both(terminated, postgres_server)

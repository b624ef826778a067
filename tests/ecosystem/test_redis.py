"""redis-py's asyncio client against a real Redis, on Weft as on asyncio."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError

from . import servers


def client(server: servers.Redis, is_unix: bool = False, **options: Any) -> Redis:
    where = {"unix_socket_path": server.path} if is_unix else {"host": "127.0.0.1", "port": server.port}
    return Redis(**where, decode_responses=True, **options)


async def pipeline(server: servers.Redis, is_unix: bool) -> Any:
    async with client(server, is_unix) as redis:
        await redis.flushall()
        async with redis.pipeline(transaction=True) as pipe:
            for number in range(1000):
                pipe.incrby(f"counter:{number % 10}", number)
            counted = await pipe.execute()
        await redis.set("large", "x" * 5_000_000)
        large = await redis.get("large")
        keys = sorted([key async for key in redis.scan_iter("counter:*")])
        try:
            await redis.lpush("counter:0", "no list")
        except ResponseError as error:
            refused = str(error)
        return counted, large == "x" * 5_000_000, keys, await redis.mget(keys), refused


@pytest.mark.parametrize("is_unix", [False, True], ids=["tcp", "unix"])
def test_a_pipeline_of_a_thousand_commands_a_large_value_and_a_scan(
    run_on_both: Any, redis_server: servers.Redis, is_unix: bool
) -> None:
    counted, large_is_whole, keys, totals, refused = run_on_both(pipeline, redis_server, is_unix)

    assert len(counted) == 1000
    assert large_is_whole
    assert keys == [f"counter:{number}" for number in range(10)]
    assert totals == [str(sum(range(number, 1000, 10))) for number in range(10)]
    assert "wrong kind of value" in refused


async def many_clients(server: servers.Redis) -> Any:
    pool = BlockingConnectionPool(host="127.0.0.1", port=server.port, max_connections=10, decode_responses=True)
    async with Redis.from_pool(pool) as redis:
        await redis.flushall()

        async def work(number: int) -> int:
            for _ in range(20):
                await redis.rpush("list", number)
                await redis.incr("done")
            return int(await redis.incrby("sum", number))

        await asyncio.gather(*[work(number) for number in range(50)])
        items = sorted(await redis.lrange("list", 0, -1), key=int)
        return items, await redis.get("done"), await redis.get("sum")


def test_fifty_tasks_share_a_pool_of_ten_connections(run_on_both: Any, redis_server: servers.Redis) -> None:
    items, done, total = run_on_both(many_clients, redis_server)

    assert items == [str(number) for number in range(50) for _ in range(20)]
    assert (done, total) == ("1000", str(sum(range(50))))


async def publish_and_subscribe(server: servers.Redis) -> Any:
    async with client(server) as redis, redis.pubsub() as first, redis.pubsub() as second:
        await first.subscribe("news")
        await second.psubscribe("n*")

        async def hear(pubsub: Any) -> list[tuple[str, Any]]:
            heard = []
            async for message in pubsub.listen():
                heard.append((message["type"], message["data"]))
                if message["data"] == "over":
                    return heard
            raise AssertionError("listening ended by itself")

        async with asyncio.TaskGroup() as group:
            hearing = [group.create_task(hear(pubsub)) for pubsub in (first, second)]
            while sum((await redis.pubsub_numsub("news"))[0][1:]) + await redis.pubsub_numpat() < 2:
                await asyncio.sleep(0)
            for number in range(500):
                await redis.publish("news", number)
            await redis.publish("news", "over")
        return [task.result() for task in hearing]


def test_two_subscribers_hear_all_that_is_published(run_on_both: Any, redis_server: servers.Redis) -> None:
    first, second = run_on_both(publish_and_subscribe, redis_server)

    news = [str(number) for number in range(500)] + ["over"]
    assert first == [("subscribe", 1)] + [("message", each) for each in news]
    assert second == [("psubscribe", 1)] + [("pmessage", each) for each in news]


async def pop(redis: Redis) -> Any:
    popped: Any = redis.blpop(["queue"], timeout=0)
    return await popped


async def cancel_a_pop(server: servers.Redis) -> Any:
    async with client(server) as redis, client(server) as other:
        await redis.flushall()
        popping = asyncio.create_task(pop(redis))
        while not [each for each in await other.client_list() if each["cmd"] == "blpop"]:
            await asyncio.sleep(0)
        popping.cancel()
        try:
            await popping
        except asyncio.CancelledError:
            pass
        while [each for each in await other.client_list() if each["cmd"] == "blpop"]:
            await asyncio.sleep(0)
        await other.rpush("queue", "kept")
        return popping.cancelled(), await pop(redis)


def test_a_blocking_pop_that_is_cancelled_takes_nothing(run_on_both: Any, redis_server: servers.Redis) -> None:
    was_cancelled, popped = run_on_both(cancel_a_pop, redis_server)

    assert was_cancelled
    assert list(popped) == ["queue", "kept"]


async def find_nobody() -> Any:
    async with Redis(host="127.0.0.1", port=servers.free_port(), retry=Retry(NoBackoff(), 0)) as redis:
        try:
            await redis.ping()
        except Exception as error:
            return type(error).__name__
    return None


def test_a_server_that_is_not_there_is_an_error_of_the_library_s_own(run_on_both: Any) -> None:
    assert run_on_both(find_nobody) == "ConnectionError"

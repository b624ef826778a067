"""Three tasks, one for each poem: connect, read to the end, return the text.

They are plain asyncio and say nothing of how they are run; that is what makes them fit to compare.
The servers' ports come from the environment variable POETRY_PORTS; `demo.py` starts the servers and sets it.
"""

import asyncio
import os

import weft


@weft.task
async def loom() -> str:
    """Return the poem of the loom."""
    return await fetch("loom")


@weft.task
async def train() -> str:
    """Return the poem of the train."""
    return await fetch("train")


@weft.task
async def river() -> str:
    """Return the poem of the river."""
    return await fetch("river")


async def fetch(poem: str) -> str:
    """Return the text that the poem's server sends until it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(poem))
    try:
        return (await reader.read()).decode()
    finally:
        writer.close()
        await writer.wait_closed()


def port_of(poem: str) -> int:
    """Return the port of the poem's server, as POETRY_PORTS gives it."""
    value = os.environ.get("POETRY_PORTS", "")
    ports = dict(entry.split("=", 1) for entry in value.split(",") if "=" in entry)
    port = ports.get(poem, "")
    if not port.isdecimal():
        raise LookupError(
            f"POETRY_PORTS has no port for {poem!r} (its value: {value!r}). Run examples/poetry/demo.py, which "
            "starts the servers and sets it, or start them and set POETRY_PORTS=loom=9001,train=9002,river=9003"
        )
    return int(port)

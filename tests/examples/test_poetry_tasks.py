import asyncio

import pytest


@pytest.fixture
def tasks(load_module):
    return load_module("tasks")


def test_each_task_returns_the_text_of_its_poem(tasks, load_module, monkeypatch):
    servers = load_module("servers")
    paces = {name: servers.Pace(0.0, pieces=5) for name in ("loom", "train", "river")}

    async def fetch_all():
        return await asyncio.gather(tasks.loom(), tasks.train(), tasks.river())

    with servers.poetry_servers(paces) as ports:
        monkeypatch.setenv("POETRY_PORTS", servers.ports_variable(ports))
        texts = asyncio.run(fetch_all())

    assert texts == [servers.poem_path(name).read_text() for name in paces]


@pytest.mark.parametrize("value", [None, "", "train=1,river=2", "loom=", "loom", "loom=here"])
def test_a_missing_port_is_an_error_that_says_what_to_do(tasks, monkeypatch, value):
    if value is None:
        monkeypatch.delenv("POETRY_PORTS", raising=False)
    else:
        monkeypatch.setenv("POETRY_PORTS", value)

    with pytest.raises(LookupError, match=r"no port for 'loom'.*demo\.py"):
        asyncio.run(tasks.loom())

"""Kinds of endpoints that installed distributions add."""

import sys
from pathlib import Path

import pytest

import weft
from weft import endpoints
from weft.errors import EndpointError, EndpointStringError

from .conftest import ask, shout

MODULE = '''
from dataclasses import dataclass

from weft.endpoints import (
    ClientEndpoint, Form, Kind, ServerEndpoint, UnixClient, UnixServer, text, whole_number
)


@dataclass(frozen=True)
class RoomServer(ServerEndpoint):
    """Listens in a room."""

    name: str
    seats: int = 10

    async def listen(self, factory):
        return await UnixServer(self.name, backlog=self.seats).listen(factory)


@dataclass(frozen=True)
class RoomClient(ClientEndpoint):
    """Enters a room."""

    name: str

    async def connect(self, factory):
        return await UnixClient(self.name).connect(factory)


@dataclass(frozen=True)
class Twice(ServerEndpoint):
    """Listens as another does."""

    over: ServerEndpoint

    async def listen(self, factory):
        return await self.over.listen(factory)


NAME = text("name", "the name of a room", is_positional=True)
SEATS = whole_number("seats", 1, 100)
ROOM = Kind(Form(RoomServer, (NAME, SEATS), "room:blue:seats=5"), Form(RoomClient, (NAME,), "room:blue"))
TWICE = Kind(Form(Twice, (), "twice:room:blue", wraps=True))
NO_KIND = "no kind at all"
'''


def install(folder: Path, distribution: str, points: str) -> None:
    """Make a distribution as an installer does."""
    information = folder / f"{distribution}-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(f"[weft.endpoints]\n{points}\n")


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder on sys.path with a distribution that adds kinds."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "rooms.py").write_text(MODULE)
    install(
        folder,
        "rooms",
        "room = rooms:ROOM\ntwice = rooms:TWICE\ntcp = rooms:ROOM\nodd = rooms:NO_KIND\nlost = rooms:NOWHERE\n"
        "gone = no_such_module:KIND",
    )
    monkeypatch.syspath_prepend(str(folder))
    yield folder
    sys.modules.pop("rooms", None)


def test_a_kind_that_a_distribution_adds_listens_and_connects(run, site, tmp_path):
    path = tmp_path / "blue"

    async def main():
        async with await weft.serve_streams(f"twice:room:{path}:seats=5", shout):
            return await ask(f"room:{path}")

    assert run(main()) == b"HELLO"


def test_its_strings_are_read_as_weft_s_own(site):
    with pytest.raises(EndpointStringError) as raised:
        endpoints.server("room:blue:seats=101")

    assert raised.value.part == "seats"
    assert "a whole number from 1 to 100. Right: room:blue:seats=5" in str(raised.value)


def test_it_can_be_wrapped_by_weft_s_own(site):
    import rooms

    assert endpoints.server("haproxy:room:blue") == endpoints.HaproxyServer(rooms.RoomServer("blue"))
    assert endpoints.server(r"tls:over=room\:blue:certificate=/c") == endpoints.TlsServer(
        rooms.RoomServer("blue"), "/c"
    )


def test_it_is_among_those_that_an_error_names(site):
    with pytest.raises(EndpointStringError, match="gone, haproxy, lost, odd, room"):
        endpoints.server("xyzzy:1")
    with pytest.raises(EndpointStringError, match=r"did you mean room\?"):
        endpoints.server("roon:1")


def test_weft_s_own_kinds_cannot_be_replaced(site):
    assert endpoints.server("tcp:80") == endpoints.TcpServer(80)


def test_a_form_that_a_kind_lacks_is_said(site):
    with pytest.raises(EndpointStringError, match="twice endpoints cannot connect"):
        endpoints.client("twice:room:blue")


@pytest.mark.parametrize(
    "name, said",
    [
        ("odd", r"rooms \(rooms:NO_KIND\) adds the kind 'odd', but 'no kind at all' is no weft.endpoints.Kind"),
        ("lost", r"rooms \(rooms:NOWHERE\) adds the kind 'lost', but it cannot be loaded: .*NOWHERE"),
        ("gone", r"rooms \(no_such_module:KIND\) .* cannot be loaded: No module named 'no_such_module'"),
    ],
)
def test_a_distribution_that_adds_what_cannot_be_used_is_named(site, name, said):
    with pytest.raises(EndpointError, match=said):
        endpoints.server(f"{name}:x")


def test_a_kind_that_two_distributions_add_is_refused(site):
    install(site, "castles", "room = rooms:TWICE")

    with pytest.raises(EndpointError, match=r"2 distributions add a kind of endpoint called 'room': .*castles"):
        endpoints.server("room:blue")

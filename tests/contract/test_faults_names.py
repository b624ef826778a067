"""Names that cannot be looked up, and certificates that do not fit: who asked is told, and nothing is left."""

import asyncio
import datetime
import socket
import ssl

import pytest
import trustme

from .conftest import settle, tcp_pair
from .fakes import Witness
from .faulty import LOCAL
from .tls_peer import authority, client_context, server_context

pytestmark = pytest.mark.usefixtures("nothing_left")
NUMERIC = socket.AI_NUMERICHOST
"""With it a name that is no number fails in the C library itself, whatever the machine's resolver is."""
NAME = "no.such.name.invalid"


def not_to_be_made():
    raise AssertionError("a protocol was made")


LOOK_UPS = {
    "create_connection": lambda loop: loop.create_connection(not_to_be_made, NAME, 80, flags=NUMERIC),
    "create_connection with Happy Eyeballs": lambda loop: loop.create_connection(
        not_to_be_made, NAME, 80, flags=NUMERIC, happy_eyeballs_delay=0.25
    ),
    "create_connection with TLS": lambda loop: loop.create_connection(
        not_to_be_made, NAME, 443, flags=NUMERIC, ssl=client_context()
    ),
    "create_connection from a local name": lambda loop: loop.create_connection(
        not_to_be_made, LOCAL, 80, flags=NUMERIC, local_addr=(NAME, 0)
    ),
    "create_server": lambda loop: loop.create_server(not_to_be_made, NAME, 0, flags=NUMERIC),
    "create_server on several hosts": lambda loop: loop.create_server(
        not_to_be_made, [LOCAL, NAME], 0, flags=NUMERIC
    ),
    "create_datagram_endpoint": lambda loop: loop.create_datagram_endpoint(not_to_be_made, (NAME, 0), flags=NUMERIC),
    "create_datagram_endpoint to a peer": lambda loop: loop.create_datagram_endpoint(
        not_to_be_made, remote_addr=(NAME, 9), flags=NUMERIC
    ),
    "open_connection": lambda loop: asyncio.open_connection(NAME, 80, flags=NUMERIC),
    "getaddrinfo": lambda loop: loop.getaddrinfo(NAME, 80, flags=NUMERIC),
    "getaddrinfo of an unknown service": lambda loop: loop.getaddrinfo(LOCAL, "no such service"),
    "getnameinfo": lambda loop: loop.getnameinfo((NAME, 80), socket.NI_NUMERICHOST),
}


@pytest.mark.parametrize("is_debugging", [False, True], ids=["", "debug"])
@pytest.mark.parametrize("look_up", LOOK_UPS.values(), ids=LOOK_UPS)
def test_a_name_that_cannot_be_looked_up_is_an_error_of_the_address(loop, look_up, is_debugging, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", without_a_resolver(socket.getaddrinfo))
    loop.set_debug(is_debugging)

    async def main():
        with pytest.raises(socket.gaierror):
            await look_up(loop)

    loop.run_until_complete(main())


def test_a_socket_stays_its_owner_s_if_its_peer_s_name_cannot_be_looked_up(loop, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", without_a_resolver(socket.getaddrinfo))
    with socket.socket() as sock:
        sock.setblocking(False)

        with pytest.raises(socket.gaierror):
            loop.run_until_complete(loop.sock_connect(sock, (NAME, 80)))

        assert sock.fileno() >= 0


def without_a_resolver(getaddrinfo):
    """The system's getaddrinfo for numbers alone: no test may depend on a name server."""

    def numbers_only(host, port, family=0, type=0, proto=0, flags=0):
        return getaddrinfo(host, port, family, type, proto, flags | NUMERIC)

    return numbers_only


@pytest.mark.parametrize("host", ["x" * 70 + ".example", "\udcff"], ids=["label too long", "no text"])
def test_a_name_that_is_none_is_an_error_of_its_encoding(loop, host):
    async def main():
        with pytest.raises(UnicodeError):
            await loop.create_connection(not_to_be_made, host, 80)

    loop.run_until_complete(main())


@pytest.mark.parametrize("answer, error", [([], OSError), (RuntimeError("broken"), RuntimeError)])
def test_a_resolver_that_finds_nothing_or_breaks_is_an_error(loop, answer, error):
    async def getaddrinfo(host, port, **options):
        if isinstance(answer, Exception):
            raise answer
        return answer

    loop.getaddrinfo = getaddrinfo

    async def main():
        with pytest.raises(error):
            await loop.create_connection(not_to_be_made, "somewhere.example", 80)

    loop.run_until_complete(main())


# -- certificates

DAY = datetime.timedelta(days=1)
NOW = datetime.datetime.now(datetime.timezone.utc)  # noqa: UP017
EXPIRED, NOT_YET_VALID, SELF_SIGNED, UNKNOWN_ISSUER, OTHER_NAME = 10, 9, 18, 20, 62
"""What OpenSSL calls them (X509_V_ERR_*)."""


def context_with(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def expired(tmp_path):
    period = {"not_before": NOW - 3 * DAY, "not_after": NOW - DAY}
    return context_with(authority("trusted").issue_cert("localhost", **period))


def not_yet_valid(tmp_path):
    period = {"not_before": NOW + DAY, "not_after": NOW + 3 * DAY}
    return context_with(authority("trusted").issue_cert("localhost", **period))


def self_signed(tmp_path):
    signed_by_itself = trustme.CA(organization_name="nobody else")
    path = tmp_path / "certificate.pem"
    path.write_bytes(signed_by_itself.private_key_pem.bytes() + signed_by_itself.cert_pem.bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def of_an_unknown_issuer(tmp_path):
    return context_with(trustme.CA(organization_name="unknown").issue_cert("localhost"))


def for_another_name(tmp_path):
    return server_context("example.org")


CERTIFICATES = [
    (expired, EXPIRED),
    (not_yet_valid, NOT_YET_VALID),
    (self_signed, SELF_SIGNED),
    (of_an_unknown_issuer, UNKNOWN_ISSUER),
    (for_another_name, OTHER_NAME),
]


async def by_connecting(loop, address):
    return await loop.create_connection(
        not_to_be_connected, *address, ssl=client_context(), server_hostname="localhost"
    )


async def by_upgrading(loop, address):
    transport, _ = await loop.create_connection(Witness, *address)
    return await loop.start_tls(transport, not_to_be_connected(), client_context(), server_hostname="localhost")


async def by_streams(loop, address):
    return await asyncio.open_connection(*address, ssl=client_context(), server_hostname="localhost")


def not_to_be_connected():
    class Unconnected(asyncio.Protocol):
        def connection_made(self, transport):
            raise AssertionError("a connection was made")

    return Unconnected()


@pytest.mark.parametrize("way", [by_connecting, by_upgrading, by_streams])
@pytest.mark.parametrize("make, code", CERTIFICATES)
def test_a_certificate_that_does_not_fit_is_refused_with_its_reason(loop, tmp_path, make, code, way):
    served = []

    def factory():
        served.append(Witness())
        return served[-1]

    async def main():
        server = await loop.create_server(factory, LOCAL, 0, ssl=make(tmp_path))
        with pytest.raises(ssl.SSLCertVerificationError) as raised:
            await way(loop, server.sockets[0].getsockname())
        server.close()
        await settle()
        return raised.value.verify_code

    assert loop.run_until_complete(main()) == code


def test_a_client_whose_certificate_has_expired_is_refused_by_the_server(loop):
    ours, theirs = tcp_pair()
    client = client_context(version=ssl.TLSVersion.TLSv1_2)
    period = {"not_before": NOW - 3 * DAY, "not_after": NOW - DAY}
    authority("trusted").issue_cert("client@example.org", **period).configure_cert(client)

    async def main():
        accepting = loop.connect_accepted_socket(Witness, ours, ssl=server_context(asks_for=ssl.CERT_REQUIRED))
        connecting = loop.create_connection(Witness, sock=theirs, ssl=client, server_hostname="localhost")
        refused, told = await asyncio.gather(accepting, connecting, return_exceptions=True)
        assert isinstance(refused, ssl.SSLCertVerificationError)
        assert refused.verify_code == EXPIRED
        assert isinstance(told, ssl.SSLError)
        assert "EXPIRED" in str(told).upper()

    loop.run_until_complete(main())


def test_sides_without_a_version_in_common_tell_each_other(loop):
    ours, theirs = tcp_pair()
    old, new = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3

    async def main():
        accepting = loop.connect_accepted_socket(Witness, ours, ssl=server_context(version=new))
        client = client_context(version=old)
        connecting = loop.create_connection(Witness, sock=theirs, ssl=client, server_hostname="localhost")
        outcomes = await asyncio.gather(accepting, connecting, return_exceptions=True)
        assert [isinstance(outcome, ssl.SSLError) for outcome in outcomes] == [True, True]

    loop.run_until_complete(main())

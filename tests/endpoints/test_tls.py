"""TLS: who is whom, certificates by name, files that change while serving, and what both sides agree on."""

import asyncio
import os
import shutil
import ssl

import pytest

import weft
from weft.endpoints import TcpClient, TcpServer, TlsClient, TlsServer
from weft.errors import EndpointError

from .conftest import shout

HERE = "interface=127.0.0.1"


async def tell(reader, writer):
    """Say what the connection is like, and then shout."""
    tls = writer.get_extra_info("ssl_object")
    certificate = writer.get_extra_info("peercert")
    who = certificate["subjectAltName"][0][1] if certificate else "nobody"
    writer.write(f"{who} {tls.selected_alpn_protocol()} {tls.version()}\n".encode())
    await shout(reader, writer)


async def visit(port, hostname="localhost", **options):
    """Return (the first name in the server's certificate, what it says) of a port."""
    host, number = port.addresses[0][:2]
    client = TlsClient(TcpClient(host, number), hostname=hostname, **options)
    reader, writer = await weft.open_stream(client)
    try:
        said = await reader.readline()
        writer.write(b"x" * 50_000 + b"\n")
        assert await reader.readline() == b"X" * 50_000 + b"\n"
        return writer.get_extra_info("peercert")["subjectAltName"][0][1], said.decode().strip()
    finally:
        writer.close()


def test_a_string_is_enough_for_a_secured_server_and_a_client_that_verifies(run, authority):
    certificate = authority.issue("site.pem", "localhost")

    async def main():
        async with await weft.serve_streams(f"tls:0:{HERE}:certificate={certificate}", tell) as port:
            number = port.addresses[0][1]
            reader, writer = await weft.open_stream(f"tls:localhost:{number}:trust_roots={authority.roots}")
            said = await reader.readline()
            writer.close()
            await writer.wait_closed()
            return said

    assert run(main()) == b"nobody None TLSv1.3\n"


def test_a_key_may_stand_in_a_file_of_its_own(run, authority):
    certificate = authority.issue_apart("site.crt", "secret.key", "localhost")
    key = authority.folder / "secret.key"

    async def main():
        async with await weft.serve_streams(f"tls:0:{HERE}:certificate={certificate}:key={key}", tell) as port:
            return await visit(port, trust_roots=str(authority.roots))

    assert run(main()) == ("localhost", "nobody None TLSv1.3")


@pytest.mark.parametrize(
    "hostname, problem", [("127.0.0.1", "IP address mismatch"), ("example.org", "Hostname mismatch")]
)
def test_a_server_that_cannot_prove_its_name_gets_nothing(run, authority, hostname, problem):
    certificate = authority.issue("site.pem", "localhost")

    async def main():
        async with await weft.serve_streams(f"tls:0:{HERE}:certificate={certificate}", tell) as port:
            with pytest.raises(ssl.SSLCertVerificationError, match=problem):
                await visit(port, hostname=hostname, trust_roots=str(authority.roots))

    run(main())


def test_the_name_to_prove_is_the_host_where_nothing_else_is_said(run, authority):
    certificate = authority.issue("site.pem", "127.0.0.1")

    async def main():
        async with await weft.serve_streams(f"tls:0:{HERE}:certificate={certificate}", tell) as port:
            return await visit(port, hostname=None, trust_roots=str(authority.roots))

    assert run(main())[0] == "127.0.0.1"


def test_an_authority_that_is_not_trusted_is_refused(run, authority):
    certificate = authority.issue("site.pem", "localhost")

    async def main():
        async with await weft.serve_streams(f"tls:0:{HERE}:certificate={certificate}", tell) as port:
            with pytest.raises(ssl.SSLCertVerificationError):
                await visit(port)  # the system's own authorities know nothing of ours

    run(main())


def test_roots_may_be_a_folder(run, authority):
    certificate = authority.issue("site.pem", "localhost")
    roots = authority.folder / "roots"
    roots.mkdir()
    shutil.copy(authority.roots, roots / "ours.pem")
    (roots / "README").write_text("no certificate")

    async def main():
        async with await weft.serve_streams(f"tls:0:{HERE}:certificate={certificate}", tell) as port:
            return await visit(port, trust_roots=str(roots))

    assert run(main())[0] == "localhost"


def test_a_folder_gives_each_client_the_certificate_for_the_name_that_it_asks_for(run, authority):
    authority.issue("site/b.pem", "b.example.org", "*.wild.example.org")
    authority.issue("site/default.pem", "fallback.example.org")
    authority.issue("site/x.pem", "very.wild.example.org")
    authority.issue_apart("site/c.crt", "site/c.key", "c.example.org")
    authority.issue_apart("site/d/fullchain.pem", "site/d/privkey.pem", "d.example.org")
    (authority.folder / "site" / "README").write_text("no certificate")
    (authority.folder / "site" / ".hidden.pem").write_text("no certificate")
    trusted = {"trust_roots": str(authority.roots)}

    async def main():
        async with await weft.serve_streams(f"tls:0:{HERE}:certificate={authority.folder}/site", tell) as port:
            names = [
                "b.example.org",
                "C.example.org",
                "d.example.org",
                "any.wild.example.org",
                "very.wild.example.org",
            ]
            found = [(await visit(port, name, **trusted))[0] for name in [*names, "fallback.example.org"]]
            for name in ("e.example.org", "too.deep.wild.example.org"):
                with pytest.raises(ssl.SSLCertVerificationError, match=f"not valid for '{name}'"):
                    await visit(port, name, **trusted)
            return found

    assert run(main()) == [
        "b.example.org",
        "c.example.org",
        "d.example.org",
        "b.example.org",
        "very.wild.example.org",
        "fallback.example.org",
    ]


def test_a_client_that_asks_for_no_name_gets_the_default_certificate(run, authority):
    authority.issue("site/a.pem", "a.example.org")
    authority.issue("site/default.pem", "fallback.example.org")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(authority.roots)
    context.check_hostname = False

    async def main():
        async with await weft.serve_streams(f"tls:0:{HERE}:certificate={authority.folder}/site", tell) as port:
            _, writer = await asyncio.open_connection(*port.addresses[0], ssl=context, server_hostname="")
            writer.close()
            return writer.get_extra_info("peercert")["subjectAltName"][0][1]

    assert run(main()) == "fallback.example.org"


def test_a_certificate_that_changes_is_used_for_new_connections_while_old_ones_live_on(run, authority):
    certificate = authority.issue("site.pem", "old.example.org", "localhost")
    trusted = {"trust_roots": str(authority.roots)}

    async def main():
        server = TlsServer(TcpServer(0, "127.0.0.1"), str(certificate), look_every_s=0)
        async with await weft.serve_streams(server, tell) as port:
            old = TlsClient(TcpClient(*port.addresses[0]), hostname="localhost", **trusted)
            reader, writer = await weft.open_stream(old)
            before = (await visit(port, **trusted))[0]

            authority.issue("site.pem.new", "new.example.org", "localhost").replace(certificate)

            after = (await visit(port, **trusted))[0]
            await reader.readline()
            writer.write(b"still here\n")
            answer = await reader.readline()
            writer.close()
            await writer.wait_closed()
            return before, after, answer

    assert run(main()) == ("old.example.org", "new.example.org", b"STILL HERE\n")


def test_a_folder_is_read_again_on_request(run, authority):
    authority.issue("site/a.pem", "a.example.org")
    trusted = {"trust_roots": str(authority.roots)}

    async def main():
        server = TlsServer(TcpServer(0, "127.0.0.1"), f"{authority.folder}/site", look_every_s=3600)
        async with await weft.serve_streams(server, tell) as port:
            await visit(port, "a.example.org", **trusted)
            authority.issue("site/b.pem", "b.example.org")
            with pytest.raises(ssl.SSLCertVerificationError):
                await visit(port, "b.example.org", **trusted)
            port.reload()
            return (await visit(port, "b.example.org", **trusted))[0]

    assert run(main()) == "b.example.org"


@pytest.mark.parametrize("damage", ["broken", "removed", "half"])
def test_files_that_are_wrong_change_nothing_and_are_logged_once(run, authority, caplog, damage):
    certificate = authority.issue("site.pem", "localhost")
    good = certificate.read_bytes()
    trusted = {"trust_roots": str(authority.roots)}

    async def main():
        server = TlsServer(TcpServer(0, "127.0.0.1"), str(certificate), look_every_s=0)
        async with await weft.serve_streams(server, tell) as port:
            if damage == "removed":
                certificate.unlink()
            else:
                certificate.write_bytes(b"nonsense" if damage == "broken" else good[: len(good) // 2])

            found = [(await visit(port, **trusted))[0] for _ in range(3)]
            with pytest.raises((EndpointError, FileNotFoundError), match=r"site\.pem"):
                port.reload()
            found.append((await visit(port, **trusted))[0])
            complaints = len(caplog.records)

            authority.issue("site.pem", "mended.example.org", "localhost")
            return found, (await visit(port, **trusted))[0], complaints

    found, mended, complaints = run(main())

    assert found == ["localhost"] * 4
    assert mended == "mended.example.org"
    assert complaints == 1
    assert "are not used" in caplog.records[0].getMessage()


def test_client_certificates_are_demanded(run, authority):
    site = authority.issue("site.pem", "localhost")
    mine = authority.issue("me.pem", "me@example.org")
    string = f"tls:0:{HERE}:certificate={site}:client_roots={authority.roots}"
    trusted = {"trust_roots": str(authority.roots)}

    async def main():
        async with await weft.serve_streams(string, tell) as port:
            with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
                await visit(port, **trusted)
            return (await visit(port, certificate=str(mine), **trusted))[1]

    assert run(main()) == "me@example.org None TLSv1.3"


def test_client_certificates_are_welcome_where_they_are_optional(run, authority):
    site = authority.issue("site.pem", "localhost")
    mine = authority.issue_apart("me.pem", "me.key", "me@example.org")
    string = f"tls:0:{HERE}:certificate={site}:client_roots={authority.roots}:client_certificate=optional"
    trusted = {"trust_roots": str(authority.roots)}

    async def main():
        async with await weft.serve_streams(string, tell) as port:
            without = (await visit(port, **trusted))[1]
            key = str(authority.folder / "me.key")
            return without, (await visit(port, certificate=str(mine), key=key, **trusted))[1]

    assert run(main()) == ("nobody None TLSv1.3", "me@example.org None TLSv1.3")


@pytest.mark.parametrize("certificate", ["site.pem", "site"])
def test_both_sides_agree_on_a_protocol(run, authority, certificate):
    authority.issue("site.pem", "localhost")
    authority.issue("site/a.pem", "localhost")
    string = f"tls:0:{HERE}:certificate={authority.folder}/{certificate}:alpn=h2,http/1.1"

    async def main():
        async with await weft.serve_streams(string, tell) as port:
            asked = [("http/1.1", "h2"), ("http/1.1",), ("gopher",), ()]
            return [(await visit(port, trust_roots=str(authority.roots), alpn=alpn))[1] for alpn in asked]

    assert [said.split()[1] for said in run(main())] == ["h2", "http/1.1", "None", "None"]


def test_a_minimum_version_holds_on_both_sides(run, authority):
    site = authority.issue("site.pem", "localhost")
    modest = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    modest.load_verify_locations(authority.roots)
    modest.maximum_version = ssl.TLSVersion.TLSv1_2
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    old.load_cert_chain(site)
    old.maximum_version = ssl.TLSVersion.TLSv1_2

    async def main():
        async with await weft.serve_streams(f"tls:0:{HERE}:certificate={site}:minimum_version=1.3", tell) as port:
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await asyncio.open_connection(*port.addresses[0], ssl=modest, server_hostname="localhost")
        server = await asyncio.start_server(tell, "127.0.0.1", 0, ssl=old)
        client = TcpClient(*server.sockets[0].getsockname())
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await weft.open_stream(
                TlsClient(client, "localhost", trust_roots=str(authority.roots), minimum_version="1.3")
            )
        server.close()

    run(main())


WRONG = {
    "missing": (FileNotFoundError, "missing"),
    "empty": (EndpointError, "has no certificates"),
    "broken.pem": (EndpointError, "broken.pem cannot be used"),
    "keyless.crt": (EndpointError, "keyless.crt cannot be used"),
    "encrypted.pem": (EndpointError, "encrypted"),
}


@pytest.mark.parametrize("name", WRONG)
def test_certificates_that_cannot_be_used_are_named_before_anybody_listens(run, authority, name):
    folder = authority.folder
    (folder / "empty").mkdir()
    (folder / "broken.pem").write_text("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    authority.issue_apart("keyless.crt", "elsewhere.key", "localhost")
    (folder / "encrypted.pem").write_bytes(
        (folder / "keyless.crt").read_bytes() + encrypted(folder / "elsewhere.key")
    )
    error, said = WRONG[name]

    async def main():
        with pytest.raises(error, match=said):
            await weft.serve_streams(f"tls:0:{HERE}:certificate={folder}/{name}", tell)

    run(main())


def encrypted(path):
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(path.read_bytes(), None)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"open sesame"),
    )


@pytest.mark.parametrize("role", ["roots", "own"])
def test_files_of_a_client_that_cannot_be_used_are_named_before_it_connects(run, authority, role):
    (authority.folder / "broken.pem").write_text("nonsense")
    option = "trust_roots" if role == "roots" else "certificate"

    async def main():
        with pytest.raises(EndpointError, match=r"broken.pem cannot be used"):
            await weft.open_stream(f"tls:localhost:1:{option}={authority.folder}/broken.pem")

    run(main())


def test_a_key_beside_a_folder_of_certificates_is_refused(authority):
    os.mkdir(authority.folder / "site")

    with pytest.raises(EndpointError, match="in a folder each has its key beside it"):
        TlsServer(TcpServer(443), str(authority.folder / "site"), key="/k.pem")

"""Weft's connections among what the reactor knows: reading or not, and taken for Twisted's."""

import trustme

from tests.faces.twisted.programs import run

PAIR = """
    from twisted.internet import protocol, reactor, tcp
    from twisted.internet.task import deferLater

    class Side(protocol.Protocol):
        def dataReceived(self, data):
            print(self.name, data.decode())
        def connectionLost(self, reason):
            print(self.name, "lost")

    class Server(Side):
        name = "server"
        def connectionMade(self):
            reactor.server = self

    class Client(Side):
        name = "client"
        def connectionMade(self):
            reactor.callLater(0, met, self)

    def met(client):
        if hasattr(reactor, "server"):
            go(reactor.server, client)
        else:
            reactor.callLater(0, met, client)

    port = reactor.listenTCP(0, protocol.Factory.forProtocol(Server), interface="127.0.0.1")
    reactor.connectTCP("127.0.0.1", port.getHost().port, protocol.ClientFactory.forProtocol(Client))
"""


def test_who_looks_for_twisteds_classes_finds_them():
    out = run(
        PAIR
        + """
    def go(server, client):
        print(isinstance(server.transport, tcp.Server), isinstance(client.transport, tcp.Client))
        reactor.stop()
    reactor.run()
        """
    )

    assert out.startswith("True True\n")


def test_a_connection_that_is_taken_from_the_readers_reads_nothing_until_it_is_put_back():
    out = run(
        PAIR
        + """
    def go(server, client):
        reactor.removeReader(client.transport)
        print(client.transport in reactor.getReaders(), server.transport in reactor.getReaders())
        server.transport.write(b"something")
        server.dataReceived = lambda data: put_back(client)
        reactor.callLater(0, client.transport.write, b"answer")  # by then what the server wrote is there
    def put_back(client):
        print("put back")
        reactor.addReader(client.transport)
        client.dataReceived = lambda data: (print("client", data.decode()), reactor.stop())
    reactor.run()
        """
    )

    assert out.splitlines()[:3] == ["False True", "put back", "client something"]


def test_a_connection_that_is_paused_is_no_reader_and_is_told_of_the_end_nevertheless():
    out = run(
        PAIR
        + """
    def go(server, client):
        client.transport.pauseProducing()
        readers = reactor.getReaders()
        print([each in readers for each in (port, server.transport, client.transport)])
        reactor.stop()
    reactor.run()
        """
    )

    first, *rest = out.splitlines()
    assert first == "[True, True, False]"
    assert sorted(rest) == ["client lost", "server lost"]


def test_a_connection_that_has_something_to_write_is_a_writer():
    out = run(
        PAIR
        + """
    def go(server, client):
        server.transport.pauseProducing()
        print(client.transport in reactor.getWriters())
        client.transport.write(bytes(10_000_000))
        reactor.callLater(0, full, server, client)
    def full(server, client):
        print(client.transport in reactor.getWriters(), client.transport in reactor.removeAll())
        reactor.stop()
    reactor.run()
        """
    )

    assert out.startswith("False\nTrue True\n")


def test_connection_lost_may_ask_for_the_certificate_of_a_peer_with_whom_tls_was_started(tmp_path):
    authority = trustme.CA()
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")

    out = run(
        """
        import pathlib
        from twisted.internet import endpoints, protocol, reactor, ssl

        own = ssl.PrivateCertificate.loadPEM(pathlib.Path("server.pem").read_bytes())
        trusted = ssl.trustRootFromCertificates([ssl.Certificate.loadPEM(pathlib.Path("authority.pem").read_bytes())])

        class Server(protocol.Protocol):
            def connectionMade(self):
                self.transport.startTLS(own.options())
            def dataReceived(self, data):
                self.transport.loseConnection()

        class Client(protocol.Protocol):
            def connectionMade(self):
                self.transport.startTLS(ssl.optionsForClientTLS("localhost", trustRoot=trusted))
                self.transport.write(b"hello")
            def connectionLost(self, reason):
                print(ssl.Certificate.peerFromTransport(self.transport).serialNumber() == own.serialNumber())
                reactor.stop()

        port = reactor.listenTCP(0, protocol.Factory.forProtocol(Server), interface="127.0.0.1")
        reactor.connectTCP("127.0.0.1", port.getHost().port, protocol.ClientFactory.forProtocol(Client))
        reactor.run()
        """,
        folder=tmp_path,
    )

    assert out == "True\n"

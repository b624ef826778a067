"""A protocol that was written for Twisted, years ago. It works, and nobody touches it."""

from twisted.internet import defer, endpoints, protocol

from weft.learn import drawn


class Listener(protocol.Protocol):
    def __init__(self, name):
        self.name = name
        self.poem = b""
        self.done = defer.Deferred()

    @drawn
    def dataReceived(self, data):
        self.poem += data

    @drawn
    def connectionLost(self, reason):
        self.done.callback(self.poem.decode())


def hear(reactor, name, port):
    """Return a Deferred that fires with a poem."""
    where = endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", port)
    connected = endpoints.connectProtocol(where, Listener(name))
    return connected.addCallback(lambda listener: listener.done)

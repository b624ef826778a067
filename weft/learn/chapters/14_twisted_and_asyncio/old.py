"""Two poems, as a Twisted program hears them; Weft's reactor runs it."""

from listener import hear
from twisted.internet import defer

import weft.faces.twisted
from weft.learn import poets


@defer.inlineCallbacks
def main(ports):
    both = [hear(reactor, name, port) for name, port in ports.items()]
    for name, poem in zip(ports, (yield defer.gatherResults(both)), strict=True):
        print(f"{name}: {len(poem.splitlines())} lines")
    reactor.stop()


reactor = weft.faces.twisted.install()
with poets(loom=0.5, river=0.3) as ports:
    reactor.callWhenRunning(main, ports)
    reactor.run()

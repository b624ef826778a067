"""Recordings of Twisted programs."""

import sys
from pathlib import Path

from tests.faces.twisted.programs import command
from weft.record import Recording

PROGRAM = """
from twisted.internet import defer, endpoints, protocol, reactor, task


class Poet(protocol.Protocol):
    def connectionMade(self):
        reactor.callLater(0.01, self.tell)

    def tell(self):
        self.transport.write(b"roses are red")
        self.transport.loseConnection()


class Reader(protocol.Protocol):
    def __init__(self):
        self.poem = b""
        self.done = defer.Deferred()

    def dataReceived(self, data):
        self.poem += data

    def connectionLost(self, reason):
        self.done.callback(self.poem)


def shout(poem):
    return poem.upper()


def fails(poem):
    raise ValueError(poem)


@defer.inlineCallbacks
def by_generator(endpoint):
    reader = yield endpoints.connectProtocol(endpoint, Reader())
    return (yield reader.done.addCallback(shout))


async def by_coroutine(endpoint):
    reader = await endpoints.connectProtocol(endpoint, Reader())
    return await reader.done.addCallback(fails)


def recover(failure):
    return failure.type.__name__


@defer.inlineCallbacks
def main(reactor):
    listening = endpoints.TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
    port = yield listening.listen(protocol.Factory.forProtocol(Poet))
    endpoint = endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
    both = [by_generator(endpoint), defer.ensureDeferred(by_coroutine(endpoint)).addErrback(recover)]
    print((yield defer.gatherResults(both)))


task.react(main)
"""


def record(tmp_path):
    """Run the program and return its timeline."""
    script, recording = tmp_path / "program.py", tmp_path / "run.weft"
    script.write_text(PROGRAM)
    words = [sys.executable, "-m", "weft", "run", "--record", str(recording), str(script)]
    done = command(*words, folder=Path.cwd())
    assert (done.returncode, done.stdout) == (0, "[b'ROSES ARE RED', 'ValueError']\n"), done.stderr
    return Recording.load(recording).timeline()


def test_generators_and_coroutines_are_tasks_by_their_names(tmp_path):
    timeline = record(tmp_path)

    tasks = {task.name: task for task in timeline.tasks}
    assert sorted(tasks) == ["by_coroutine", "by_generator", "main"]
    assert tasks["by_generator"].parent == tasks["main"].number == tasks["by_coroutine"].parent
    assert tasks["main"].outcome.name == "RETURNED"
    assert tasks["by_coroutine"].outcome.name == "RAISED"


def test_callbacks_and_protocols_are_named_with_the_time_that_they_took(tmp_path):
    timeline = record(tmp_path)

    labels = {piece.label: piece for piece in timeline.slices}
    assert {"shout", "fails", "recover", "Poet.tell"} <= set(labels)
    assert any(label.startswith("Reader 127.0.0.1:") and label.endswith(": 13 bytes") for label in labels)
    assert all(labels[name].end_ns > labels[name].begin_ns for name in ("shout", "fails", "recover"))

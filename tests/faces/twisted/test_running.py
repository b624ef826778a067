"""Running, stopping, stepping; beside asyncio, on one loop."""

from tests.faces.twisted.programs import attempt, run


def test_events_come_in_order():
    out = run(
        """
        from twisted.internet import reactor
        for event in ("startup", "shutdown"):
            for phase in ("after", "during", "before"):
                reactor.addSystemEventTrigger(phase, event, print, phase, event)
        reactor.callWhenRunning(reactor.stop)
        reactor.run()
        print("over")
        """
    )

    assert out.splitlines() == [
        *(f"{phase} startup" for phase in ("before", "during", "after")),
        *(f"{phase} shutdown" for phase in ("before", "during", "after")),
        "over",
    ]


def test_shutdown_waits_for_a_deferred_of_a_before_trigger():
    out = run(
        """
        from twisted.internet import defer, reactor
        def flush():
            done = defer.Deferred()
            reactor.callLater(0.01, lambda: (print("flushed"), done.callback(None)))
            return done
        reactor.addSystemEventTrigger("before", "shutdown", flush)
        reactor.addSystemEventTrigger("after", "shutdown", print, "after")
        reactor.callLater(0, reactor.stop)
        reactor.run()
        """
    )

    assert out.splitlines() == ["flushed", "after"]


def test_connections_are_lost_at_the_end_and_their_protocols_told():
    out = run(
        """
        from twisted.internet import endpoints, protocol, reactor
        class Quiet(protocol.Protocol):
            def connectionLost(self, reason):
                print(type(self).__name__, reason.type.__name__)
        class Server(Quiet):
            def connectionMade(self):
                reactor.callLater(0, reactor.stop)
        class Client(Quiet):
            pass
        port = reactor.listenTCP(0, protocol.Factory.forProtocol(Server), interface="127.0.0.1")
        reactor.connectTCP("127.0.0.1", port.getHost().port, protocol.ClientFactory.forProtocol(Client))
        reactor.run()
        """
    )

    assert sorted(out.splitlines()) == ["Client ConnectionLost", "Server ConnectionLost"]


def test_calls_that_were_due_before_a_connection_was_closed_come_before_its_end():
    out = run(
        """
        from twisted.internet import protocol, reactor
        class Server(protocol.Protocol):
            def dataReceived(self, data):
                reactor.callLater(0, print, "call")
                self.transport.loseConnection()
            def connectionLost(self, reason):
                print("end")
                reactor.stop()
        class Client(protocol.Protocol):
            def connectionMade(self):
                self.transport.write(b"close, please")
        port = reactor.listenTCP(0, protocol.Factory.forProtocol(Server), interface="127.0.0.1")
        reactor.connectTCP("127.0.0.1", port.getHost().port, protocol.ClientFactory.forProtocol(Client))
        reactor.run()
        """
    )

    assert out.splitlines() == ["call", "end"]


PAUSED = """
    from twisted.internet import protocol, reactor
    class Paused(protocol.Protocol):
        def connectionMade(self):
            self.transport.pauseProducing()
        def connectionLost(self, reason):
            print("lost", reason.type.__name__)
    class Client(protocol.Protocol):
        def connectionMade(self):
            reactor.callWhenRunning(reactor.callLater, 0, look, self.transport)
    port = reactor.listenTCP(0, protocol.Factory.forProtocol(Paused), interface="127.0.0.1")
    reactor.connectTCP("127.0.0.1", port.getHost().port, protocol.ClientFactory.forProtocol(Client))
"""


def test_remove_all_gives_what_acts_once_and_nothing_comes_from_it_any_more():
    out = run(
        PAUSED
        + """
    def look(transport):
        print(sorted(type(one).__name__ for one in reactor.getReaders()), reactor.getWriters())
        print(sorted(type(one).__name__ for one in reactor.removeAll()))
        print(reactor.removeAll(), reactor.getReaders())
        reactor.crash()
    reactor.run()
    """
    )

    assert out.splitlines() == ["['Client', 'Port'] []", "['Client', 'Port']", "[] []"]


def test_disconnecting_all_ends_paused_connections_too():
    out = run(
        PAUSED
        + """
    def look(transport):
        reactor.disconnectAll()
        print(reactor.getReaders(), transport.connected)
        reactor.crash()
    reactor.run()
    """
    )

    assert out.splitlines() == ["lost ConnectionLost", "[] False"]


def test_ctrl_c_ends_it_cleanly():
    done = attempt(
        """
        import os, signal
        from twisted.internet import reactor
        reactor.addSystemEventTrigger("after", "shutdown", print, "shut down")
        reactor.callWhenRunning(os.kill, os.getpid(), signal.SIGINT)
        reactor.run()
        print("over")
        """
    )

    assert (done.returncode, done.stdout) == (0, "shut down\nover\n"), done.stderr


def test_iterate_turns_once_and_waits_no_longer_than_asked():
    out = run(
        """
        import time
        from twisted.internet import reactor
        reactor.callLater(0, print, "now")
        reactor.callLater(3600, print, "never")
        reactor.iterate()
        begin = time.monotonic()
        reactor.iterate(0.05)
        print(0.04 < time.monotonic() - begin < 60)
        """
    )

    assert out.splitlines() == ["now", "True"]


def test_a_reactor_can_run_again():
    out = run(
        """
        from twisted.internet import reactor
        for number in range(3):
            reactor.callLater(0, reactor.crash)
            reactor.run()
            print(number, reactor.running)
        """
    )

    assert out.splitlines() == ["0 False", "1 False", "2 False"]


# -- asyncio on the same loop


def test_coroutines_of_both_kinds_await_each_other():
    out = run(
        """
        import asyncio
        from twisted.internet import defer, reactor, task
        async def sleeps():
            await asyncio.sleep(0.01)
            return "asyncio"
        async def main(reactor):
            await task.deferLater(reactor, 0)  # as on every reactor, this begins before it runs
            loop = asyncio.get_running_loop()
            print(await defer.Deferred.fromFuture(asyncio.ensure_future(sleeps())))
            later = task.deferLater(reactor, 0.01, lambda: "twisted")
            print(await defer.Deferred.fromFuture(asyncio.ensure_future(awaits(later.asFuture(loop)))))
        async def awaits(future):
            return await future
        task.react(lambda reactor: defer.ensureDeferred(main(reactor)))
        """
    )

    assert out.splitlines() == ["asyncio", "twisted"]


def test_it_starts_inside_a_loop_that_runs_and_stops_before_it_closes():
    out = run(
        """
        import asyncio
        import weft
        import weft.faces.twisted

        async def main():
            reactor = weft.faces.twisted.install()
            from twisted.internet import protocol, task
            class Echo(protocol.Protocol):
                def dataReceived(self, data):
                    self.transport.write(data)
                def connectionLost(self, reason):
                    print("lost", reason.type.__name__)
                    lost.set()
            lost = asyncio.Event()
            reactor.addSystemEventTrigger("after", "shutdown", print, "shut down")
            reactor.run()
            print("running", reactor.running)
            port = reactor.listenTCP(0, protocol.Factory.forProtocol(Echo), interface="127.0.0.1")
            reader, writer = await asyncio.open_connection("127.0.0.1", port.getHost().port)
            writer.write(b"hello")
            print(await reader.readexactly(5))
            await task.deferLater(reactor, 0.01).asFuture(asyncio.get_running_loop())
            writer.close()
            await lost.wait()

        weft.run(main())
        print("over")
        """,
        install=False,
    )

    assert out.splitlines() == ["running True", "b'hello'", "lost ConnectionDone", "shut down", "over"]


def test_stopping_it_inside_a_loop_that_runs_leaves_the_loop_running():
    out = run(
        """
        import asyncio
        import weft
        import weft.faces.twisted

        async def main():
            reactor = weft.faces.twisted.install()
            ended = asyncio.Event()
            reactor.run()
            reactor.addSystemEventTrigger("after", "shutdown", ended.set)
            reactor.stop()
            await ended.wait()
            await asyncio.sleep(0.01)
            print("the loop goes on", reactor.running)

        weft.run(main())
        """,
        install=False,
    )

    assert out == "the loop goes on False\n"


def test_threads_call_into_the_reactor_and_out_of_it():
    out = run(
        """
        import threading
        from twisted.internet import reactor, task, threads
        def work(number):
            here = threading.current_thread()
            inside = threads.blockingCallFromThread(reactor, threading.current_thread)
            return here is not threading.main_thread() and inside is threading.main_thread(), number
        async def main(reactor):
            results = []
            for number in range(20):
                results.append(await threads.deferToThread(work, number))
            print(results == [(True, number) for number in range(20)])
        from twisted.internet.defer import ensureDeferred
        task.react(lambda reactor: ensureDeferred(main(reactor)))
        """
    )

    assert out == "True\n"

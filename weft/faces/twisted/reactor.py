"""Weft's reactor for Twisted: what Twisted asks of a reactor, done by a loop of Weft's.

The reactor is that loop's other face: they turn together, and an asyncio program may run on the loop meanwhile. What
is here is running and stopping, time, threads and descriptors; connections, ports and datagrams are in the modules
beside. Event triggers, the thread pool, name resolving and processes are Twisted's own, as for its other reactors.
"""

from __future__ import annotations

import asyncio
import builtins
import signal
import sys
import threading
import traceback
import weakref
from collections.abc import AsyncGenerator, Callable
from typing import Any

from twisted.internet import base, error, main, process
from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.interfaces import IDelayedCall, IReactorDaemonize
from twisted.internet.posixbase import PosixReactorBase
from twisted.python import context, log
from twisted.python.failure import Failure
from zope.interface import classImplements, implementer

from weft.core import _os
from weft.faces.asyncio import Loop, new_event_loop
from weft.faces.twisted import adopted, connecting, listening, seeing, tcp, udp, unix, unix_datagrams
from weft.faces.twisted.calls import DelayedCall, ThreadCalls, make_call
from weft.faces.twisted.connection import LogStack, TwistedStream
from weft.faces.twisted.datagrams import TwistedDatagrams
from weft.faces.twisted.descriptors import Descriptors

OWN = (TwistedStream, TwistedDatagrams, listening.Port)
"""Weft's transports, which watch their descriptors themselves."""

classImplements(DelayedCall, IDelayedCall)


@implementer(IReactorDaemonize)
class WeftReactor(AsyncioSelectorReactor):
    """A reactor on a loop of Weft's: `loop`, else the one that runs in this thread, else a new one.

    Programs that ask for asyncio's reactor may take it for one: `_asyncioEventloop` is the loop. Raises TypeError for
    a loop that is not Weft's.
    """

    def __init__(self, loop: Loop | None = None) -> None:
        self.loop = weft_loop(loop)
        self._asyncioEventloop = self.loop
        self.log_stack = LogStack()
        self.thread_calls = ThreadCalls(self.loop)
        self.descriptors = Descriptors(self, self.loop)
        self.transports: dict[Any, None] = {}  # Weft's own, in the order in which they began
        self._owns_run = False
        PosixReactorBase.__init__(self)
        if self.loop.observer is not None:
            seeing.see(self.loop)
        if loop is None and not self.loop.is_running():
            self._finalizer = weakref.finalize(self, close_idle, self.loop)

    # -- running

    def run(self, installSignalHandlers: bool = True) -> None:
        """Run until `stop`. Where the loop runs already, begin and return: the reactor runs as long as the loop."""
        self.startRunning(installSignalHandlers=installSignalHandlers)
        if self.loop.is_running():
            self._guard = self._until_closing()
            self._guarding = self.loop.create_task(anext(self._guard))
            return
        try:
            self.mainLoop()
        finally:
            self._signals.uninstall()

    async def _until_closing(self) -> AsyncGenerator[None, None]:
        """Stop the reactor when its loop, which runs for others, is about to close: asyncio ends generators then."""
        try:
            yield
        finally:
            if self.running:
                ended = self.loop.create_future()
                self.addSystemEventTrigger("after", "shutdown", ended.set_result, None)
                self.stop()
                await ended

    def startRunning(self, installSignalHandlers: bool = True) -> None:
        """Begin to run, without turning the loop: for a loop that runs, or that somebody else is about to run."""
        self.log_stack.contexts = context.theContextTracker.currentContext().contexts
        if self.loop.observer is not None:
            seeing.see(self.loop)
        PosixReactorBase.startRunning(self, installSignalHandlers)

    def mainLoop(self) -> None:
        """Turn the loop until `crash`, which `stop` leads to."""
        self._owns_run = True
        try:
            while self._started:
                self.loop.run_forever()
        finally:
            self._owns_run = False

    def iterate(self, delay: float = 0.0) -> None:
        """Turn the loop once, waiting for an event for `delay` seconds at most."""
        self.log_stack.contexts = context.theContextTracker.currentContext().contexts
        timer = self.loop.call_later(delay, nothing)
        try:
            self.loop.run_once()
        finally:
            timer.cancel()

    def stop(self) -> None:
        """Fire the shutdown events in the next turn, then stop. Raises ReactorNotRunning."""
        PosixReactorBase.stop(self)
        self.loop.call_soon(self._shut_down)

    def _shut_down(self) -> None:
        if self._justStopped:  # Twisted's flag: not if the shutdown events were fired by hand meanwhile
            self._justStopped: bool = False
            self.fireSystemEvent("shutdown")

    def crash(self) -> None:
        """Stop at once, without any events. A loop that runs for others goes on."""
        PosixReactorBase.crash(self)
        if self._owns_run:
            self.loop.stop()
        else:
            self._signals.uninstall()

    def beforeDaemonize(self) -> None:
        """Do nothing before a fork: what the poller watches outlives it."""

    def afterDaemonize(self) -> None:
        """Do nothing after a fork: the child goes on with what the poller watches."""

    # -- time

    def callLater(self, delay: float, callable: Callable[..., Any], *args: Any, **kw: Any) -> DelayedCall:
        """Call `callable(*args, **kw)` in `delay` seconds; return the call (IDelayedCall)."""
        assert delay >= 0, f"{delay} is not greater than or equal to 0 seconds"
        creator = traceback.format_stack()[:-1] if base.DelayedCall.debug else None
        return make_call(self.loop, delay, callable, args, kw, self.seconds, creator)

    def getDelayedCalls(self) -> list[DelayedCall]:
        """Return the calls that are still to come."""
        return [call for call in self.loop.waiting() if isinstance(call, DelayedCall) and call.active()]

    # -- threads and signals

    def callFromThread(self, callable: Callable[..., Any], *args: Any, **kw: Any) -> None:
        """Call `callable(*args, **kw)` in the reactor's thread; from any thread, or a signal's handler."""
        assert builtins.callable(callable), f"{callable} is not callable"
        self.thread_calls.ask(callable, args, kw)

    def installWaker(self) -> None:
        """Do nothing: the loop has a waker of its own."""

    def wakeUp(self) -> None:
        """Have the loop end its wait."""
        self.loop._waker.wake()

    def _signalsFactory(self) -> Any:
        return Signals(base.ReactorBase._signalsFactory(self), self.loop)

    # -- descriptors

    def addReader(self, reader: Any) -> None:
        """Have `reader.doRead()` called whenever its descriptor is readable; one of Weft's transports reads again."""
        if isinstance(reader, OWN):
            reader.startReading()
        else:
            self.descriptors.add(reader, _os.READ)

    def addWriter(self, writer: Any) -> None:
        """Have `writer.doWrite()` called whenever its descriptor is writable. Weft's transports need no asking."""
        if not isinstance(writer, OWN):
            self.descriptors.add(writer, _os.WRITE)

    def removeReader(self, reader: Any) -> None:
        """Call `reader.doRead()` no more; one of Weft's transports reads no more."""
        if isinstance(reader, OWN):
            reader.stopReading()
        else:
            self.descriptors.remove(reader, _os.READ)

    def removeWriter(self, writer: Any) -> None:
        """Call `writer.doWrite()` no more."""
        if not isinstance(writer, OWN):
            self.descriptors.remove(writer, _os.WRITE)

    def getReaders(self) -> list[Any]:
        """Return what is called when it is readable, and Weft's own transports that read."""
        return self.descriptors.on(_os.READ) + [one for one in self.transports if one.is_reading()]

    def getWriters(self) -> list[Any]:
        """Return what is called when it is writable, and Weft's own transports that write or connect."""
        return self.descriptors.on(_os.WRITE) + [one for one in self.transports if one.is_writing()]

    def removeAll(self) -> list[Any]:
        """Call nothing any more for any descriptor; return what was called: Weft's transports too, if they act."""
        active = [one for one in self.transports if one.is_reading() or one.is_writing()]
        for transport in active:
            transport.stopReading()
            self.forget(transport)
        return self.descriptors.clear() + active

    def disconnectAll(self) -> None:
        """End everything that has a descriptor, at once: Weft's own transports too, be they paused or half closed."""
        idle = [one for one in self.transports if not (one.is_reading() or one.is_writing())]
        for selectable in [*self.removeAll(), *idle]:
            log.callWithLogger(selectable, selectable.connectionLost, Failure(error.ConnectionLost()))

    def remember(self, transport: Any) -> None:
        """Count one of Weft's own transports among what `disconnectAll` ends."""
        self.transports[transport] = None

    def forget(self, transport: Any) -> None:
        """Count it no more: it ended."""
        self.transports.pop(transport, None)

    # -- TCP

    def listenTCP(self, port: Any, factory: Any, backlog: int = 50, interface: str = "") -> listening.Port:
        """Listen; return the port. Raises CannotListenError."""
        opened = listening.Port(port, factory, backlog, interface, self)
        opened.startListening()
        return opened

    def connectTCP(
        self, host: str, port: Any, factory: Any, timeout: float | None = 30, bindAddress: Any = None
    ) -> connecting.Connector:
        """Connect; return the connector. A name is looked up; after `timeout` seconds it gives up."""
        connector = connecting.Connector(host, port, factory, timeout, bindAddress, self)
        connector.connect()
        return connector

    # -- TLS

    def listenSSL(
        self, port: Any, factory: Any, contextFactory: Any, backlog: int = 50, interface: str = ""
    ) -> listening.Port:
        """Listen for TLS; return the port. Raises CannotListenError."""
        opened = self.listenTCP(port, wrapped(factory, contextFactory, False), backlog, interface)
        opened._type = "TLS"
        return opened

    def connectSSL(
        self,
        host: str,
        port: Any,
        factory: Any,
        contextFactory: Any,
        timeout: float | None = 30,
        bindAddress: Any = None,
    ) -> connecting.Connector:
        """Connect with TLS; return the connector."""
        return self.connectTCP(host, port, wrapped(factory, contextFactory, True), timeout, bindAddress)

    # -- UDP

    def listenUDP(self, port: Any, protocol: Any, interface: str = "", maxPacketSize: int = 8192) -> udp.Port:
        """Receive datagrams; return the port. Raises CannotListenError."""
        opened = udp.Port(port, protocol, interface, maxPacketSize, self)
        opened.startListening()
        return opened

    def listenMulticast(
        self,
        port: Any,
        protocol: Any,
        interface: str = "",
        maxPacketSize: int = 8192,
        listenMultiple: bool = False,
    ) -> udp.MulticastPort:
        """Receive datagrams, those of groups too; return the port. Raises CannotListenError."""
        opened = udp.MulticastPort(port, protocol, interface, maxPacketSize, self, listenMultiple)
        opened.startListening()
        return opened

    # -- UNIX sockets

    def listenUNIX(
        self, address: Any, factory: Any, backlog: int = 50, mode: int = 0o666, wantPID: Any = 0
    ) -> unix.Port:
        """Listen at a path, locked if `wantPID`; return the port. Raises CannotListenError."""
        opened = unix.Port(address, factory, backlog, mode, self, wantPID)
        opened.startListening()
        return opened

    def connectUNIX(
        self, address: Any, factory: Any, timeout: float | None = 30, checkPID: Any = 0
    ) -> unix.Connector:
        """Connect to a path, if `checkPID` only where somebody holds its lock; return the connector."""
        connector = unix.Connector(address, factory, timeout, self, checkPID)
        connector.connect()
        return connector

    def listenUNIXDatagram(
        self, address: Any, protocol: Any, maxPacketSize: int = 8192, mode: int = 0o666
    ) -> unix_datagrams.DatagramPort:
        """Receive datagrams at a path; return the port. Raises CannotListenError."""
        opened = unix_datagrams.DatagramPort(address, protocol, maxPacketSize, mode, self)
        opened.startListening()
        return opened

    def connectUNIXDatagram(
        self,
        address: Any,
        protocol: Any,
        maxPacketSize: int = 8192,
        mode: int = 0o666,
        bindAddress: Any = None,
    ) -> unix_datagrams.ConnectedDatagramPort:
        """Send datagrams to a path, and receive those that come from there; return the port."""
        connected = unix_datagrams.ConnectedDatagramPort(address, protocol, maxPacketSize, mode, bindAddress, self)
        connected.startListening()
        return connected

    # -- sockets of the program's own

    def adoptStreamPort(self, fileDescriptor: int, addressFamily: int, factory: Any) -> listening.Port:
        """Accept connections at a socket that listens already; return the port."""
        return adopted.stream_port(self, fileDescriptor, addressFamily, factory)

    def adoptStreamConnection(self, fileDescriptor: int, addressFamily: int, factory: Any) -> tcp.Server | None:
        """Take a socket that is connected already; return its transport, None if there is no protocol for it."""
        return adopted.stream_connection(self, fileDescriptor, addressFamily, factory)

    def adoptDatagramPort(
        self, fileDescriptor: int, addressFamily: int, protocol: Any, maxPacketSize: int = 8192
    ) -> udp.Port:
        """Receive datagrams at a socket that is bound already; return the port."""
        return adopted.datagram_port(self, fileDescriptor, addressFamily, protocol, maxPacketSize)


def install(loop: Loop | None = None) -> WeftReactor:
    """Make Weft's reactor the one that `from twisted.internet import reactor` gives; return it.

    It runs on `loop`, else on the loop that runs in this thread, else on a new one, which becomes the thread's
    current event loop. Raises ReactorAlreadyInstalledError if a reactor was chosen already.
    """
    reactor = WeftReactor(loop)
    try:
        main.installReactor(reactor)
    except error.ReactorAlreadyInstalledError:
        raise error.ReactorAlreadyInstalledError(explain_installed()) from None
    if not reactor.loop.is_running():
        asyncio.set_event_loop(reactor.loop)
    return reactor


def explain_installed() -> str:
    """Return what to do where a reactor was chosen already."""
    chosen = type(sys.modules["twisted.internet.reactor"])
    return (
        f"this program has a reactor already, {chosen.__module__}.{chosen.__qualname__}: the first import of "
        "twisted.internet.reactor chooses one. Call weft.faces.twisted.install() before any such import."
    )


class Signals:
    """Twisted's handlers of SIGINT and SIGTERM, and the loop's of SIGCHLD, by which processes are reaped."""

    def __init__(self, stopping: Any, loop: Loop) -> None:
        self.stopping = stopping
        self.loop = loop
        self.is_installed = False

    def install(self) -> None:
        """Handle the signals, from the main thread; what ended before is reaped now."""
        self.stopping.install()
        if threading.current_thread() is threading.main_thread():
            self.loop.add_signal_handler(signal.SIGCHLD, process.reapAllProcesses)
            self.is_installed = True
            process.reapAllProcesses()

    def uninstall(self) -> None:
        """Handle them no more. Doing so twice does nothing."""
        if self.is_installed:
            self.is_installed = False
            self.loop.remove_signal_handler(signal.SIGCHLD)
        self.stopping.uninstall()


def weft_loop(loop: Any) -> Loop:
    """Return the loop for a reactor. Raises TypeError for a loop that is not Weft's."""
    if loop is None:
        loop = asyncio._get_running_loop() or new_event_loop()
    if not isinstance(loop, Loop):
        raise TypeError(
            f"Weft's reactor runs on Weft's loop, not on {loop!r}: run the program with weft.run(main()), or "
            "asyncio.Runner(loop_factory=weft.new_event_loop), or without a loop of its own"
        )
    return loop


def wrapped(factory: Any, context_factory: Any, is_client: bool) -> Any:
    """Return a factory whose protocols speak within TLS."""
    from weft.faces.twisted.tls import TLSFactory

    return TLSFactory(context_factory, is_client, factory)


def close_idle(loop: Loop) -> None:
    """Give back the loop of a reactor that is gone."""
    if not loop.is_running():
        loop.close()


def nothing() -> None:
    """Do nothing: a timer that only ends a wait."""

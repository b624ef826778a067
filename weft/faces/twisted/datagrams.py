"""Datagrams as Twisted knows them: what calls a Twisted datagram protocol, and what such a protocol calls.

The datagrams go the way that they go for any protocol of Weft's, in `weft.transports.datagram`; what differs is who
is told. `datagramReceived` is looked up for each, since Twisted's protocols are changed as they run. What the system
says of a datagram is raised where it is written. What the system does not take at once waits; Twisted's transports
raise BlockingIOError then, or drop it; these do so only once `HIGH_WATER` bytes wait.

It begins as often as its port listens: `begin` gives it a socket, `finish` takes it away.
"""

from __future__ import annotations

import errno
import socket
from typing import Any

from twisted.internet import abstract
from twisted.internet import error as errors
from twisted.python import log
from twisted.python.failure import Failure

from weft.core import _os
from weft.faces.twisted.connection import LogStack
from weft.transports import lifecycle
from weft.transports.datagram import DatagramEndpoint, SocketDatagramChannel

OPEN = lifecycle.OPEN
HOSTS = 1024
"""Hosts of which an endpoint remembers that they are numbers: a server answers the same ones again and again."""


class TwistedDatagrams(DatagramEndpoint):
    """A datagram socket's transport whose protocol is Twisted's; the modules beside give it its addresses."""

    def __init__(self, protocol: Any, maxPacketSize: int, reactor: Any) -> None:
        self.state = lifecycle.CLOSED
        self.protocol = protocol
        self.maxPacketSize = maxPacketSize
        self.reactor = reactor
        self.log_stack: LogStack = reactor.log_stack
        self.addressFamily: int = socket.AF_INET
        self.tells_sender = True  # the protocol is told whom a datagram comes from
        self.connected_address: Any = None  # of the one peer, if there is one
        self.socket: Any = None
        self.disconnecting = False
        self.is_over = True  # the protocol was told of the end, or not yet of a beginning
        self.hosts: set[Any] = set()

    # -- beginning and ending

    def begin(self, sock: socket.socket) -> None:
        """Receive from a socket, which is owned from here on, and tell the protocol, whose exceptions are raised."""
        channel = SocketDatagramChannel(sock)
        DatagramEndpoint.__init__(self, self.reactor.loop, channel, self.protocol, _os.copy_context())
        self.socket = sock
        self.connected_address = None
        self.disconnecting = False
        self.is_over = False
        self.open()
        self.reactor.remember(self)
        try:
            self.protocol.makeConnection(self)
        except BaseException:
            self.is_over = True
            self.give_back()
            raise

    def finish(self, error: Any) -> None:
        """Tell the protocol that it is over, and let go of the socket. Doing so twice does nothing."""
        if self.is_over:
            return
        self.is_over = True
        observer = self.loop.observer
        if observer is not None:
            observer.channel_closed(self.number, self.protocol, error)
        try:
            self.tell_end()
        except KeyboardInterrupt:
            raise
        except BaseException as raised:
            self.report("", raised)
        finally:
            self.give_back()

    def give_back(self) -> None:
        """Close the socket."""
        self.lose(None)
        self.channel.close()
        self.socket = None
        self.reactor.forget(self)

    def tell_end(self) -> None:
        """Tell the protocol that it is over."""
        self.protocol.doStop()

    def all_sent(self) -> None:
        """Nothing waits any more: what waited for that, the end, can come."""
        DatagramEndpoint.all_sent(self)
        if self.disconnecting:
            self.end_soon()

    def end_soon(self) -> None:
        """End in the next turn: never within what the protocol calls."""
        self.reactor.callLater(0, self.finish, None)

    def set_protocol(self, protocol: Any) -> None:
        """Give the datagrams to another protocol from now on, as setting `protocol` does."""
        self.protocol = protocol

    def is_writing(self) -> bool:
        """Return whether something that was written is still to leave."""
        return not self.is_over and self.pending > 0

    # -- receiving

    def hand_over(self, data: bytes) -> None:
        """Call the protocol with a datagram, of which it gets `maxPacketSize` bytes at most, and its sender."""
        if len(data) > self.maxPacketSize:
            data = data[: self.maxPacketSize]
        self.log_stack.enter(self)
        try:
            if not self.tells_sender:
                _os.call_one(self.context, self.protocol.datagramReceived, data)
            elif self.addressFamily == socket.AF_INET6:
                _os.call_two(self.context, self.protocol.datagramReceived, data, self.channel.sender[:2])
            else:
                _os.call_two(self.context, self.protocol.datagramReceived, data, self.channel.sender)
        except SystemExit as error:  # Twisted's loop goes on, whatever a protocol raises
            self.report("", error)
        finally:
            self.log_stack.leave()

    def startReading(self) -> None:
        """Receive again."""
        self.resume_reading()

    def stopReading(self) -> None:
        """Receive nothing for now; what comes waits in the system's buffer, as long as that has room."""
        self.pause_reading()

    def tell_error(self, error: OSError) -> None:
        """Tell the protocol that its peer refused what it was sent; any other error is the end, as in Twisted."""
        if error.errno == errno.ECONNREFUSED:
            self.refused(error)
        else:
            self.fail(error)

    def refused(self, error: OSError) -> None:
        """Tell the protocol that its one peer refused what it was sent."""
        if self.connected_address is not None:
            self.protocol.connectionRefused()

    def report(self, message: str, error: BaseException) -> None:
        """Log what the protocol or the system raised."""
        log.err(Failure(error), system=self.logPrefix())

    # -- sending

    def write(self, datagram: Any, addr: Any = None) -> None:
        """Send a datagram to `addr`, a host in numbers and a port, or to the one peer; never waits.

        Raises InvalidAddressError, MessageLengthError, BlockingIOError when too many wait, and the system's OSError.
        """
        if self.connected_address is not None:
            assert addr is None or addr == self.connected_address, f"{addr} is not {self.connected_address}, the peer"
            addr = None
        else:
            assert addr is not None, "write(datagram, (host, port)): only a connected port knows whom to write to"
            if addr[0] not in self.hosts:
                self.check_host(addr[0])
        self.transmit(datagram, addr)

    def check_host(self, host: Any) -> None:
        """Raise InvalidAddressError for a host that is none in numbers, or of another family than the socket."""
        is_ipv6 = abstract.isIPv6Address(host)
        if not is_ipv6 and not abstract.isIPAddress(host) and host != "<broadcast>":
            raise errors.InvalidAddressError(host, "write() only accepts IP addresses, not hostnames")
        if is_ipv6 != (self.addressFamily == socket.AF_INET6):
            ours, theirs = ("IPv4", "IPv6") if is_ipv6 else ("IPv6", "IPv4 or broadcast")
            raise errors.InvalidAddressError(host, f"{ours} port write() called with {theirs} address")
        if len(self.hosts) >= HOSTS:
            self.hosts.clear()
        self.hosts.add(host)

    def send(self, datagram: Any, target: Any) -> None:
        """Send a datagram, to the one peer if `target` is None; `transmit`, for interpreted callers."""
        self.transmit(datagram, target)

    def transmit(self, data: Any, target: Any) -> None:
        """Send a datagram, to the one peer if `target` is None, or have it wait behind those that wait already."""
        if self.state != OPEN:
            raise RuntimeError(f"{self!r} cannot write: it does not listen, or no longer")
        if self.is_protocol_paused:
            self.overflow()
            return
        try:
            if self.queue is not None or not self.send_now(data, target):
                self.send_behind(data, target)
        except OSError as error:
            self.write_failed(error)

    def try_send(self, data: Any, target: Any) -> bool:
        """Send a datagram that waited; False if it has to wait on. What the system says of it is logged."""
        try:
            return self.send_now(data, target)
        except OSError as error:
            try:
                self.write_failed(error)
            except Exception as raised:
                self.report("", raised)
        return True

    def write_failed(self, error: OSError) -> None:
        """Raise what the system said of a datagram, as Twisted has it."""
        if error.errno == errno.EMSGSIZE:
            raise errors.MessageLengthError("message too long") from error
        if error.errno != errno.ECONNREFUSED:
            raise error
        self.refused(error)

    def overflow(self) -> None:
        """Refuse a datagram for which there is no room among those that wait."""
        raise BlockingIOError(errno.EAGAIN, f"{self.pending} bytes wait to be sent; the system takes none for now")

    def hold_protocol(self, is_held: bool) -> None:
        """Log that too many datagrams wait: Twisted's protocols cannot be paused."""
        if is_held and not self.is_protocol_paused:
            log.msg(f"{self!r}: {self.pending} bytes wait, and no more are taken for now", system=self.logPrefix())
        self.is_protocol_paused = is_held

    # -- what it is

    def logPrefix(self) -> str:
        """Return what the log says that a message comes from."""
        return "-"

    @property
    def connected(self) -> bool:
        """Whether it listens."""
        return not self.is_over

    @property
    def disconnected(self) -> bool:
        """Whether it listens no more, or does not yet."""
        return self.is_over

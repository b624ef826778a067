"""The datagram transport: messages with an address each, from a channel to a protocol and back.

It goes through the states of lifecycle.py that a datagram socket can be in: connecting, open, closing, closed. An
error of the system's is about one datagram, and is told to the protocol (`error_received`); the endpoint lives on.

Receiving: an event is read until the channel has no more, within a bound, so that an edge-triggered poller misses
nothing and one busy endpoint does not starve the others. Sending: at once; what the system does not take waits in a
queue, in the order in which it was sent, and above the high watermark the protocol is asked to pause.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import socket
from asyncio import trsock
from collections import deque
from typing import Any

from weft.core import _os
from weft.core.handle import make_handle
from weft.core.loop import Core
from weft.ports import DatagramChannel, Source
from weft.transports import lifecycle

logger = logging.getLogger("weft")

DATAGRAMS_AN_EVENT = 64
"""Datagrams of one endpoint before the others have their turn."""
HIGH_WATER = 65536
"""Bytes waiting to be sent from which on the protocol is asked to pause."""
OVERHEAD = 8
"""What a waiting datagram counts for beside its bytes: empty ones must not wait in any number."""
RETRY_S = 0.001
"""How long to wait before trying again where the poller does not tell when there is room."""
WARN_AFTER = 5
"""Dropped datagrams of a closing endpoint before a warning is logged, once."""


class SocketDatagramChannel(_os.FdDatagramChannel):
    """Moves datagrams through a non-blocking socket, which it owns: closing the channel closes the socket."""

    def __init__(self, sock: socket.socket) -> None:
        self._sockname = address_or_none(sock.getsockname)
        self._peername = address_or_none(sock.getpeername)
        self._shown = trsock.TransportSocket(sock)
        is_connected = self._peername is not None
        # Linux says that an unconnected UNIX socket is writable however full the receiver's queue is.
        tells_room = is_connected or sock.family != socket.AF_UNIX
        _os.FdDatagramChannel.__init__(self, sock, is_connected, tells_room)

    def close(self) -> None:
        """Close the socket. Closing twice does nothing."""
        if self.fd >= 0:
            self.fd = -1
            self.sock.close()

    def name(self, which: str) -> Any:
        """Return the socket, its own address ("sockname") or the peer's ("peername"); None if it is not known.

        The socket is shown as an asyncio.trsock.TransportSocket. The addresses are remembered, and known after the
        end.
        """
        if which == "socket":
            return self._shown
        if which == "peername":
            return self._peername
        if which == "sockname":
            found = address_or_none(self.sock.getsockname)
            return self._sockname if found is None else found
        return None


def address_or_none(ask: Any) -> Any:
    """Return what `ask()` returns, None where the socket has no such address."""
    try:
        return ask()
    except OSError:
        return None


class DatagramTransport(asyncio.DatagramTransport, asyncio.Transport):
    """What an endpoint calls its class: asyncio's own are of both kinds."""


class DatagramEndpoint(Source):
    """A datagram socket's transport with asyncio's DatagramTransport interface, over any datagram channel.

    With `remote`, every datagram goes there.
    """

    def __init__(
        self,
        loop: Core,
        channel: DatagramChannel,
        protocol: Any,
        context: contextvars.Context,
        remote: Any = None,
    ) -> None:
        self.loop = loop
        self.channel = channel
        self.fd = self.channel.fileno()
        self.context = context
        self.remote = remote
        self.state = lifecycle.CONNECTING
        self.number = self.loop.next_connection_number()
        self.interest = 0
        self.queue: Any = None  # a deque of (data, address), while anything waits
        self.pending = 0
        self.retry: Any = None
        self.is_reading_paused = False
        self.is_blocked = False  # the system takes no more for now
        self.is_protocol_paused = False
        self.goes_on = False  # in the next turn, whatever the poller says
        self.high = HIGH_WATER
        self.low = HIGH_WATER // 4
        self.dropped_writes = 0
        self.datagram_received: Any = None
        self.set_protocol(protocol)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        # A real base would give a layout conflict in the compiled build.
        return DatagramTransport

    def __repr__(self) -> str:
        state = lifecycle.STATES[self.state][0]
        return f"<weft.DatagramEndpoint {self.number} fd={self.fd} {state} pending={self.pending}>"

    # -- beginning

    def start(self) -> None:
        """Begin to receive, and tell the protocol of its transport. If the poller refuses, the channel is closed."""
        self.open()
        try:
            _os.call_one(self.context, self.protocol.connection_made, self)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self.report("protocol.connection_made() failed", error)

    def open(self) -> None:
        """Begin to receive. If the poller refuses, the channel is closed."""
        self.interest = _os.READ | _os.EDGE
        try:
            self.loop.poller.add(self.fd, self, self.interest)
        except BaseException:
            self.channel.close()
            raise
        self.change(lifecycle.CONNECTED)
        observer = self.loop.observer
        if observer is not None:
            observer.channel_opened(self.number, self.protocol, self.channel.name("peername"))

    def change(self, event: int) -> None:
        """Go to the next state of the table."""
        self.state = lifecycle.TRANSITIONS[self.state, event]

    def watch(self) -> None:
        """Tell the poller what to watch for. An edge that nobody needs is told once, so it is left as it is."""
        interest = self.interest
        if not self.loop.poller.is_edge_triggered:
            interest = _os.READ if self.is_reading() else 0
        if self.is_blocked and self.channel.tells_room:
            interest |= _os.WRITE
        if interest != self.interest and not self.loop.is_over:
            self.interest = interest
            self.loop.poller.modify(self.fd, interest)

    # -- receiving

    def ready(self, events: int) -> None:
        """Send what waits, and receive, as the events say."""
        if self.is_blocked and events & (_os.WRITE | _os.ERROR | _os.HANGUP):
            self.context.run(self.send_queued)
        if events & (_os.READ | _os.ERROR | _os.HANGUP) and not self.goes_on and not self.is_reading_paused:
            self.receive(events)

    def receive(self, events: int) -> None:
        """Receive until there is no more, within a bound, and give each datagram to the protocol."""
        left = DATAGRAMS_AN_EVENT
        # An error may stand behind the last datagram that the channel knows of: ask once more.
        tries = 2 if events & _os.ERROR else 1
        while self.state == lifecycle.OPEN:
            if left == 0:
                self.go_on()
                return
            left -= 1
            try:
                data = self.channel.recv_from()
            except OSError as error:
                self.context.run(self.tell_error, error)
                continue
            if data is None:
                tries -= 1
                if tries == 0:
                    return
            else:
                self.deliver(data)

    def deliver(self, data: bytes) -> None:
        """Give a datagram to the protocol. What it raises is reported, and the endpoint goes on."""
        try:
            if self.loop.observer is None:
                self.hand_over(data)
            else:
                self.deliver_observed(data)
        except (SystemExit, KeyboardInterrupt):
            self.go_on()
            raise
        except BaseException as error:
            self.report("protocol.datagram_received() failed", error)

    def deliver_observed(self, data: bytes) -> None:
        """Give a datagram to the protocol, and tell the observer of the begin and the end."""
        observer: Any = self.loop.observer
        observer.data_begin(self.number, len(data))
        try:
            self.hand_over(data)
        finally:
            observer.data_end(self.number)

    def hand_over(self, data: bytes) -> None:
        """Call the protocol with a datagram and its sender."""
        _os.call_two(self.context, self.datagram_received, data, self.channel.sender)

    def pause_reading(self) -> None:
        """Receive nothing more until `resume_reading`, beyond what the event that is dealt with now brings."""
        if self.state < lifecycle.CLOSING:
            self.is_reading_paused = True
            self.watch()

    def resume_reading(self) -> None:
        """Receive again; what came meanwhile is received soon."""
        if self.is_reading_paused and self.state < lifecycle.CLOSING:
            self.is_reading_paused = False
            self.watch()
            self.go_on()

    def is_reading(self) -> bool:
        """Return whether datagrams that come are given to the protocol."""
        return self.state == lifecycle.OPEN and not self.is_reading_paused

    def go_on(self) -> None:
        """Go on receiving, and sending, in the next turn: an edge is told of only once."""
        if not self.goes_on and not self.loop.is_over:
            self.goes_on = True
            self.loop.push(make_handle(self.ready_again, (), None))

    def ready_again(self) -> None:
        """Act on readiness that was told of earlier."""
        self.goes_on = False
        try:
            self.ready(_os.READ | _os.WRITE)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self.fail(error)

    # -- sending

    def sendto(self, data: Any, addr: Any = None) -> None:
        """Send a datagram, which may be empty, to `addr`, or to the one peer; never waits.

        Raises TypeError for anything but bytes-like objects, ValueError where the endpoint has one peer and `addr`
        is another. An error of the system's is told to the protocol; so is that an address is missing, which with
        asyncio would end the endpoint (an echo server would be ended by anybody who has no address to answer to).
        """
        if type(data) is not bytes and not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"data argument must be a bytes-like object, not {type(data).__name__!r}")
        if self.remote is not None:
            if addr is not None and addr != self.remote:
                raise ValueError(f"Invalid address: must be None or {self.remote}")
            addr = self.remote
        if self.state != lifecycle.OPEN:
            self.refuse_send()
            return
        if self.channel.is_connected:
            addr = None
        if self.queue is not None or not self.try_send(data, addr):
            self.send_behind(data, addr)

    def send_behind(self, data: Any, target: Any) -> None:
        """Keep a datagram until the system has taken those that wait already, and has room for it."""
        if self.queue is None:
            self.queue = deque()
            self.wait_for_room()
        self.queue.append((bytes(data), target))  # a copy that its owner cannot change any more
        self.pending += len(data) + OVERHEAD
        if self.pending > self.high:
            self.hold_protocol(True)

    def try_send(self, data: Any, target: Any) -> bool:
        """Send a datagram now; return False if it has to wait. One that failed is done with, and told of."""
        try:
            return self.send_now(data, target)
        except OSError as error:
            self.tell_error(error)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self.fail(error)
        return True

    def send_now(self, data: Any, target: Any) -> bool:
        """Send a datagram now; return False if it has to wait. Raises what the system says of it."""
        if not self.channel.send_to(data, target):
            return False
        if self.loop.observer is not None:
            self.loop.observer.data_sent(self.number, len(data))
        return True

    def refuse_send(self) -> None:
        """Drop a datagram of a closing endpoint, with a warning once that repeats."""
        self.dropped_writes += 1
        if self.dropped_writes == WARN_AFTER:
            logger.warning("%r: %d datagrams after its end were dropped; check is_closing()", self, WARN_AFTER)

    def send_queued(self) -> None:
        """Send what waits, in order, until the system takes no more. Called within the context."""
        while self.queue:
            data, target = self.queue.popleft()
            self.pending -= len(data) + OVERHEAD
            if not self.try_send(data, target):
                self.queue.appendleft((data, target))
                self.pending += len(data) + OVERHEAD
                self.wait_for_room()
                if self.pending <= self.low:
                    self.hold_protocol(False)
                return
        if self.queue is not None:
            self.all_sent()

    def wait_for_room(self) -> None:
        """Ask to be told when the system takes more; where nobody can tell, try again in a while."""
        if not self.is_blocked:
            self.is_blocked = True
            self.watch()
        if not self.channel.tells_room and self.retry is None:
            self.retry = self.loop.call_later(RETRY_S, self.send_again, context=self.context)

    def send_again(self) -> None:
        """Try again to send what waits."""
        self.retry = None
        if self.is_blocked:
            self.send_queued()

    def all_sent(self) -> None:
        """Nothing waits any more: let the protocol go on, or end what was waiting to end."""
        self.queue = None
        self.is_blocked = False
        self.watch()
        if self.state == lifecycle.CLOSING:
            self.end(lifecycle.FLUSHED, None)
        else:
            self.hold_protocol(False)

    def hold_protocol(self, is_held: bool) -> None:
        """Ask the protocol to send no more for now, or let it send again. What it raises is reported."""
        if self.is_protocol_paused == is_held:
            return
        self.is_protocol_paused = is_held
        method = "pause_writing" if is_held else "resume_writing"
        try:
            getattr(self.protocol, method)()
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self.report(f"protocol.{method}() failed", error)

    def tell_error(self, error: OSError) -> None:
        """Tell the protocol that a datagram failed, in the running context. What it raises is reported."""
        try:
            self.protocol.error_received(error)
        except (SystemExit, KeyboardInterrupt):
            self.go_on()
            raise
        except BaseException as raised:
            self.report("protocol.error_received() failed", raised)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the watermarks, in bytes; without `low` it is a quarter of `high`. Raises ValueError."""
        if high is None:
            high = HIGH_WATER if low is None else 4 * low
        if low is None:
            low = high // 4
        if not high >= low >= 0:
            raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
        self.high = high
        self.low = low
        if self.pending > self.high:
            self.hold_protocol(True)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return the watermarks (low, high), in bytes."""
        return (self.low, self.high)

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait to be sent, with a few for each datagram."""
        return self.pending

    # -- ending

    def is_closing(self) -> bool:
        """Return whether the endpoint has ended or is about to."""
        return self.state >= lifecycle.CLOSING

    def close(self) -> None:
        """End in good order: what waits is sent first. Closing twice does nothing."""
        if self.state == lifecycle.CONNECTING:
            self.lose(None)
        elif self.state < lifecycle.CLOSING:
            self.change(lifecycle.CLOSE_ASKED)
            if self.queue is None or self.loop.is_over:
                self.end(lifecycle.FLUSHED, None)
            else:
                self.watch()

    def abort(self) -> None:
        """End at once; what was not sent is dropped."""
        self.lose(None)

    def lose(self, error: BaseException | None) -> None:
        """End at once because of an error; the protocol is told of it."""
        if self.state != lifecycle.CLOSED:
            self.end(lifecycle.LOST, error)

    def fail(self, error: BaseException) -> None:
        """End at once because of an exception that is no error of the system's; report it."""
        self.report("Fatal error on a datagram endpoint", error)
        self.lose(error)

    def end(self, event: int, error: BaseException | None) -> None:
        """Reach CLOSED, and have the protocol told in the next turn."""
        was_started = self.state != lifecycle.CONNECTING
        self.change(event)
        if self.loop.is_over:
            self.channel.close()  # no turn will come in which the protocol could be told
            return
        self.queue = None
        self.pending = 0
        self.is_blocked = False
        if self.retry is not None:
            self.retry.cancel()
            self.retry = None
        if was_started:
            self.loop.poller.remove(self.fd)
        self.loop.push(make_handle(self.finish, (error,), self.context))

    def finish(self, error: BaseException | None) -> None:
        """Tell the protocol that it is over, and let go of everything."""
        observer = self.loop.observer
        if observer is not None:
            observer.channel_closed(self.number, self.protocol, error)
        try:
            self.protocol.connection_lost(error)
        finally:
            self.channel.close()
            self.datagram_received = None

    def report(self, message: str, error: BaseException) -> None:
        """Report an exception that the protocol raised."""
        self.loop.report({"message": message, "exception": error, "transport": self, "protocol": self.protocol})

    # -- what it is

    def set_protocol(self, protocol: Any) -> None:
        """Give the datagrams to another protocol from now on."""
        self.protocol = protocol
        self.datagram_received = protocol.datagram_received  # looked up once, not for each datagram

    def get_protocol(self) -> Any:
        """Return the protocol."""
        return self.protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return "socket", "sockname" or "peername"; `default` for anything else, or where it is not known."""
        found = self.channel.name(name)
        return default if found is None else found

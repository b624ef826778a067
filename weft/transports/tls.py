"""TLS over any stream: to the stream below a protocol, to the protocol above a transport.

Between the two stands one end of TLS without input and output (records.py): what comes from below is put into it and
read out decrypted; what is written above comes out encrypted and is written below. Its life is the table in
tls_lifecycle.py.

Reading: bytes are decrypted as long as the protocol takes them; what is not decrypted yet stays where it is, and the
stream below pauses. Writing: what is written during one callback becomes as few records as it fits, encrypted when
the callback returns and no sooner than the stream below takes them, so that what waits is kept only once.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Callable, Iterable
from typing import Any

from weft.core.loop import Core
from weft.transports import stream
from weft.transports import tls_lifecycle as lifecycle
from weft.transports.records import Records
from weft.transports.security import Security, ssl
from weft.transports.writer import Writer

logger = logging.getLogger("weft")

HIGH_WATER = 524288
"""Bytes waiting to be sent from which on the protocol is asked to pause, as asyncio has it for TLS."""
MOST_BELOW = 65536
"""Bytes that the stream below holds before it asks for a pause."""
MOST_UNENCRYPTED = 65536
"""Bytes written in one callback from which on they are encrypted without further delay."""


class SSLTransport(asyncio.Transport):
    """What a TLS stream calls its class: asyncio's transports for TLS have "SSL" in their class's name."""


class TLSStream(Writer):
    """An encrypted transport with asyncio's Transport interface, over any transport that has it too.

    Make it the protocol of the transport below. When the handshake is done, its protocol is told `connection_made`
    (unless `is_connected` says that it was told before), and `done(None)` is called; when it fails, `done(error)`
    is, once the transport below has ended.
    """

    _start_tls_compatible = True  # asyncio's and aiohttp's question whether TLS can run over this

    def __init__(
        self,
        loop: Core,
        protocol: Any,
        security: Security,
        done: Callable[[BaseException | None], object] | None = None,
        is_connected: bool = False,
    ) -> None:
        Writer.__init__(self, loop, HIGH_WATER)
        self.security = security
        self.context: Any = None  # the stream's below: the protocol's calls all run in one
        self.done = done
        self.is_connected = is_connected
        self.state = lifecycle.WAITING
        self.below: Any = None
        self.below_write: Any = None
        self.names: dict[str, Any] | None = None
        self.error: BaseException | None = None
        self.timer: Any = None
        self.unsent_before = 0
        self.records = Records(security)
        self.is_reading_paused = False
        self.is_listed = False  # on the loop's list of what to flush when the callback returns
        self.is_below_paused = False
        self.give: Any = None
        self.has_own_buffer = False
        self.set_protocol(protocol)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        # A real base would give a layout conflict in the compiled build.
        return SSLTransport

    def __repr__(self) -> str:
        return (
            f"<weft.TLSStream {lifecycle.STATES[self.state][0]} pending={self.records.pending} over={self.below!r}>"
        )

    def change(self, event: int) -> None:
        """Go to the next state of the table."""
        self.state = lifecycle.TRANSITIONS[self.state, event]

    # -- what the stream below tells

    def connection_made(self, transport: Any) -> None:
        """The stream below is connected: begin the handshake."""
        if self.state != lifecycle.WAITING:
            return  # it was lost before an upgrade began
        self.below = transport
        self.below_write = transport.write
        self.context = getattr(transport, "context", None) or contextvars.copy_context()
        self.change(lifecycle.CONNECTED)
        self.start_timer(self.security.handshake_timeout_s, self.handshake_is_late)
        self.handshake()

    def data_received(self, data: Any) -> None:
        """Bytes came: take them in as the state says."""
        if self.state >= lifecycle.ENDING:
            return
        self.records.receive(data)
        if self.state == lifecycle.OPEN:
            self.decrypt()
        elif self.state == lifecycle.HANDSHAKING:
            self.handshake()
        elif self.state == lifecycle.SHUTTING:
            self.say_goodbye()

    def eof_received(self) -> bool:
        """The stream below is at its end; whether a close_notify came before makes no difference, as in asyncio."""
        if self.state == lifecycle.HANDSHAKING:
            self.break_off(ConnectionResetError("the peer closed the connection during the TLS handshake"))
        if self.state == lifecycle.OPEN:
            self.tell_end()
        if self.state == lifecycle.OPEN:
            self.encrypt(True)
        if self.state == lifecycle.OPEN or self.state == lifecycle.SHUTTING:
            self.end_below(lifecycle.PEER_ENDED)
        return self.state != lifecycle.WAITING  # before an upgrade begins the stream below closes by itself

    def pause_writing(self) -> None:
        """The stream below takes no more for now."""
        self.is_below_paused = True
        self.hold_above_high()

    def resume_writing(self) -> None:
        """The stream below takes more."""
        self.is_below_paused = False
        if self.state == lifecycle.OPEN:
            self.encrypt(False)
        self.release_protocol()

    def connection_lost(self, error: BaseException | None) -> None:
        """The stream below is over, and so is this one: tell the protocol, or who waits for the handshake."""
        if self.state != lifecycle.CLOSED:
            self.change(lifecycle.LOST)
        if self.error is not None:
            error = self.error
        self.let_go()
        done = self.done
        self.done = None
        protocol = self.protocol
        self.protocol = None  # an application's protocol keeps its transport: this would be a cycle
        try:
            if self.is_connected:
                protocol.connection_lost(error)
        finally:
            if done is not None:
                done(error or ConnectionAbortedError("the connection was closed during the TLS handshake"))

    def let_go(self) -> None:
        """Drop what is not needed any more."""
        self.stop_timer()
        self.records.forget()
        below = self.below
        if below is not None:
            self.names = {name: below.get_extra_info(name) for name in ("peername", "sockname", "socket")}
        self.below = None
        self.below_write = None
        self.give = None

    # -- the handshake

    def handshake(self) -> None:
        """Go on with the handshake as far as what came allows."""
        try:
            is_done = self.records.shake_hands()
        except Exception as error:
            if not isinstance(error, OSError):
                self.report("The TLS handshake failed", error)
            self.break_off(error)
            return
        if is_done:
            self.stop_timer()
            self.change(lifecycle.AGREED)
        self.send_out()
        if is_done:
            self.begin()

    def begin(self) -> None:
        """Both sides agreed: tell the protocol."""
        if not self.is_connected:
            self.is_connected = True
            try:
                self.protocol.connection_made(self)
            except (SystemExit, KeyboardInterrupt):
                self.call_soon(self.go_on, self.context)
                raise
            except BaseException as error:
                self.fail(error)
        self.go_on()

    def go_on(self) -> None:
        """Tell who waits for the handshake, and move what was written and what came meanwhile."""
        done = self.done
        self.done = None
        if done is not None:
            done(None)
        if self.state == lifecycle.OPEN:
            self.encrypt(False)
            self.release_protocol()
            if self.is_reading_paused:
                self.below.pause_reading()
            self.decrypt()

    def handshake_is_late(self) -> None:
        """Give up because the handshake takes too long."""
        seconds = self.security.handshake_timeout_s
        self.lose(ConnectionAbortedError(f"SSL handshake is taking longer than {seconds} seconds: it was aborted"))

    # -- reading

    def decrypt(self) -> None:
        """Give the protocol what came, record by record, until there is no more or it pauses."""
        while self.state == lifecycle.OPEN and not self.is_reading_paused:
            try:
                data = self.next_data()
                if data is None:
                    break
                if data:
                    self.give(data)
                else:
                    try:
                        self.tell_end()
                    finally:  # this end is told once, also if that is interrupted
                        self.close()
            except (SystemExit, KeyboardInterrupt):
                self.call_soon(self.read_again, self.context)
                raise
            except BaseException as error:
                self.fail(error)
                return
        if self.records.pending == 0 and self.state == lifecycle.OPEN and self.records.outgoing.pending:
            self.send_out()  # what the SSL object itself has to say: a key update, a renegotiation

    def next_data(self) -> Any:
        """Return what the protocol is given next; nothing (0 or b"") at the peer's end, None if none came."""
        buffer = None
        if self.has_own_buffer:
            if not self.records.has_data():
                return None
            buffer = self.protocol.get_buffer(-1)
            if len(buffer) == 0:
                raise RuntimeError("get_buffer() returned an empty buffer")
        try:
            return self.records.read(buffer)
        except ssl.SSLError as error:
            self.break_off(error)
            return None

    def tell_end(self) -> None:
        """Tell the protocol that the peer sends no more. TLS cannot go on half open, whatever it answers."""
        try:
            if self.protocol.eof_received():
                logger.warning("%r: eof_received() returned true, but a TLS connection ends all the same", self)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self.fail(error)

    def pause_reading(self) -> None:
        """Give nothing more to the protocol until `resume_reading`; pausing twice does nothing."""
        if self.state <= lifecycle.OPEN and not self.is_reading_paused:
            self.is_reading_paused = True
            if self.state == lifecycle.OPEN:
                self.below.pause_reading()

    def resume_reading(self) -> None:
        """Read again; what came meanwhile is given to the protocol soon."""
        if self.is_reading_paused and self.state <= lifecycle.OPEN:
            self.is_reading_paused = False
            self.call_soon(self.read_again, self.context)

    def read_again(self) -> None:
        """Give what came meanwhile, then let the stream below go on."""
        self.decrypt()
        if self.state < lifecycle.ENDING and not self.is_reading_paused:
            self.below.resume_reading()

    def is_reading(self) -> bool:
        """Return whether bytes that come are given to the protocol."""
        return not self.is_reading_paused and self.state <= lifecycle.OPEN

    # -- writing

    def write(self, data: Any) -> None:
        """Accept bytes for sending; never waits. They are encrypted and leave when the running callback returns.

        Raises TypeError for anything but bytes-like objects.
        """
        if type(data) is not bytes:
            data = stream.frozen(data)
        if self.state > lifecycle.OPEN:
            self.drop_write()
            return
        if not data:
            return
        self.records.write(data)
        if self.state != lifecycle.OPEN or self.is_below_paused:
            self.hold_above_high()
        elif self.records.pending >= MOST_UNENCRYPTED:
            self.encrypt(False)
        elif not self.is_listed:
            self.is_listed = self.loop.write_later(self)
            if not self.is_listed:
                self.encrypt(False)

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        """Accept several pieces for sending; they leave together."""
        for data in list_of_data:
            self.write(data)

    def flush(self) -> None:
        """Encrypt and hand down what the last callback wrote."""
        self.is_listed = False
        if self.state == lifecycle.OPEN:
            self.encrypt(False)

    def encrypt(self, is_last: bool) -> None:
        """Encrypt and hand down what was written: as much as the stream below takes, or all if it is the last."""
        while self.records.pending and (is_last or not self.is_below_paused):
            try:
                was_encrypted = self.records.encrypt()
            except ssl.SSLError as error:
                self.break_off(error)
                return
            self.send_out()
            if not was_encrypted or (self.records.pending and self.below.is_closing()):
                return

    def send_out(self) -> None:
        """Hand down what the SSL object has to send."""
        data = self.records.take()
        if data:
            self.below_write(data)

    def hold_above_high(self) -> None:
        """Ask the protocol to write no more for now if too much waits."""
        if not self.is_protocol_paused and self.get_write_buffer_size() > self.high:
            self.hold_protocol(True)

    def release_protocol(self) -> None:
        """Let the protocol write again if little waits; what the stream below took without a pause does not count."""
        if not self.is_protocol_paused:
            return
        if (self.records.pending == 0 and not self.is_below_paused) or self.get_write_buffer_size() <= self.low:
            self.hold_protocol(False)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the watermarks, in bytes; without `low` it is a quarter of `high`. Raises ValueError."""
        self.set_watermarks(high, low)
        if self.below is not None:
            # The stream below tells of a pause, and of its end, soon enough for these.
            self.below.set_write_buffer_limits(high=min(MOST_BELOW, self.low))
        if self.is_below_paused:
            self.hold_above_high()

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait to be encrypted or to be sent."""
        below = 0 if self.below is None else self.below.get_write_buffer_size()
        return self.records.pending + self.records.outgoing.pending + below

    def can_write_eof(self) -> bool:
        """Return False: as in asyncio, a TLS stream cannot be half closed."""
        return False

    def write_eof(self) -> None:
        """Raise NotImplementedError: close the stream instead."""
        raise NotImplementedError("a TLS stream cannot be half closed; close() sends what was written, then ends")

    # -- ending

    def is_closing(self) -> bool:
        """Return whether the stream has ended or is about to."""
        return self.state >= lifecycle.SHUTTING

    def close(self) -> None:
        """End in good order: what was written is sent, then close_notify; the peer's is awaited. Twice does nothing.

        The wait is bounded: it ends with TimeoutError when `shutdown_timeout_s` passes without progress.
        """
        if self.state < lifecycle.OPEN or self.loop.is_over:
            self.lose(None)
        elif self.state == lifecycle.OPEN:
            self.change(lifecycle.CLOSE_ASKED)
            self.await_end()
            if self.is_reading_paused:
                self.below.resume_reading()
            self.say_goodbye()

    def say_goodbye(self) -> None:
        """Send the rest and close_notify; end if the peer's has come. Called again when more came."""
        self.encrypt(True)
        if self.records.pending or self.state != lifecycle.SHUTTING:
            return
        try:
            is_answered = self.records.say_goodbye()
        except ssl.SSLError as error:
            self.break_off(error)
            return
        self.send_out()
        if is_answered:
            self.end_below(lifecycle.PEER_ENDED)

    def end_below(self, event: int) -> None:
        """Nothing is left to agree on: the stream below sends what it has and closes, within the time-out."""
        self.change(event)
        self.await_end()
        self.below.close()

    def break_off(self, error: BaseException) -> None:
        """End because of an error in TLS; the alert that tells the peer so is sent."""
        self.error = error
        self.records.forget()
        self.send_out()
        self.end_below(lifecycle.BROKEN)

    def await_end(self) -> None:
        """Give up when the end makes no progress any more."""
        self.unsent_before = self.get_write_buffer_size()
        self.start_timer(self.security.shutdown_timeout_s, self.end_is_late)

    def end_is_late(self) -> None:
        """Wait on if something was sent meanwhile, else give up."""
        if self.get_write_buffer_size() < self.unsent_before:
            self.await_end()
        else:
            self.lose(TimeoutError("SSL shutdown timed out"))

    def abort(self) -> None:
        """End at once; what the system does not take now is dropped."""
        self.flush()
        self.lose(None)

    def lose(self, error: BaseException | None) -> None:
        """End at once because of an error; the protocol is told of the first one."""
        if self.state == lifecycle.CLOSED:
            return
        self.change(lifecycle.LOST)
        if self.error is None:
            self.error = error
        self.stop_timer()
        self.records.forget()
        if self.below is not None:
            self.below.abort()

    def fail(self, error: BaseException) -> None:
        """End at once because the protocol raised; report it."""
        self.report("Fatal error: the protocol raised", error)
        self.flush()
        self.lose(error)

    def start_timer(self, delay_s: float, callback: Callable[[], object]) -> None:
        """Have `callback` called after a while, unless the timer is stopped or started again."""
        self.stop_timer()
        self.timer = self.loop.call_later(delay_s, callback, context=self.context)

    def stop_timer(self) -> None:
        """Take the timer back."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    # -- what it is

    def set_protocol(self, protocol: Any) -> None:
        """Give the bytes to another protocol from now on."""
        self.protocol = protocol
        # The bound method is looked up once, not for each record.
        self.has_own_buffer = isinstance(protocol, asyncio.BufferedProtocol)
        self.give = protocol.buffer_updated if self.has_own_buffer else protocol.data_received

    def get_protocol(self) -> Any:
        """Return the protocol."""
        return self.protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return "sslcontext", once both agreed "ssl_object", "peercert", "cipher" or "compression", else what the
        stream below knows; `default` where nothing is known.
        """
        if name == "sslcontext":
            return self.security.context
        found: Any = None
        if name in ("ssl_object", "peercert", "cipher", "compression"):
            if self.is_connected and self.state >= lifecycle.OPEN:
                found = self.records.name(name)
        elif self.below is not None:
            return self.below.get_extra_info(name, default)
        elif self.names is not None:
            found = self.names.get(name)
        return default if found is None else found

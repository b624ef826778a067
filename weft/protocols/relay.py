"""Relays: two connections, each getting what the other receives, neither faster than the other's peer reads.

Each side pauses the other's reading while more waits to be sent than its transport's high watermark, so that at most
that and one chunk wait for each direction. The end of one side's stream is passed on, and the other goes on until it
ends too.
"""

from __future__ import annotations

from weft.errors import InvalidStateError
from weft.protocols.stream import Hold, StreamProtocol


class RelayProtocol(StreamProtocol):
    """One side of a relay. It reads nothing until it has the other: `join`.

    For a port forwarder: make the outgoing connection in `connected`, with a RelayProtocol of its own, and join them.
    """

    peer: RelayProtocol | None = None
    """The other side, from `join` until one of the two connections is over."""
    _has_ended = False
    _early = b""  # what came before there was a peer

    def join(self, peer: RelayProtocol) -> None:
        """Let the bytes flow, both ways. If one of the two connections is over already, the other is closed.

        Raises InvalidStateError if one of them is joined already.
        """
        for side in (self, peer):
            if side.peer is not None:
                raise InvalidStateError(f"{side!r} is joined to {side.peer!r} already: a relay has two sides")
        if self._is_lost or peer._is_lost:
            for side in (self, peer):
                if not side._is_lost:
                    side.close()
            return
        self.peer, peer.peer = peer, self
        for side, other in ((self, peer), (peer, self)):
            early, side._early = side._early, b""
            other.transport.write(early)
            if other._is_writing_paused:
                side._hold(Hold.PEER)
            if side._has_ended and other.transport.can_write_eof():
                other.transport.write_eof()
            side._release(Hold.PAIRING)

    def data_received(self, data: bytes) -> None:
        """Pass it on; what comes before there is a peer waits, within a bound."""
        if self.peer is not None:
            self.peer.transport.write(data)
        elif self._holds & Hold.PAIRING:
            self._check_backlog(len(self._early), len(data))
            self._early += data
            self._hold_again()

    def eof_received(self) -> bool:
        """Pass the end on; the other direction goes on until it ends too, where both transports can do that."""
        self._has_ended = True
        peer = self.peer
        if self._holds & Hold.PAIRING:
            return self.transport.can_write_eof()
        if peer is None or not self.transport.can_write_eof():
            return False
        if not peer._has_ended and peer.transport.can_write_eof():
            peer.transport.write_eof()
            return True
        peer.close()
        return False

    def pause_writing(self) -> None:
        """Read nothing more from the other side: this side's peer does not take it."""
        super().pause_writing()
        if self.peer is not None:
            self.peer._hold(Hold.PEER)

    def resume_writing(self) -> None:
        """Read from the other side again."""
        super().resume_writing()
        if self.peer is not None:
            self.peer._release(Hold.PEER)

    def connection_lost(self, error: Exception | None) -> None:
        """Close the other side, once it has sent what it was given."""
        peer, self.peer = self.peer, None
        try:
            super().connection_lost(error)
        finally:
            if peer is not None:
                peer.peer = None
                peer.close()

    def _begin(self) -> None:
        self._hold(Hold.PAIRING)

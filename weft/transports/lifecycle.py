"""A stream's life: its states, what can happen in each, and where that leads.

Two rules. What was accepted for sending is sent before an orderly end; and `connection_lost` comes exactly once,
when CLOSED is reached, after the last data. The diagram in docs/streams.md is drawn from this table.
"""

from __future__ import annotations

# States. lifecycle.pxd gives the same numbers to the compiled build; tests/transports/test_lifecycle.py compares.
CONNECTING = 0
OPEN = 1
READ_CLOSED = 2
WRITE_CLOSED = 3
BOTH_CLOSED = 4
CLOSING = 5
CLOSED = 6

# What happens to a stream.
CONNECTED = 0
PEER_ENDED = 1
WRITE_ENDED = 2
CLOSE_ASKED = 3
FLUSHED = 4
LOST = 5

STATES = {
    CONNECTING: ("connecting", "nothing was sent or received yet"),
    OPEN: ("open", "bytes go both ways"),
    READ_CLOSED: ("half-closed by the peer", "nothing more comes in; the protocol chose to go on writing"),
    WRITE_CLOSED: ("half-closed by us", "nothing more is accepted for sending; bytes still come in"),
    BOTH_CLOSED: ("closed both ways", "nothing can move; it waits for close()"),
    CLOSING: ("closing", "what was accepted is being sent; what comes in is dropped"),
    CLOSED: ("closed", "over; connection_lost was called, or is about to be"),
}

EVENTS = {
    CONNECTED: "connected",
    PEER_ENDED: "peer ended, eof_received() returned true",
    WRITE_ENDED: "write_eof()",
    CLOSE_ASKED: "close(), or peer ended and eof_received() returned false",
    FLUSHED: "all sent",
    LOST: "abort(), or an error",
}

TRANSITIONS = {
    (CONNECTING, CONNECTED): OPEN,
    (OPEN, PEER_ENDED): READ_CLOSED,
    (OPEN, WRITE_ENDED): WRITE_CLOSED,
    (OPEN, CLOSE_ASKED): CLOSING,
    (READ_CLOSED, WRITE_ENDED): BOTH_CLOSED,
    (READ_CLOSED, CLOSE_ASKED): CLOSING,
    (WRITE_CLOSED, PEER_ENDED): BOTH_CLOSED,
    (WRITE_CLOSED, CLOSE_ASKED): CLOSING,
    (BOTH_CLOSED, CLOSE_ASKED): CLOSING,
    (CLOSING, FLUSHED): CLOSED,
    (CONNECTING, LOST): CLOSED,
    (OPEN, LOST): CLOSED,
    (READ_CLOSED, LOST): CLOSED,
    (WRITE_CLOSED, LOST): CLOSED,
    (BOTH_CLOSED, LOST): CLOSED,
    (CLOSING, LOST): CLOSED,
}
"""(state, what happens) -> the next state. What is not in the table does not happen: it is an error of Weft's."""

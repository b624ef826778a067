"""The life of a TLS stream: its states, what can happen in each, and where that leads.

Two rules. What was written before an orderly end is encrypted and handed down before our close_notify is; and the
protocol is told nothing before both sides agreed, nor after `connection_lost`.
"""

from __future__ import annotations

# States. tls_lifecycle.pxd gives the same numbers to the compiled build; tests/contract/test_tls.py compares.
WAITING = 0
HANDSHAKING = 1
OPEN = 2
SHUTTING = 3
ENDING = 4
CLOSED = 5

# What happens to a TLS stream.
CONNECTED = 0
AGREED = 1
CLOSE_ASKED = 2
PEER_ENDED = 3
BROKEN = 4
LOST = 5

STATES = {
    WAITING: ("waiting", "the stream below is not there yet"),
    HANDSHAKING: ("handshaking", "the two sides agree on keys; what is written waits"),
    OPEN: ("open", "bytes go both ways"),
    SHUTTING: ("shutting down", "our close_notify follows what was written; what comes before the peer's is dropped"),
    ENDING: ("ending", "nothing more to agree on; the stream below sends the rest and closes"),
    CLOSED: ("closed", "over; connection_lost was called, or is about to be"),
}

EVENTS = {
    CONNECTED: "the stream below is connected",
    AGREED: "the handshake is done",
    CLOSE_ASKED: "close(), or the peer's close_notify",
    PEER_ENDED: "close_notify came back, or the stream below came to its end",
    BROKEN: "the handshake failed, or what came is not TLS; the peer is sent an alert",
    LOST: "abort(), a time-out, or the stream below was lost",
}

TRANSITIONS = {
    (WAITING, CONNECTED): HANDSHAKING,
    (HANDSHAKING, AGREED): OPEN,
    (HANDSHAKING, BROKEN): ENDING,
    (OPEN, CLOSE_ASKED): SHUTTING,
    (OPEN, PEER_ENDED): ENDING,
    (OPEN, BROKEN): ENDING,
    (SHUTTING, PEER_ENDED): ENDING,
    (SHUTTING, BROKEN): ENDING,
    (WAITING, LOST): CLOSED,
    (HANDSHAKING, LOST): CLOSED,
    (OPEN, LOST): CLOSED,
    (SHUTTING, LOST): CLOSED,
    (ENDING, LOST): CLOSED,
}
"""(state, what happens) -> the next state. What is not in the table does not happen: it is an error of Weft's."""

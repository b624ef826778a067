cdef enum:
    CONNECTING = 0
    OPEN = 1
    READ_CLOSED = 2
    WRITE_CLOSED = 3
    BOTH_CLOSED = 4
    CLOSING = 5
    CLOSED = 6
    CONNECTED = 0
    PEER_ENDED = 1
    WRITE_ENDED = 2
    CLOSE_ASKED = 3
    FLUSHED = 4
    LOST = 5

cdef enum:
    WAITING = 0
    HANDSHAKING = 1
    OPEN = 2
    SHUTTING = 3
    ENDING = 4
    CLOSED = 5
    CONNECTED = 0
    AGREED = 1
    CLOSE_ASKED = 2
    PEER_ENDED = 3
    BROKEN = 4
    LOST = 5

cdef enum:
    NEW = 0
    WAITING = 1
    WOKEN = 2
    CANCELLED = 3
    HANDED_ON = 4
    OVER = 5
    LINE = 0
    UNTIL = 1
    NEXT = 2
    EXACTLY = 3
    SOME = 4

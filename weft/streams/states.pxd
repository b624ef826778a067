cdef enum:
    NEW = 0
    WAITING = 1
    HANDED_ON = 2
    OVER = 3
    LINE = 0
    UNTIL = 1
    NEXT = 2
    EXACTLY = 3
    SOME = 4

from weft.streams cimport states


cdef class Awaited:
    cdef int state
    cdef object inner

    cdef step(self)
    cdef method(self)
    cdef coroutine(self)
    cdef int finish(self) except -1
    cdef warn(self)
    cdef hand_on(self)

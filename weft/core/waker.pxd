from weft.core cimport _os
from weft.core.loop cimport Core
from weft.ports cimport Source

cdef class Waker(Source):
    cdef Core loop
    cdef object on_signal
    cdef bint is_awake, watches_signals
    cdef int inner, outer, wakeup_before
    cdef int wake(self) except -1
    cpdef ready(self, unsigned int events)
    cpdef fail(self, error)

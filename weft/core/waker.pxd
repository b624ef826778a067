from weft.core cimport _os
from weft.core.loop cimport Core
from weft.ports cimport Source

cdef class Waker(Source):
    cdef Core loop
    cdef object on_signal
    cdef bint is_awake
    cdef int inner, outer
    cdef int wake(self) except -1
    cpdef ready(self, unsigned int events)
    cpdef fail(self, error)

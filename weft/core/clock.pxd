from weft.core cimport _os
from weft.ports cimport Clock

cdef class MonotonicClock(Clock):
    cpdef long long now_ns(self) except? -1

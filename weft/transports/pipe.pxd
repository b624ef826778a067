cimport cython
from weft.core cimport _os
from weft.core.loop cimport Core
from weft.ports cimport Channel, Source
from weft.transports cimport lifecycle
from weft.transports.stream cimport Stream

cdef class ReadPipe(Stream):
    cdef dict __dict__
    cdef bint reads_on
    cdef int change(self, int event) except -1
    cpdef ready(self, unsigned int events)
    cdef peer_ended(self)
    cpdef interrupted(self)
    cdef refuse_write(self)

cdef class WritePipe(Stream):
    cdef dict __dict__
    cdef int change(self, int event) except -1
    @cython.locals(interest=cython.uint)
    cdef int watch(self) except -1
    cdef int watch_for(self, unsigned int interest) except -1
    cpdef ready(self, unsigned int events)

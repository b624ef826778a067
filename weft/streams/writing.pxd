cimport cython
from weft.ports cimport StreamTransport
from weft.streams.awaited cimport Awaited
from weft.streams cimport _stepping, states
from weft.streams.reading cimport ProtocolBase, ReaderBase

cdef class Drain(Awaited)

cdef class WriterBase:
    cdef object transport_asked
    cdef StreamTransport stream
    cdef ProtocolBase protocol
    cdef ReaderBase reader
    cdef Drain spare

    cpdef write(self, data)
    cdef bint is_clear(self) except -1

cdef class Drain(Awaited):
    cdef WriterBase writer

    @cython.locals(state=cython.int)
    cdef step(self)
    cdef int finish(self) except -1
    cdef method(self)
    cdef coroutine(self)

@cython.locals(drain=Drain)
cdef Drain make_drain(WriterBase writer)

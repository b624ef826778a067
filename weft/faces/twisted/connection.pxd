cimport cython
from weft.core cimport _os
from weft.core.handle cimport make_handle
from weft.core.loop cimport Core
from weft.ports cimport Channel, Observer
from weft.transports cimport lifecycle
from weft.transports.stream cimport Stream

cdef Py_ssize_t BUFFER_SIZE

cdef class LogStack:
    cdef public list contexts
    cdef int enter(self, owner) except -1
    cdef int leave(self) except -1

@cython.freelist(64)
cdef class LogOrigin:
    cdef object owner

cdef class TwistedStream(Stream):
    cdef public object reactor, producer, socket
    cdef public object client, server, connector  # whom a connection comes from, or who made it
    cdef public long long sessionno
    cdef public bint streamingProducer, producerPaused, disconnecting
    cdef LogStack log_stack
    cdef bint ends_writing, watches_drain, resumes_soon
    cdef readonly bint is_over
    cdef public Py_ssize_t bufferSize

    cpdef greet(self)
    cdef peer_ended(self)
    cpdef fail(self, error)
    cdef finish_soon(self, error)
    @cython.locals(observer=Observer)
    cpdef finish(self, error)
    cdef stop_producer(self)
    cdef refuse_write(self)
    cpdef write(self, data)
    cdef pause_producer(self)
    cpdef flush(self)
    cdef drained(self)
    cdef hold_protocol(self, bint is_held)
    cdef flush_later(self)

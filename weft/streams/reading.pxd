cimport cython
from weft.core.handle cimport make_handle
from weft.core.loop cimport Core
from weft.streams.awaited cimport Awaited
from weft.protocols cimport _bytes
from weft.streams cimport _stepping, states

cdef tuple METHODS
cdef type BUILTIN
cdef bytes NEWLINE
cdef long long MOST

cdef class Read(Awaited)

cdef class ReaderBase:
    cdef Core core
    cdef bytes chunk
    cdef Py_ssize_t start, limit
    cdef bytearray buffer
    cdef object asked_limit
    cdef public bint _eof, _paused
    cdef Read spare
    cdef object spare_future, wakeup, context
    cdef public object _waiter, _exception, _transport, _loop

    cdef int forget_chunk(self) except -1
    cdef Py_ssize_t size(self) except -1
    cdef feed(self, data)
    @cython.locals(core=Core)
    cdef wake(self, waiter)
    cdef pause(self)
    cdef resume(self)
    @cython.locals(size=Py_ssize_t, count=Py_ssize_t)
    cdef bytes take(self, Read read)
    @cython.locals(place=Py_ssize_t)
    cdef Py_ssize_t find(self, bytes separator, Py_ssize_t searched) except -2
    @cython.locals(end=Py_ssize_t, size=Py_ssize_t, data=bytes)
    cdef bytes cut(self, Py_ssize_t count)
    cdef bint can_wait(self, Read read) except -1
    cdef object wait(self)

cdef class Read(Awaited):
    cdef ReaderBase reader
    cdef int kind
    cdef object argument
    cdef bytes separator
    cdef Py_ssize_t count, searched
    cdef object future

    @cython.locals(reader=ReaderBase, data=bytes, state=cython.int)
    cdef step(self)
    @cython.locals(reader=ReaderBase)
    cdef hand_on_despite(self, error)
    cdef int leave(self) except -1
    cdef method(self)
    cdef coroutine(self)
    @cython.locals(reader=ReaderBase)
    cdef int finish(self) except -1

@cython.locals(read=Read)
cdef Read make_read(ReaderBase reader, int kind, argument)

cdef class ProtocolBase:
    cdef ReaderBase reader
    cdef public bint _paused, _connection_lost


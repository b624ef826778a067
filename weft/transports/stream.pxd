cimport cython
from weft.core cimport _os
from weft.core.handle cimport make_handle
from weft.core.loop cimport Core
from weft.ports cimport Channel, Observer, StreamTransport
from weft.transports cimport lifecycle

cdef int OPEN, READ_CLOSED, WRITE_CLOSED
cdef unsigned int READ, BROKEN, ENDED, READABLE, WRITABLE
cdef Py_ssize_t LEAST_READ, MOST_READ, HIGH_WATER, MOST_JOINED, SMALL_PIECE
cdef int READS_AN_EVENT, SMALL_READS, PIECES, WARN_AFTER

cdef class Stream(StreamTransport):
    cdef object __weakref__
    cdef Core loop
    cdef Channel channel
    cdef public object protocol
    cdef object data_received, listener
    cdef readonly object context
    cdef object first
    cdef object others
    cdef object borrower
    cdef _os.Outbox outbox
    cdef readonly long long number
    cdef Py_ssize_t pending, high, low
    # From here on less than a word each, since a server has many idle streams: with these fields it is 176 bytes, a
    # size that Python's allocator has (its sizes are 16 apart).
    cdef unsigned int interest
    cdef unsigned int read_size                          # at most MOST_READ
    cdef unsigned char small_reads, dropped_writes       # at most SMALL_READS and WARN_AFTER
    cdef readonly unsigned char state                    # one of lifecycle.pxd's seven
    cdef _os.flag is_reading_paused, is_blocked, is_receiving
    cdef readonly _os.flag is_protocol_paused

    cpdef greet(self)
    cdef int change(self, int event) except -1
    @cython.locals(interest=cython.uint)
    cdef int watch(self) except -1
    @cython.locals(left=cython.int, size=Py_ssize_t, filled=cython.int, data=bytes)
    cpdef ready(self, unsigned int events)
    cdef int read_again(self, unsigned int events) except -1
    cdef int note_full(self) except -1
    cdef int note_small(self) except -1
    @cython.locals(observer=Observer)
    cdef receive_observed(self, data, Py_ssize_t count)
    @cython.locals(count=Py_ssize_t, size=Py_ssize_t)
    cdef int read_into_buffer(self) except -2
    cdef peer_ended(self)
    @cython.locals(size=Py_ssize_t)
    cpdef write(self, data)
    cpdef bint takes_pairs(self) except -1
    @cython.locals(size=Py_ssize_t)
    cpdef write_pair(self, bytes first, bytes second)
    @cython.locals(after=Py_ssize_t)
    cdef bint use_outbox(self, Py_ssize_t size) except -1
    @cython.locals(is_first=cython.bint)
    cdef int note_written(self, Py_ssize_t size) except -1
    cdef int leave_outbox(self) except -1
    cdef refuse_write(self)
    @cython.locals(sent=Py_ssize_t, offered=Py_ssize_t)
    cpdef flush(self)
    cdef bint join_others(self) except -1
    cdef int drop(self, Py_ssize_t sent) except -1
    cdef int wait_writable(self) except -1
    cdef all_sent(self)
    cdef hold_protocol(self, bint is_held)
    cpdef Py_ssize_t get_write_buffer_size(self) except -1
    cdef shut_down(self)
    cpdef bint is_closing(self) except -1
    cpdef close(self)
    cpdef abort(self)
    cdef send_now(self)
    cpdef lose(self, error)
    cpdef fail(self, error)
    cpdef interrupted(self)
    @cython.locals(was_started=cython.bint)
    cdef end(self, int event, error)
    cdef finish_soon(self, error)
    @cython.locals(observer=Observer)
    cpdef finish(self, error)
    cdef int report(self, str message, error) except -1

cdef bytes frozen(data)
cdef unbound(protocol)

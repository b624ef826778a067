cimport cython
from weft.core cimport _os
from weft.core._os cimport FdDatagramChannel
from weft.core.handle cimport make_handle
from weft.core.loop cimport Core
from weft.ports cimport DatagramChannel, Observer, Source
from weft.transports cimport lifecycle

cdef int DATAGRAMS_AN_EVENT, WARN_AFTER
cdef Py_ssize_t HIGH_WATER, OVERHEAD
cdef double RETRY_S

cdef class SocketDatagramChannel(FdDatagramChannel):
    cdef object _sockname, _peername, _shown
    cpdef close(self)
    cpdef name(self, str which)

cdef class DatagramEndpoint(Source):
    cdef object __weakref__
    cdef Core loop
    cdef DatagramChannel channel
    cdef public object protocol
    cdef object datagram_received, context, remote, retry
    cdef int fd, dropped_writes
    cdef readonly int state
    cdef readonly long long number
    cdef unsigned int interest
    cdef object queue
    cdef Py_ssize_t pending, high, low
    cdef bint is_reading_paused, is_blocked, is_protocol_paused, goes_on

    cdef open(self)
    cdef int change(self, int event) except -1
    @cython.locals(interest=cython.uint)
    cdef int watch(self) except -1
    cpdef ready(self, unsigned int events)
    @cython.locals(left=cython.int, tries=cython.int)
    cdef receive(self, unsigned int events)
    cdef deliver(self, data)
    @cython.locals(observer=Observer)
    cdef deliver_observed(self, data)
    cdef hand_over(self, data)
    cpdef pause_reading(self)
    cpdef resume_reading(self)
    cpdef bint is_reading(self) except -1
    cdef int go_on(self) except -1
    cpdef sendto(self, data, addr=*)
    cdef send_behind(self, data, target)
    cdef int try_send(self, data, target) except -1
    cdef int send_now(self, data, target) except -1
    cdef refuse_send(self)
    cpdef send_queued(self)
    cdef int wait_for_room(self) except -1
    cdef all_sent(self)
    cdef hold_protocol(self, bint is_held)
    cpdef tell_error(self, error)
    cpdef close(self)
    cpdef abort(self)
    cpdef lose(self, error)
    cpdef fail(self, error)
    @cython.locals(was_started=cython.bint)
    cdef end(self, int event, error)
    @cython.locals(observer=Observer)
    cpdef finish(self, error)
    cdef int report(self, str message, error) except -1

from libc.stdint cimport int32_t, uint32_t, uint64_t
from weft.core._os cimport FdChannel
from weft.core.epoll cimport EpollPoller
from weft.ports cimport Channel, Poller, Source

cdef extern from "uring.h":
    ctypedef struct weft_uring:
        unsigned buffer_size
    ctypedef struct weft_completion:
        uint64_t user_data
        int32_t result
        uint32_t flags

cdef class UringPoller(Poller):
    cdef weft_uring *ring
    cdef unsigned requests, completions, buffers, buffer_bytes
    cdef EpollPoller others
    cdef bint others_are_watched, others_may_have_more
    cdef int others_count
    cdef dict channels
    cdef set armed
    cdef list changed, told, returned
    cdef int open(self) except -1
    cdef int move(self) except -1
    cdef int let_go(self) except -1
    cdef int hand_over(self) except -1
    cdef bint ask(self, UringChannel channel) except -1
    cdef int enter(self, unsigned least, long long timeout_ns) except 1
    cdef int look(self) except -1
    cdef int take_in(self) except -1
    cdef int complete(self, UringChannel channel, int result, unsigned flags) except -1
    cdef int tell(self, UringChannel channel, unsigned events) except -1
    cdef int review(self, UringChannel channel) except -1
    cdef int watch_readiness(self, UringChannel channel) except -1

cdef class UringChannel(FdChannel):
    cdef UringPoller poller
    cdef Channel below
    cdef Source source     # who is told; None while it is not watched
    cdef unsigned interest, events
    cdef bytes data        # what came and was not taken, from `start` on; then `more`
    cdef list more
    cdef Py_ssize_t start
    cdef int error
    cdef bint is_ended
    cdef bint is_armed, is_cancelling   # its receive stands in the system, and is being ended
    cdef bint is_listed    # among the poller's `changed`
    cdef bint is_told      # among the poller's `told`
    cdef bint is_paused    # the stream takes nothing for now
    cdef bint is_held      # what came was not taken: receive no more until it is
    cdef bint fills        # it filled a buffer: to be read by readiness
    cdef bint is_direct    # and it is
    cdef bint in_others    # epoll watches it: for room to write, or to be read by readiness
    cdef bint reads(self)
    cdef bint wants_bytes(self)
    cdef int put(self, bytes data) except -1
    cdef bytes take(self, Py_ssize_t size)
    cdef object nothing(self)

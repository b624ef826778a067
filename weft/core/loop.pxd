cimport cython
from weft.core cimport _os
from weft.core.handle cimport Handle, make_handle
from weft.core.ready cimport ReadyQueue
from weft.core.timers cimport TimerHandle, TimerHeap, make_timer
from weft.ports cimport Clock, Observer, Poller, Source

cdef long long FOREVER_NS
cdef long long POLL_WITHIN_NS
cdef int MOST_UNPOLLED, SPINNING

cdef class Core:
    cdef readonly Poller poller
    cdef readonly Clock clock
    cdef readonly long long busy_poll_ns
    cdef TimerHeap timers
    cdef readonly ReadyQueue ready
    cdef readonly object inbox
    cdef Source unflushed
    cdef list others_unflushed
    cdef _os.Outbox outbox
    cdef tuple with_done
    cdef int event_index, event_count, empty_polls, turns_unpolled
    cdef long long poll_due_ns
    cdef long long connections_made
    cdef public bint is_stopping
    cdef readonly bint is_over
    cdef bint in_turn
    cdef public bint is_debugging
    cdef public bint inbox_is_filled
    cdef readonly Handle running_call
    cdef public Observer observer

    cdef int push(self, Handle handle) except -1
    cdef int take_inbox(self) except -1
    cdef int push_timer(self, TimerHandle timer) except -1
    cdef bint write_later(self, Source source) except -1
    @cython.locals(source=Source)
    cdef Source next_unflushed(self)
    @cython.locals(outbox=_os.Outbox)
    cdef _os.Outbox take_outbox(self)
    cdef long long next_connection_number(self)
    @cython.locals(first=Py_ssize_t, due=Py_ssize_t, behind=Py_ssize_t, of_events=Py_ssize_t)
    cdef int first_turn(self) except -1
    cdef int turn(self) except -1
    @cython.locals(now=cython.longlong)
    cdef bint is_to_poll(self) except -1
    @cython.locals(timeout_ns=cython.longlong, observer=Observer, is_empty=cython.bint)
    cdef int wait(self) except -1
    @cython.locals(
        spent_ns=cython.longlong, begin_ns=cython.longlong, before_ns=cython.longlong, count=cython.int
    )
    cdef int wait_busily(self, long long timeout_ns) except -1
    @cython.locals(left=cython.longlong, soonest=TimerHandle)
    cdef long long timeout_ns(self) except? -2
    @cython.locals(
        index=cython.int, count=cython.int, is_debugging=cython.bint, source=Source, poller=Poller
    )
    cdef int dispatch(self) except -1
    @cython.locals(timers=TimerHeap, timer=TimerHandle, now=cython.longlong)
    cdef move_due(self)
    @cython.locals(ready=ReadyQueue, handle=Handle)
    cdef int run_ready(self, Py_ssize_t left) except -1
    @cython.locals(observer=Observer)
    cdef run_observed(self, Handle handle)
    @cython.locals(begin_ns=cython.longlong)
    cdef run_timed(self, Handle handle)
    @cython.locals(begin_ns=cython.longlong)
    cdef ready_timed(self, Source source, int events)
    @cython.locals(source=Source)
    cdef int flush(self) except -1
    cdef int report_call(self, Handle handle, error) except -1
    cpdef report(self, dict context)

@cython.locals(ns=cython.double)
cdef long long to_ns(double seconds) except? -1

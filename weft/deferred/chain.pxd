cimport cython
from weft.core cimport _os
from weft.deferred.alarm cimport Alarm, origin_here
from weft.deferred.failure cimport Failure, caught

cdef int MOST_SLOTS
cdef str GIVES
cdef object SAME, RETURNED

cdef class Waiter:
    cdef bint keeps_result
    cdef Chain _receive(self, object result)
    cdef _give_way(self, Chain deferred)
    cdef _give_up(self, Failure failure)

@cython.final
cdef class Call:
    cdef object function
    cdef tuple arguments
    cdef dict keywords

cdef class Chain:
    cdef object __weakref__
    cdef object outcome
    cdef list chain_slots
    cdef object canceller
    cdef object origin
    cdef Alarm alarm
    cdef Py_ssize_t index
    cdef int pauses, weight, cancellation
    cdef long long forgotten
    cdef bint is_called, is_running, is_awaited, keeps_result

    @cython.locals(chain=list)
    cdef int _put(self, object left, object right) except -1
    cdef _append(self, object left, object right)
    cdef bint _is_at_rest(self) except -1
    cpdef _resolve(self, Chain inner)
    cdef bint _begin(self, object result) except -1
    @cython.locals(current=Chain, following=Chain, below=list, checks_pauses=cython.bint)
    cdef _run(self)
    @cython.locals(chain=list, index=Py_ssize_t, side=Py_ssize_t, following=Chain, waiter=Waiter, call=Call)
    cdef Chain _advance(self)
    cdef _give(self, Chain waiting)
    cdef bint _take_from(self, Chain inner) except -1
    @cython.locals(chain=list, weight=cython.int, slot=Py_ssize_t)
    cdef _note_inner(self, Chain inner, Py_ssize_t ran_to)
    cdef _return(self)
    cdef _clear(self)
    cdef _settle(self)
    @cython.locals(chain=list, count=Py_ssize_t)
    cdef _forget(self)

@cython.locals(current=Chain)
cdef Chain unwound(list below)
cpdef step_of(object callback, tuple arguments, dict keywords)
@cython.locals(call=Call)
cdef key_of(object step)

cimport cython
from weft.deferred cimport _returned
from weft.deferred.alarm cimport Alarm
from weft.deferred.chain cimport Chain, Waiter
from weft.deferred.failure cimport Failure

@cython.final
cdef class Awaiting(Waiter):
    cdef Chain deferred
    cdef object result_value
    cdef Alarm alarm
    cdef list wakes
    cdef Waiter driver
    cdef bint is_pending, is_done, is_blocking

@cython.locals(awaiting=Awaiting, is_there=cython.bint)
cpdef awaiting_of(Chain deferred)

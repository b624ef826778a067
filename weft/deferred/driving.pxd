cimport cython
from weft.deferred.awaiting cimport Awaiting
from weft.deferred.chain cimport Chain, Waiter
from weft.deferred.deferred cimport Deferred
from weft.deferred.failure cimport Failure, caught

@cython.final
cdef class Drive(Waiter):
    cdef object routine
    cdef object send
    cdef object run_within
    cdef Chain deferred
    cdef object waits_for
    cdef object arrived
    cdef bint is_coroutine, is_stepping, has_arrived

    @cython.locals(chain=Chain, awaiting=Awaiting, failure=Failure)
    cdef Chain _proceed(self, object result)
    @cython.locals(deferred=Chain)
    cdef Chain _end(self, object result)
    @cython.locals(following=Chain)
    cpdef start(self)

@cython.locals(run=Drive)
cpdef drive(object routine)

cimport cython
from weft.core cimport _os
from weft.core.loop cimport Core
from weft.core.timers cimport TimerHandle

cdef long long FAR_NS

cdef class DelayedCall(TimerHandle):
    cdef readonly Core owner
    cdef readonly object func, kw, seconds, creator
    cdef readonly bint called
    cdef readonly double time
    cdef int check_active(self) except -1
    cdef int move(self, double moment) except -1
    cdef str made_here(self)
    cdef str written_arguments(self)

cdef class ThreadCalls:
    cdef object loop
    cdef bint is_making_one
    cdef Py_ssize_t waiting

cdef class ThreadCall:
    cdef readonly object __wrapped__
    cdef ThreadCalls calls
    cdef object kw
    cdef bint is_to_wait, has_waited

@cython.locals(call=DelayedCall)
cpdef DelayedCall make_call(
    Core core, double delay_s, object function, tuple args, object kw, object seconds, object creator
)

cdef long long wait_ns(double seconds)

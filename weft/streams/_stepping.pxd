from weft.streams cimport states
from weft.streams.awaited cimport Awaited

cdef extern from "awaited.h":
    ctypedef object (*stepper "weft_step")(object self, int *is_over)
    int weft_step_by(type kind, stepper step)
    bint is_only "weft_is_only"(object call)

cdef inline object take_step(object self, int *is_over):
    cdef object result = (<Awaited> self).step()
    is_over[0] = (<Awaited> self).state == states.OVER
    return result

cdef inline int install(type kind) except -1:
    return weft_step_by(kind, take_step)

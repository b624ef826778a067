cimport cython
from weft.core cimport _os

cdef class Handle:
    cdef object __weakref__
    cdef readonly object callback
    cdef readonly tuple arguments
    cdef readonly object context
    cdef readonly bint is_cancelled
    cdef public object origin

@cython.locals(handle=Handle)
cpdef Handle make_handle(object callback, tuple arguments, object context)

cimport cython

@cython.final
cdef class Failure:
    cdef object __weakref__
    cdef readonly object value
    cdef readonly object traceback

@cython.locals(failure=Failure)
cpdef Failure caught(object error)

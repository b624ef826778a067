cimport cython

@cython.final
cdef class Alarm:
    cdef object failure
    cdef object origin

@cython.final
cdef class Switch:
    cdef bint is_on

cdef Switch SWITCH

cpdef origin_here()

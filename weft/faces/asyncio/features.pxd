cdef class Later:
    cdef object owner, home, name
    cpdef load(self)

cdef class Records:
    cdef readonly object connection
    cdef void *ssl
    cdef void *incoming
    cdef void *outgoing
    cdef int explain(self, int result) except -1

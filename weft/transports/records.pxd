cimport cython

cdef Py_ssize_t RECORD, MOST_FED

@cython.final
cdef class Records:
    cdef object incoming, outgoing, ssl_object, ssl_read, ssl_write
    cdef object unfed, first, others
    cdef Py_ssize_t pending
    cdef bint has_rest

    cdef int receive(self, data) except -1
    cdef bint feed(self) except -1
    cdef bint shake_hands(self) except -1
    cdef bint has_data(self) except -1
    @cython.locals(waiting=Py_ssize_t, size=Py_ssize_t, count=Py_ssize_t)
    cdef read(self, buffer)
    cdef discard(self)
    cdef write(self, bytes data)
    @cython.locals(written=Py_ssize_t)
    cdef bint encrypt(self) except -1
    @cython.locals(size=Py_ssize_t)
    cdef next_record(self)
    cdef bytes take(self)
    cdef bint say_goodbye(self) except -1
    cdef forget(self)
    cdef name(self, str which)

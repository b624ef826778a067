cimport cython
from weft.protocols.scanning cimport Scanner

@cython.final
cdef class Delivery:
    cdef object protocol, transport, is_closing, receive, receive_raw
    cdef readonly Scanner scanner
    cdef public bint is_held, is_resuming, is_writing_paused
    cdef readonly bint is_delivering, is_raw
    cdef readonly Py_ssize_t raw_left

    cpdef take_data(self, data)
    cpdef deliver(self)
    cdef bint deliver_some(self) except -1
    cdef bint deliver_raw(self) except -1
    cdef bint deliver_one(self, receive, message) except -1
    cpdef set_raw(self, bint is_raw, Py_ssize_t length)
    cpdef bint is_busy(self) except -1
    cpdef forget(self)

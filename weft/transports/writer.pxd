from weft.core.handle cimport make_handle
from weft.core.loop cimport Core
from weft.ports cimport Source

cdef int WARN_AFTER

cdef class Writer(Source):
    cdef Core loop
    cdef object protocol
    cdef Py_ssize_t default_high, high, low
    cdef int dropped_writes
    cdef readonly bint is_protocol_paused

    cdef hold_protocol(self, bint is_held)
    cdef set_watermarks(self, high, low)
    cdef drop_write(self)
    cdef int call_soon(self, callback, context) except -1
    cdef int report(self, str message, error) except -1

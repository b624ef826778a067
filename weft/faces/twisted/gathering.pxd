from weft.core.handle cimport make_handle
from weft.core.loop cimport Core
from weft.ports cimport Source

cdef Py_ssize_t MOST_GATHERED

cdef class Gatherer(Source):
    cdef Core loop
    cdef object sink
    cdef list pieces
    cdef Py_ssize_t size
    cpdef flush(self)
    cpdef fail(self, error)

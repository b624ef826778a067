cimport cython
from weft.core cimport _os
from weft.core.handle cimport Handle

cdef int SHORT, LONG

@cython.final
cdef class ReadyQueue:
    cdef list ring
    cdef readonly Py_ssize_t head, count

    cdef int push(self, Handle handle) except -1
    @cython.locals(handle=Handle)
    cdef Handle pop(self)
    cdef int put_behind(self, Py_ssize_t count) except -1
    cdef list calls(self)
    cdef int grow(self) except -1
    @cython.locals(left=list, handle=Handle)
    cdef int trim(self) except -1
    cdef int clear(self) except -1

from weft.core cimport _os
from weft.ports cimport Channel

cdef class SocketChannel(Channel):
    cdef readonly object sock
    cdef int fd
    cdef object _peername
    cpdef int fileno(self) except? -1
    cpdef recv(self, Py_ssize_t size)
    cpdef Py_ssize_t recv_into(self, buffer) except? -2
    cpdef Py_ssize_t send(self, data) except? -2
    cpdef Py_ssize_t send_many(self, list chunks) except? -2
    cpdef shutdown(self)
    cpdef close(self)
    cpdef name(self, str which)

cimport cython
from weft.core cimport _os
from weft.faces.twisted.connection cimport LogStack, TwistedStream
from weft.transports cimport lifecycle
from weft.transports.channel cimport SocketChannel

cdef Py_ssize_t MOST_WAITING

cdef class RightsChannel(SocketChannel):
    cdef public list came, leaving
    cpdef recv(self, Py_ssize_t size)
    @cython.locals(index=Py_ssize_t)
    cpdef Py_ssize_t send(self, data) except? -2
    cpdef Py_ssize_t send_many(self, list chunks) except? -2

cdef class RightsStream(TwistedStream):
    cdef RightsChannel rights
    cdef bint in_write

    cdef take_rights(self)
    cpdef write(self, data)
    cpdef flush(self)

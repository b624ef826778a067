from weft.core cimport _os
from weft.core._os cimport FdChannel

cdef class SocketChannel(FdChannel):
    cdef bint is_adopted
    cdef object _sock, _peername, _sockname, _shown
    cpdef shutdown(self)
    cpdef close(self)
    cpdef name(self, str which)

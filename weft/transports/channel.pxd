from weft.core cimport _os
from weft.core._os cimport FdChannel

cdef class SocketChannel(FdChannel):
    cdef readonly object sock
    cdef object _peername, _sockname, _shown
    cpdef shutdown(self)
    cpdef close(self)
    cpdef name(self, str which)

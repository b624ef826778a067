from weft.core cimport _os
from weft.core._os cimport FdChannel

cdef class SocketChannel(FdChannel):
    # An IPv4 address and a port are 32 and 16 bits (ip(7)); with the two flags they take eight bytes together.
    cdef unsigned int _host
    cdef unsigned short _port
    cdef _os.flag is_adopted, is_packed
    cdef object _sock, _shown, _names
    cdef keep_peername(self, address)
    cdef peername(self)
    cpdef borrowed(self)
    cpdef shutdown(self)
    cpdef close(self)
    cpdef name(self, str which)
    cdef show(self)
    cdef shown(self)

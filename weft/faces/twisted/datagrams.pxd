cimport cython
from weft.core cimport _os
from weft.core.loop cimport Core
from weft.faces.twisted.connection cimport LogStack
from weft.ports cimport Observer
from weft.transports cimport lifecycle
from weft.transports.datagram cimport DatagramEndpoint, SocketDatagramChannel

cdef int OPEN
cdef Py_ssize_t HOSTS

cdef class TwistedDatagrams(DatagramEndpoint):
    cdef public object reactor, socket, connected_address
    cdef public Py_ssize_t maxPacketSize
    cdef public int addressFamily
    cdef public bint disconnecting
    cdef LogStack log_stack
    cdef set hosts
    cdef public bint tells_sender
    cdef readonly bint is_over

    @cython.locals(observer=Observer)
    cpdef finish(self, error)
    cdef give_back(self)
    cdef all_sent(self)
    cdef hand_over(self, data)
    cpdef tell_error(self, error)
    cdef int report(self, str message, error) except -1
    cdef check_host(self, host)
    cdef transmit(self, data, target)
    cdef int try_send(self, data, target) except -1
    cdef hold_protocol(self, bint is_held)

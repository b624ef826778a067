cimport cython
from weft.ports cimport StreamTransport
from weft.protocols.scanning cimport LineScanner, Scanner

cdef class Exchange:
    cdef object _transport, _advance, _encode, _receive, _receive_raw
    cdef StreamTransport _stream
    cdef readonly Scanner _parser
    cdef public int _holds
    cdef public bint _is_resuming, _is_writing_paused
    cdef readonly bint _is_delivering, _is_raw
    cdef readonly Py_ssize_t _raw_left

    cpdef send_message(self, message)
    cdef _send(self, message)
    cdef _refuse_to_send(self)
    cpdef data_received(self, data)
    cdef _give_out(self)
    @cython.locals(parser=Scanner, stream=StreamTransport)
    cdef bint _give_some(self) except -1
    cdef bint _give_raw(self) except -1
    @cython.locals(stream=StreamTransport, unsent=Py_ssize_t)
    cdef bint _give_one(self, receive, message) except -1
    cpdef _set_raw(self, bint is_raw, Py_ssize_t length)

cdef class LineExchange(Exchange):
    cdef LineScanner _lines

    @cython.locals(stream=StreamTransport, lines=LineScanner)
    cpdef send_line(self, line)

cdef class StringExchange(Exchange):
    cpdef send_string(self, string)

cdef class ForeignTransport(StreamTransport):
    cdef object transport, write_below, is_closing_below

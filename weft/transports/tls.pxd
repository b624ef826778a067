cimport cython
from weft.transports cimport stream
from weft.transports cimport tls_lifecycle as lifecycle
from weft.transports.records cimport Records
from weft.transports.writer cimport Writer

cdef Py_ssize_t HIGH_WATER, MOST_BELOW, MOST_UNENCRYPTED

cdef class TLSStream(Writer):
    cdef object __weakref__
    cdef readonly object context
    cdef object security, done, give
    cdef object below, below_write, error, timer
    cdef dict names
    cdef Records records
    cdef readonly int state
    cdef Py_ssize_t unsent_before
    cdef bint has_own_buffer, is_connected, is_listed
    cdef bint is_reading_paused, is_below_paused

    cdef int change(self, int event) except -1
    cpdef data_received(self, data)
    cpdef pause_writing(self)
    cpdef resume_writing(self)
    cdef let_go(self)
    @cython.locals(is_done=cython.bint)
    cdef handshake(self)
    cdef begin(self)
    cdef decrypt(self)
    cdef next_data(self)
    cdef tell_end(self)
    cpdef write(self, data)
    cpdef flush(self)
    @cython.locals(was_encrypted=cython.bint)
    cdef encrypt(self, bint is_last)
    cdef send_out(self)
    cdef hold_above_high(self)
    cdef release_protocol(self)
    cpdef Py_ssize_t get_write_buffer_size(self) except -1
    cpdef close(self)
    @cython.locals(is_answered=cython.bint)
    cdef say_goodbye(self)
    cdef end_below(self, int event)
    cdef break_off(self, error)
    cdef await_end(self)
    cpdef abort(self)
    cpdef lose(self, error)
    cpdef fail(self, error)
    cdef start_timer(self, delay_s, callback)
    cdef stop_timer(self)

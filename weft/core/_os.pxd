from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from weft.ports cimport Channel, Clock, DatagramChannel, Poller, Source

cpdef enum:
    READ = 0x001
    WRITE = 0x004
    ERROR = 0x008
    HANGUP = 0x010
    PEER_CLOSED = 0x2000

cdef enum:
    EDGE = 0x80000000
    OUTBOX_BYTES = 65536

cdef extern from *:
    ctypedef bint flag "_Bool"   # a truth value of one byte, where `bint` takes four

cdef extern from "glue.h" nogil:
    ctypedef union epoll_data_t:
        uint64_t u64
        int fd
    struct epoll_event:
        uint32_t events
        epoll_data_t data

cdef extern from "glue.h":
    long long monotonic_ns "weft_monotonic_ns"() nogil
    object copy_context "PyContext_CopyCurrent"()
    int call_one "weft_call_one"(object context, object callback, object argument) except -1
    int call_two "weft_call_two"(object context, object callback, object first, object second) except -1
    int call "weft_call"(object context, object callback, tuple arguments) except -1
    int untrack "weft_untrack"(object handle, object context) except -1
    int track "weft_track"(object handle, object context) except -1
    int write_zero "weft_write_zero"(int fd) nogil
    int check_signals "PyErr_CheckSignals"() except -1
    int let_others_run "weft_let_others_run"()
    object name_key "weft_name_key"(object callback)
    object recv_beside "weft_recv_beside"(int fd, object sock, Py_ssize_t size, list came)
    uint64_t weft_ticks() nogil
    ctypedef struct weft_record:
        uint64_t time
        int64_t value
        uint32_t number
        uint8_t kind
        uint8_t has_key
        uint16_t thread

cdef class EpollSet(Poller):
    cdef int epfd
    cdef int count
    cdef list owners
    cdef epoll_event events[512]
    cdef int control_add(self, int fd, unsigned int events) except -1
    cdef int control_modify(self, int fd, unsigned int events) except -1
    cdef int control_delete(self, int fd) except -1
    cdef int forget(self, int fd) except -1
    cdef int control(self, int operation, int fd, unsigned int events) except -1

cdef class FdChannel(Channel):
    cdef readonly int fd
    cpdef int fileno(self) except? -1
    cpdef recv(self, Py_ssize_t size)
    cpdef Py_ssize_t recv_into(self, buffer) except? -2
    cpdef Py_ssize_t send(self, data) except? -2
    cpdef Py_ssize_t send_many(self, list chunks) except? -2

cdef class Outbox:
    cdef char *start
    cdef Py_ssize_t size
    cdef int add(self, bytes data) except -1
    cdef int clear(self) except -1

cdef class Ring:
    cdef weft_record *records
    cdef list keys
    cdef uint64_t mask
    cdef uint64_t written
    cdef bint uses_ticks
    cdef Clock clock
    cdef uint64_t first_tick
    cdef long long first_ns
    cdef int put(self, int kind, int thread, long long number, long long value, object key) except -1
    cdef uint64_t now(self)

cdef extern from "datagrams.h":
    ctypedef struct weft_batch:
        pass

cdef class FdDatagramChannel(DatagramChannel):
    cdef readonly int fd
    cdef readonly object sock
    cdef int family
    cdef weft_batch *batch
    cpdef int fileno(self) except? -1
    cpdef recv_from(self)
    cpdef bint send_to(self, data, address) except -1

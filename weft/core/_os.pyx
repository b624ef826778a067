"""The leaf, compiled: what needs pointers. Its twin in plain Python, with the same names, is _os.py."""

import time

from libc.errno cimport EINTR, errno
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy

cdef extern from "glue.h" nogil:
    int epoll_create1(int flags)
    int epoll_ctl(int epfd, int operation, int fd, epoll_event *event)
    int epoll_wait(int epfd, epoll_event *events, int count, int timeout_ms)
    int EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLL_CTL_DEL
    int c_close "close"(int fd)
    int weft_has_ticks()

cdef extern from "glue.h":
    object weft_recv(int fd, Py_ssize_t size)
    Py_ssize_t weft_recv_into(int fd, object buffer) except? -2
    Py_ssize_t weft_send(int fd, object data) except? -2
    Py_ssize_t weft_send_bytes(int fd, const char *start, Py_ssize_t size) except? -2
    Py_ssize_t weft_send_many(int fd, list chunks) except? -2

cdef extern from "datagrams.h":
    weft_batch *weft_batch_new()
    void weft_batch_free(weft_batch *batch)
    object weft_datagram_next(weft_batch *batch, int fd, int family)
    object weft_datagram_sender(weft_batch *batch)
    int weft_datagram_send(weft_batch *batch, int fd, int family, object data, object address) except -1
    int AF_INET, AF_INET6, AF_UNIX

cdef extern from "Python.h":
    object PyErr_SetFromErrno(object error)
    object PyBytes_FromStringAndSize(char *data, Py_ssize_t size)
    char *PyBytes_AS_STRING(object data)
    int PyBuffer_FillInfo(Py_buffer *view, object owner, void *start, Py_ssize_t size, int is_readonly, int flags) except -1

cdef enum:
    EVENTS = 512
    CLOSE_ON_EXEC = 0x80000
    LONGEST_WAIT_MS = 86400000
    LARGEST_DATAGRAM = 262144

globals()["EDGE"] = 0x80000000   # for Python; a cpdef enum would give it as a negative number


cdef class EpollSet(Poller):
    """The system's epoll: descriptors watched, the events of the last wait, and whose they are."""

    def __init__(self):
        Poller.__init__(self, True)

    def __cinit__(self):
        self.owners = []
        self.epfd = epoll_create1(CLOSE_ON_EXEC)
        if self.epfd < 0:
            PyErr_SetFromErrno(OSError)

    def __dealloc__(self):
        if self.epfd >= 0:
            c_close(self.epfd)

    cdef int control(self, int operation, int fd, unsigned int events) except -1:
        cdef epoll_event event
        event.events = events
        event.data.u64 = 0
        event.data.fd = fd
        if epoll_ctl(self.epfd, operation, fd, &event) < 0:
            PyErr_SetFromErrno(OSError)
        return 0

    cdef int control_add(self, int fd, unsigned int events) except -1:
        return self.control(EPOLL_CTL_ADD, fd, events)

    cdef int control_modify(self, int fd, unsigned int events) except -1:
        return self.control(EPOLL_CTL_MOD, fd, events)

    cdef int control_delete(self, int fd) except -1:
        return self.control(EPOLL_CTL_DEL, fd, 0)

    cdef int forget(self, int fd) except -1:
        cdef int i
        for i in range(self.count):
            if self.events[i].data.fd == fd:
                self.events[i].data.fd = -1
        return 0

    cpdef int wait(self, long long timeout_ns) except -1:
        cdef int n, timeout_ms
        # Asked without letting the GIL go first: under load something is ready nearly always.
        n = epoll_wait(self.epfd, self.events, EVENTS, 0)
        if n == 0 and timeout_ns != 0:
            timeout_ms = -1
            if timeout_ns > 0:
                timeout_ms = LONGEST_WAIT_MS
                if timeout_ns < LONGEST_WAIT_MS * 1000000LL:
                    timeout_ms = <int>((timeout_ns + 999999) // 1000000)
            with nogil:
                n = epoll_wait(self.epfd, self.events, EVENTS, timeout_ms)
        if n < 0:
            if errno != EINTR:
                PyErr_SetFromErrno(OSError)
            n = 0
        self.count = n
        return n

    cpdef Source ready_source(self, int index):
        cdef int fd = self.events[index].data.fd
        self.ready_events = self.events[index].events
        return <Source> self.owners[fd] if fd >= 0 else None

    cpdef close(self):
        self.owners = []
        if self.epfd >= 0:
            c_close(self.epfd)
            self.epfd = -1


cdef class FdChannel(Channel):
    """A channel's bytes, through the descriptor of a connected, non-blocking stream socket."""

    def __init__(self, int fd):
        self.fd = fd

    cpdef int fileno(self) except? -1:
        return self.fd

    cpdef recv(self, Py_ssize_t size):
        return weft_recv(self.fd, size)

    cpdef Py_ssize_t recv_into(self, buffer) except? -2:
        return weft_recv_into(self.fd, buffer)

    cpdef Py_ssize_t send(self, data) except? -2:
        if type(data) is Outbox:
            return weft_send_bytes(self.fd, (<Outbox> data).start, (<Outbox> data).size)
        return weft_send(self.fd, data)

    cpdef Py_ssize_t send_many(self, list chunks) except? -2:
        return weft_send_many(self.fd, chunks)


cdef class Outbox:
    """What is written in several small pieces, joined as they come: bytes-like, and used again."""

    def __cinit__(self):
        self.start = <char *> malloc(OUTBOX_BYTES)
        if self.start is NULL:
            raise MemoryError()

    def __dealloc__(self):
        free(self.start)

    def __len__(self):
        return self.size

    def __getbuffer__(self, Py_buffer *view, int flags):
        PyBuffer_FillInfo(view, self, self.start, self.size, True, flags)

    cdef int add(self, bytes data) except -1:
        cdef Py_ssize_t size = len(data)
        if size > OUTBOX_BYTES - self.size:
            raise BufferError(f"an outbox has room for {OUTBOX_BYTES} bytes, not for {self.size + size}")
        memcpy(self.start + self.size, PyBytes_AS_STRING(data), size)
        self.size += size
        return 0

    cdef int clear(self) except -1:
        self.size = 0
        return 0


cdef class Ring:
    """A bounded memory of records: the newest are kept, the oldest are overwritten and counted as lost.

    Beside each record stands a key: an object that names what the record is about, or None.
    """

    def __cinit__(self, Py_ssize_t capacity, Clock clock=None):
        cdef Py_ssize_t size = 1
        while size < capacity:
            size *= 2
        self.mask = size - 1
        self.records = <weft_record *> calloc(size, sizeof(weft_record))
        if self.records == NULL:
            raise MemoryError(f"no memory for a ring of {size} records")
        self.keys = [None] * size
        self.clock = clock
        self.uses_ticks = clock is None and weft_has_ticks()
        self.first_ns = monotonic_ns() if clock is None else clock.now_ns()
        self.first_tick = self.now()

    def __dealloc__(self):
        free(self.records)

    cdef uint64_t now(self):
        if self.uses_ticks:
            return weft_ticks()
        if self.clock is None:
            return monotonic_ns()
        return self.clock.now_ns()

    cdef int put(self, int kind, int thread, long long number, long long value, object key) except -1:
        cdef uint64_t at = self.now()   # first: a clock written in Python may let another thread come between
        cdef uint64_t slot = self.written & self.mask
        cdef weft_record *record = &self.records[slot]
        record.time = at
        record.value = value
        record.number = <uint32_t> number
        record.kind = kind
        record.thread = thread
        self.written += 1
        if key is not None or record.has_key:   # the keys of records without one are not even looked at
            self.keys[<Py_ssize_t> slot] = key
            record.has_key = key is not None
        return 0

    def snapshot(self):
        """Return (records, keys, lost): packed records, oldest first, times in ns since the ring was made."""
        cdef double ns_a_tick = 1.0
        cdef long long last_ns
        cdef uint64_t last_tick, count, start, i
        cdef weft_record *target
        if self.uses_ticks:
            while True:   # a rate measured over less than 10 ms would be too coarse
                last_ns = monotonic_ns()
                last_tick = weft_ticks()
                if last_ns - self.first_ns >= 10000000:
                    break
                time.sleep(0.01 - (last_ns - self.first_ns) / 1e9)
            ns_a_tick = <double>(last_ns - self.first_ns) / <double>(last_tick - self.first_tick)
        count = self.written if self.written <= self.mask + 1 else self.mask + 1
        start = self.written - count
        packed = PyBytes_FromStringAndSize(NULL, count * sizeof(weft_record))
        target = <weft_record *> PyBytes_AS_STRING(packed)
        keys = []
        for i in range(count):
            memcpy(&target[i], &self.records[(start + i) & self.mask], sizeof(weft_record))
            target[i].time = <uint64_t>((target[i].time - self.first_tick) * ns_a_tick)
            target[i].has_key = 0
            keys.append(self.keys[<Py_ssize_t>((start + i) & self.mask)])
        return packed, keys, start


cdef class FdDatagramChannel(DatagramChannel):
    """A datagram channel's bytes, through the descriptor of a non-blocking datagram socket of any family."""

    def __init__(self, sock, is_connected, tells_room):
        DatagramChannel.__init__(self, is_connected, tells_room)
        self.sock = sock
        self.fd = sock.fileno()
        self.family = sock.family
        if self.batch == NULL and self.family in (AF_INET, AF_INET6, AF_UNIX):
            self.batch = weft_batch_new()
            if self.batch == NULL:
                raise MemoryError("no memory for a datagram channel")

    def __dealloc__(self):
        weft_batch_free(self.batch)

    cpdef int fileno(self) except? -1:
        return self.fd

    cpdef recv_from(self):
        if self.batch == NULL:   # a family whose addresses only Python's socket module can read
            try:
                data, self.sender = self.sock.recvfrom(LARGEST_DATAGRAM)
            except (BlockingIOError, InterruptedError):
                return None
            return data
        data = weft_datagram_next(self.batch, self.fd, self.family)
        if data is not None:
            self.sender = weft_datagram_sender(self.batch)
        return data

    cpdef bint send_to(self, data, address) except -1:
        cdef int result = weft_datagram_send(self.batch, self.fd, self.family, data, address)
        if result >= 0:
            return result
        try:   # a name to look up, a UNIX path, or no address at all
            self.sock.sendto(data, address)
        except (BlockingIOError, InterruptedError):
            return False
        return True

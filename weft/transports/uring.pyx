"""Receiving by io_uring(7), compiled. Its twin in plain Python, which says that there is none, is uring.py.

A stream on this poller has a receive standing in the system, which goes on until it is ended ("multishot"). One call
a turn receives what has come for all connections, into buffers that they share, where each had a call of its own.
The bytes are kept with the channel until the stream takes them, so that a stream reads as it always does. It sends as
it always does, too: by itself and at once, so that what the system did not take is known at once. Everything that is
no stream is watched by epoll, whose set is one more thing that the ring waits for.

A standing receive ends when:
- the stream is over, or the peer sent its end;
- it filled a buffer: the connection moves much at once, and reads by readiness from then on, as on epoll, which
  copies less;
- the stream pauses, or takes nothing of what came, as while it closes: what came is kept, and it begins again once
  the stream goes on;
- the buffers were used up, or the system ended it for another reason: it begins again in the next turn.

The ring is one thread's. A loop that goes on in another thread, or in a child process that was forked, opens a new one.
"""

import os

from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.errno cimport EAGAIN, EBADF, EBUSY, EEXIST, EINTR, EINVAL, ENOBUFS, EOPNOTSUPP
from libc.stdint cimport uintptr_t
from libc.string cimport memcpy
from weft.core cimport _os
from weft.transports.channel cimport SocketChannel

cdef extern from "uring.h" nogil:
    enum:
        WEFT_HAS_BUFFER
        WEFT_GOES_ON
    weft_uring *weft_uring_open(unsigned requests, unsigned completions, unsigned buffers, unsigned size)
    bint weft_uring_is_inherited(weft_uring *ring)
    void weft_uring_close(weft_uring *ring)
    char *weft_uring_buffer(weft_uring *ring, unsigned number)
    void weft_uring_give_back(weft_uring *ring, unsigned number)
    bint weft_uring_receive(weft_uring *ring, int fd, uint64_t user_data)
    bint weft_uring_cancel(weft_uring *ring, uint64_t user_data, uint64_t own)
    bint weft_uring_poll(weft_uring *ring, int fd, uint64_t user_data)
    int weft_uring_enter(weft_uring *ring, unsigned least, long long timeout_ns)
    bint weft_uring_next(weft_uring *ring, weft_completion *found)

cdef extern from "errno.h":
    int ECANCELED

cdef extern from "Python.h":
    object PyErr_SetFromErrno(object error)

cdef enum:
    # What a completion is of, where it is not a channel's receive; those have the channel's address.
    OTHERS = 1
    CANCEL = 2
    # One call takes in so much of what waits (newer kernels), so that after as many there is more; and the calls of
    # one turn, before those that were told of have theirs.
    A_BATCH = 20
    CALLS_A_TURN = 16
    ENDED = _os.READ | _os.PEER_CLOSED

REQUESTS = 256
"""Requests handed over at once; more take one system call more."""
COMPLETIONS = 4096
"""Completions that there is room for; the system keeps those beyond them until there is."""
BUFFERS = 256
"""Buffers that the system fills in one turn; then it ends the receives, and they begin again in the next."""
BUFFER_BYTES = 4096
"""Bytes of a buffer. A connection that fills one reads by readiness from then on."""


def why_no_uring():
    """Return why there is no poller on io_uring here; None if there is one."""
    try:
        UringPoller().close()
    except OSError as error:
        return f"the system gives no ring of Linux 6.1 or newer: {error}"
    return None


cdef class UringPoller(Poller):
    """Waits by one ring for what streams receive, and for an epoll set with everything else.

    Raises OSError where the system has no io_uring, has one that is too old (before Linux 6.1), or forbids it.
    """

    def __init__(
        self, requests: int = REQUESTS, completions: int = COMPLETIONS, buffers: int = BUFFERS,
        buffer_bytes: int = BUFFER_BYTES,
    ):
        Poller.__init__(self, True)
        self.requests = requests
        self.completions = completions
        self.buffers = buffers
        self.buffer_bytes = buffer_bytes
        self.open()

    def __cinit__(self, *args, **kwargs):
        self.others = EpollPoller()
        self.channels = {}
        self.armed = set()    # channels whose receive stands: the system has their addresses
        self.changed = []     # channels whose receive is to begin or to be ended
        self.told = []
        self.returned = []    # channels that are watched again, and have something to tell

    def __dealloc__(self):
        if self.ring is not NULL:
            weft_uring_close(self.ring)

    # -- a channel of its own for each stream

    cpdef Channel channel_for(self, Channel channel):
        if type(channel) is not SocketChannel:
            return channel
        ours = UringChannel(self, channel)
        self.channels[ours.fileno()] = ours
        return ours

    # -- the five verbs

    cpdef add(self, int fd, Source source, unsigned int events):
        cdef UringChannel channel = self.channels.get(fd)
        if channel is None:
            self.others.add(fd, source, events)
            return
        if channel.source is not None:
            raise FileExistsError(f"descriptor {fd} is watched already")
        channel.source = source
        if channel.data is not None or channel.is_ended or channel.error:   # watched before, and not all was taken
            self.returned.append(channel)
        self.modify(fd, events)

    cpdef modify(self, int fd, unsigned int events):
        cdef UringChannel channel = self.channels.get(fd)
        if channel is None or channel.source is None:
            self.others.modify(fd, events)
            return
        channel.interest = events
        if channel.is_direct or events & _os.WRITE or channel.in_others:
            self.watch_readiness(channel)
        self.review(channel)

    cpdef remove(self, int fd):
        cdef UringChannel channel = self.channels.get(fd)
        if channel is None or channel.source is None:
            self.others.remove(fd)
            return
        channel.source = None
        if channel.in_others:
            channel.in_others = False
            self.others.remove(fd)
        self.review(channel)

    cpdef int wait(self, long long timeout_ns) except -1:
        cdef UringChannel channel
        if self.ring is NULL:
            raise OSError(EBADF, "the poller is closed")
        for channel in self.told:
            channel.is_told = False
            channel.events = 0
        self.told.clear()
        self.others_count = 0
        if weft_uring_is_inherited(self.ring):
            self.move()
        for channel in self.returned:
            if channel.source is not None:
                self.tell(channel, ENDED if channel.is_ended or channel.error else _os.READ)
        self.returned.clear()
        self.hand_over()
        if self.enter(0, 0) == -EEXIST:
            self.move()
            self.hand_over()
            self.enter(0, 0)
        for _ in range(CALLS_A_TURN):
            if self.take_in() < A_BATCH:
                break
            self.enter(0, 0)
        if self.look() == 0 and timeout_ns != 0:
            self.hand_over()
            if self.others_are_watched and not self.changed:
                self.enter(1, timeout_ns)
                self.look()
        return len(self.told) + self.others_count

    cpdef Source ready_source(self, int index):
        cdef UringChannel channel
        cdef Source source
        cdef int count = len(self.told)
        if index < count:
            channel = <UringChannel> self.told[index]
            self.ready_events = channel.events
            return channel.source
        source = self.others.ready_source(index - count)
        self.ready_events = self.others.ready_events
        return source

    cpdef close(self):
        cdef UringChannel channel
        self.others.close()
        for channel in self.channels.values():
            channel.source = None
        self.channels.clear()
        if self.ring is not NULL:
            if not weft_uring_is_inherited(self.ring):
                self.let_go()
            weft_uring_close(self.ring)
            self.ring = NULL
        self.armed.clear()
        self.changed.clear()
        self.told.clear()
        self.returned.clear()

    # -- the ring

    cdef int open(self) except -1:
        """Open a ring for the calling thread; every receive that stood in the one before begins again."""
        cdef UringChannel channel
        cdef weft_uring *ring = weft_uring_open(self.requests, self.completions, self.buffers, self.buffer_bytes)
        if ring is NULL:
            PyErr_SetFromErrno(OSError)
        if self.ring is not NULL:
            weft_uring_close(self.ring)
        self.ring = ring
        self.others_are_watched = False
        self.others_may_have_more = False
        armed, self.armed = self.armed, set()
        for channel in armed:
            channel.is_armed = channel.is_cancelling = False
            self.review(channel)
        return 0

    cdef int move(self) except -1:
        """Go on in another thread, or in a child process that was forked, with a ring of its own.

        What the other thread's ring has received already is kept; what the other process's has is that one's.
        """
        if not weft_uring_is_inherited(self.ring):
            self.take_in()
        return self.open()

    cdef int let_go(self) except -1:
        """End every receive that stands, so that the system lets go of their sockets now and not a moment later.

        In another thread than the ring's it cannot be told to; there it does so once the ring is closed.
        """
        if not weft_uring_cancel(self.ring, 0, CANCEL):
            weft_uring_enter(self.ring, 0, 0)
            weft_uring_cancel(self.ring, 0, CANCEL)
        for _ in range(len(self.armed)):
            if not self.armed or weft_uring_enter(self.ring, 0, 0) < 0:
                break
            self.take_in()
        return 0

    cdef int hand_over(self) except -1:
        """Write a request for each receive that is to begin or to end; what finds no room is left for the next turn."""
        cdef UringChannel channel
        cdef list changed = self.changed
        if not self.others_are_watched:
            self.others_are_watched = weft_uring_poll(self.ring, self.others.epfd, OTHERS)
        if not changed:
            return 0
        self.changed = []
        for channel in changed:
            channel.is_listed = False
            if channel.wants_bytes() != channel.is_armed and not self.ask(channel):
                weft_uring_enter(self.ring, 0, 0)
                if not self.ask(channel):
                    self.review(channel)
        return 0

    cdef bint ask(self, UringChannel channel) except -1:
        """Write the request that begins or ends a channel's receive; False if there is no room for it."""
        cdef uint64_t address = <uint64_t> <uintptr_t> <void *> channel
        if channel.is_armed:
            channel.is_cancelling = channel.is_cancelling or weft_uring_cancel(self.ring, address, CANCEL)
            return channel.is_cancelling
        if not weft_uring_receive(self.ring, channel.fd, address):
            return False
        channel.is_armed = True
        self.armed.add(channel)
        return True

    cdef int enter(self, unsigned least, long long timeout_ns) except 1:
        """Hand over what was written, have the system receive what came, and wait for `least` completions.

        Returns 0, -EEXIST in another thread than the ring's, -EAGAIN or -EBUSY where what came must be taken in first.
        """
        cdef int result
        if least == 0:   # without letting the GIL go first: under load something has come nearly always
            result = weft_uring_enter(self.ring, 0, 0)
        else:
            with nogil:
                result = weft_uring_enter(self.ring, least, timeout_ns)
        if result < 0 and result != -EEXIST and result != -EAGAIN and result != -EBUSY:
            raise OSError(-result, os.strerror(-result))
        return result

    cdef int look(self) except -1:
        """Take in what came; return how many events that makes."""
        self.take_in()
        if self.others_may_have_more:
            self.others_count = self.others.wait(0)
            self.others_may_have_more = self.others_count > 0
        return len(self.told) + self.others_count

    cdef int take_in(self) except -1:
        """Take every completion out of the ring; return how many there were."""
        cdef weft_completion found
        cdef int count = 0
        while weft_uring_next(self.ring, &found):
            count += 1
            if found.user_data == OTHERS:
                self.others_may_have_more = True
                if not found.flags & WEFT_GOES_ON:
                    self.others_are_watched = False
            elif found.user_data != CANCEL:
                self.complete(<UringChannel> <void *> <uintptr_t> found.user_data, found.result, found.flags)
        return count

    cdef int complete(self, UringChannel channel, int result, unsigned flags) except -1:
        """Take in what a channel's receive brought: bytes, the end, an error, or its own end."""
        cdef unsigned number
        if flags & WEFT_HAS_BUFFER:
            number = flags >> 16
            if result > 0 and channel.fd >= 0:
                channel.put(PyBytes_FromStringAndSize(weft_uring_buffer(self.ring, number), result))
            weft_uring_give_back(self.ring, number)
        if not flags & WEFT_GOES_ON:
            channel.is_armed = channel.is_cancelling = False
            self.armed.discard(channel)
        if channel.fd < 0:
            return 0
        if result > 0:
            if result == <int> self.buffer_bytes:
                channel.fills = True
            self.tell(channel, _os.READ)
        elif result == 0:
            channel.is_ended = True
            self.tell(channel, ENDED)
        elif result == -EAGAIN or result == -EINVAL or result == -EOPNOTSUPP:
            channel.fills = True   # a socket of a kind that cannot be received from so: it is read by readiness
        elif result != -ECANCELED and result != -ENOBUFS and result != -EINTR:
            channel.error = -result
            self.tell(channel, ENDED)
        if not flags & WEFT_GOES_ON or channel.fills or channel.is_held:
            self.review(channel)
        return 0

    cdef int tell(self, UringChannel channel, unsigned events) except -1:
        """Have the channel's source told in this turn; one that is not watched now is told once it is again."""
        channel.events |= events
        if not channel.is_told and channel.source is not None:
            channel.is_told = True
            self.told.append(channel)
        return 0

    cdef int review(self, UringChannel channel) except -1:
        """See to it that a channel's receive begins, ends, or gives way to readiness, as its state says."""
        if channel.wants_bytes() != channel.is_armed:
            if not channel.is_listed:
                channel.is_listed = True
                self.changed.append(channel)
        elif channel.fills and not channel.is_direct and channel.reads():
            channel.is_direct = True
            self.watch_readiness(channel)
        return 0

    cdef int watch_readiness(self, UringChannel channel) except -1:
        """Watch by epoll for what the ring does not tell of a channel."""
        cdef unsigned events = channel.interest
        if not channel.is_direct:
            events &= ~<unsigned> ENDED
        if channel.in_others:
            self.others.modify(channel.fd, events)
        else:
            self.others.add(channel.fd, channel.source, events)
            channel.in_others = True
        return 0


cdef class UringChannel(FdChannel):
    """A socket's channel whose bytes the ring receives. Everything else about the socket is the channel's below."""

    def __init__(self, UringPoller poller, Channel below):
        FdChannel.__init__(self, below.fileno())
        self.poller = poller
        self.below = below

    cdef bint reads(self):
        """Return whether bytes that come are wanted at all."""
        return self.source is not None and self.interest & _os.READ and not self.is_ended and not self.error

    cdef bint wants_bytes(self):
        """Return whether the ring is to receive them."""
        return self.reads() and not (self.fills or self.is_paused or self.is_held)

    cdef int put(self, bytes data) except -1:
        """Keep what came until it is taken. Where earlier bytes were told of and are still here, no more is to come."""
        if self.data is None:
            self.data = data
            return 0
        if self.more is None:
            self.more = []
        self.more.append(data)
        if not self.is_told:
            self.is_held = True
        return 0

    cdef bytes take(self, Py_ssize_t size):
        """Return up to `size` of the bytes that came; there are some."""
        cdef bytes data = self.data
        cdef Py_ssize_t start = self.start
        if self.more is not None:
            data = self.data = b"".join([data[start:], *self.more])
            self.more = None
            self.start = start = 0
        if PyBytes_GET_SIZE(data) - start > size:
            self.start += size
            return data[start : start + size]
        self.data = None
        self.start = 0
        if self.is_held:
            self.is_held = False
            self.poller.review(self)
        return data[start:] if start else data

    cdef object nothing(self):
        """Return what there is to say when no bytes are here: b"" at the end, None for nothing yet. Raises OSError."""
        if self.error:
            raise OSError(self.error, os.strerror(self.error))
        return b"" if self.is_ended else None

    cpdef recv(self, Py_ssize_t size):
        if self.data is not None:
            return self.take(size)
        if self.is_direct:
            return FdChannel.recv(self, size)
        return self.nothing()

    cpdef Py_ssize_t recv_into(self, buffer) except? -2:
        cdef Py_buffer view
        cdef bytes data
        if self.is_direct and self.data is None:
            return FdChannel.recv_into(self, buffer)
        PyObject_GetBuffer(buffer, &view, PyBUF_WRITABLE)
        try:
            data = self.nothing() if self.data is None else self.take(view.len)
            if data is None:
                return -1
            memcpy(view.buf, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
            return PyBytes_GET_SIZE(data)
        finally:
            PyBuffer_Release(&view)

    cpdef pause(self, bint is_paused):
        self.is_paused = is_paused
        self.poller.review(self)

    cpdef shutdown(self):
        self.below.shutdown()

    cpdef close(self):
        if self.fd >= 0:
            if self.poller.channels.get(self.fd) is self:
                del self.poller.channels[self.fd]
            self.source = None
            self.data = None
            self.more = None
            self.fd = -1
            self.below.close()

    cpdef name(self, str which):
        return self.below.name(which)

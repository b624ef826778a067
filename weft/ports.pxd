cdef class Clock:
    cpdef long long now_ns(self) except? -1

cdef class Source:
    cpdef ready(self, unsigned int events)
    cpdef flush(self)
    cpdef fail(self, error)
    cpdef interrupted(self)

cdef class StreamTransport(Source):
    cpdef write(self, data)
    cpdef bint takes_pairs(self) except -1
    cpdef write_pair(self, bytes first, bytes second)
    cpdef bint is_closing(self) except -1
    cpdef Py_ssize_t get_write_buffer_size(self) except -1

cdef class Channel

cdef class Poller:
    cdef readonly bint is_edge_triggered
    cdef public bint sees_every_turn
    cdef public unsigned int ready_events
    cpdef add(self, int fd, Source source, unsigned int events)
    cpdef modify(self, int fd, unsigned int events)
    cpdef remove(self, int fd)
    cpdef Channel channel_for(self, Channel channel)
    cpdef int wait(self, long long timeout_ns) except -1
    cpdef Source ready_source(self, int index)
    cpdef close(self)

cdef class Channel:
    cpdef int fileno(self) except? -1
    cpdef recv(self, Py_ssize_t size)
    cpdef Py_ssize_t recv_into(self, buffer) except? -2
    cpdef Py_ssize_t send(self, data) except? -2
    cpdef Py_ssize_t send_many(self, list chunks) except? -2
    cpdef pause(self, bint is_paused)
    cpdef shutdown(self)
    cpdef close(self)
    cpdef name(self, str which)

cdef class DatagramChannel:
    cdef public object sender
    cdef readonly bint is_connected, tells_room
    cpdef int fileno(self) except? -1
    cpdef recv_from(self)
    cpdef bint send_to(self, data, address) except -1
    cpdef close(self)
    cpdef name(self, str which)

cdef class Observer:
    cdef object __weakref__
    cpdef run_begin(self, loop)
    cpdef run_end(self, loop)
    cpdef wait_begin(self, long long timeout_ns)
    cpdef wait_end(self, int count)
    cpdef scheduled(self, handle)
    cpdef call_begin(self, handle)
    cpdef call_end(self, handle)
    cpdef task_made(self, task)
    cpdef job(self, call)
    cpdef timer_made(self, timer)
    cpdef timer_fired(self, timer)
    cpdef channel_opened(self, long long number, owner, name)
    cpdef data_begin(self, long long number, Py_ssize_t size_bytes)
    cpdef data_end(self, long long number)
    cpdef data_sent(self, long long number, Py_ssize_t size_bytes)
    cpdef channel_closed(self, long long number, owner, error)

cimport cython
from weft.core cimport _os
from weft.core._os cimport EpollSet
from weft.ports cimport Poller, Source

cdef class EpollPoller(Poller):
    cdef EpollSet epoll
    cdef list owners
    cpdef add(self, int fd, Source source, unsigned int events)
    cpdef modify(self, int fd, unsigned int events)
    cpdef remove(self, int fd)
    cdef int check_watched(self, int fd) except -1
    cpdef int wait(self, long long timeout_ns) except -1
    @cython.locals(epoll=EpollSet)
    cpdef Source ready_source(self, int index)
    cpdef close(self)

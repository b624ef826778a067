from weft.core cimport _os
from weft.core._os cimport EpollSet
from weft.ports cimport Source

cdef class EpollPoller(EpollSet):
    cpdef add(self, int fd, Source source, unsigned int events)
    cpdef modify(self, int fd, unsigned int events)
    cpdef remove(self, int fd)
    cdef int check_watched(self, int fd) except -1

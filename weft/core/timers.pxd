cimport cython
from weft.core cimport _os
from weft.core.handle cimport Handle

cdef int MANY

cdef class TimerHandle(Handle):
    cdef readonly long long when_ns
    cdef readonly long long number
    cdef TimerHeap heap
    cdef Py_ssize_t index

@cython.final
cdef class TimerHeap:
    cdef readonly list heap
    cdef readonly long long made
    cdef int push(self, TimerHandle timer) except -1
    @cython.locals(index=Py_ssize_t, last=TimerHandle)
    cdef remove(self, TimerHandle timer)
    @cython.locals(heap=list, parent=TimerHandle)
    cdef int rise(self, Py_ssize_t index, TimerHandle timer) except -1
    @cython.locals(heap=list, size=Py_ssize_t, child_index=Py_ssize_t, child=TimerHandle)
    cdef int sink(self, Py_ssize_t index, TimerHandle timer) except -1

cdef bint is_sooner(TimerHandle a, TimerHandle b) noexcept

@cython.locals(timer=TimerHandle)
cpdef TimerHandle make_timer(long long when_ns, object callback, tuple arguments, object context)

cimport cython
from weft.core cimport _os
from weft.core._os cimport Ring
from weft.core.handle cimport Handle
from weft.core.timers cimport TimerHandle
from weft.ports cimport Clock, Observer
from weft.record cimport events

cdef class Recorder:
    cdef object __weakref__
    cdef Ring ring
    cdef bint names_waits
    cdef readonly object sampler
    cdef readonly dict threads
    cdef dict tasks, names
    cdef object lock
    cdef readonly long long tasks_made
    cdef list loops
    cpdef put_cpu(self, int thread, long long interval_us, long long used_ns)
    @cython.locals(entry=tuple, number=cython.longlong)
    cdef long long number_of(self, task, int thread, long long parent) except -1
    @cython.locals(outcome=cython.int)
    cdef finish(self, task, long long number, int thread)
    cdef tuple names_of(self, task)

cdef class LoopRecorder(Observer):
    cdef object __weakref__
    cdef Recorder recorder
    cdef Ring ring
    cdef bint is_running
    cdef Clock clock
    cdef readonly int thread
    cdef object step_type
    cdef long long current
    cdef object current_task
    cdef list outer
    cdef readonly dict labels
    cpdef wait_begin(self, long long timeout_ns)
    cpdef wait_end(self, int count)
    @cython.locals(call=Handle, number=cython.longlong)
    cpdef scheduled(self, handle)
    @cython.locals(call=Handle, late_ns=cython.longlong)
    cpdef call_begin(self, handle)
    @cython.locals(number=cython.longlong, other=cython.longlong)
    cpdef call_end(self, handle)
    cpdef task_made(self, task)
    cpdef data_begin(self, long long number, Py_ssize_t size_bytes)
    cpdef data_end(self, long long number)
    cpdef data_sent(self, long long number, Py_ssize_t size_bytes)
    cdef task_of(self, callback)

cdef class Job:
    cdef Recorder recorder
    cdef object call, key
    cdef long long task

cdef key_of(callback)
cdef code_of(coro)
cdef tuple wait_of(task)
cdef tuple codes_of(coro)

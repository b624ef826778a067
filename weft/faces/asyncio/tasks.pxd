cimport cython
from weft.core.handle cimport Handle, make_handle
from weft.core.loop cimport Core
from weft.core.waker cimport Waker

cdef class Tasks(Core):
    cdef readonly Waker _waker
    cdef object _task_factory

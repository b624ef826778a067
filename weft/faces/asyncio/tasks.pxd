cimport cython
from weft.core.handle cimport Handle, make_handle
from weft.core.loop cimport Core
from weft.core.waker cimport Waker

cdef dict ASYNCIO

cdef class Tasks(Core):
    cdef readonly Waker _waker
    cdef object _task_factory
    # What the loop itself keeps stands here as well: with an empty dictionary its methods are found sooner.
    cdef public object slow_callback_duration, _origins_before, _thread_id, _watches, _children, _signal_handlers
    cdef public object _exception_handler, _default_executor, _executor_is_shut_down
    cdef public object _asyncgens, _asyncgens_are_shut_down

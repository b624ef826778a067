cimport cython
from weft.deferred.awaiting cimport awaiting_of
from weft.deferred.chain cimport Chain, Waiter, step_of
from weft.deferred.failure cimport Failure, caught

cdef class Deferred(Chain):
    @cython.locals(target=Deferred, slow=Deferred, hops=Py_ssize_t)
    cdef Deferred _innermost(self)
    cdef _cancel_here(self)
    @cython.locals(target=Deferred, waiter=Waiter, before=Waiter, held=list, hops=Py_ssize_t)
    cpdef cancel(self)

@cython.final
cdef class Link(Waiter):
    cdef Chain target

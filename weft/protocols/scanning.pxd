cimport cython
from weft.protocols cimport _bytes

cdef Py_ssize_t MOST_AHEAD, SHOWN_BYTES, NARROW_WINDOW, WIDE_WINDOW
cdef int COLON, COMMA, ZERO, NINE

cdef class Scanner:
    cdef public object ahead, buffer, error
    cdef public Py_ssize_t max_length, start
    cdef public bint is_ahead, is_intact

    @cython.locals(waiting=Py_ssize_t)
    cpdef add(self, data)
    @cython.locals(messages=list)
    cpdef bint advance(self) except -1
    @cython.locals(start=Py_ssize_t, end=Py_ssize_t)
    cpdef bytes take(self, count=*)
    cpdef put_back(self, data)
    cpdef encode(self, message)
    cpdef rewind(self)
    cdef list cut_some(self)
    cdef bytes whole(self)

cdef class LineScanner(Scanner):
    cdef readonly bytes delimiter
    cdef Py_ssize_t scanned, window
    cdef bint has_border

    @cython.locals(content=bytes, delimiter=bytes, line=bytes)
    cpdef encode(self, message)
    cdef bint is_line(self, content) except -1
    @cython.locals(buffer=bytes, lines=list, start=Py_ssize_t, end=Py_ssize_t)
    cdef list cut_some(self)
    @cython.locals(start=Py_ssize_t, limit=Py_ssize_t, end=Py_ssize_t)
    cdef list cut_one(self)
    cdef int widen(self) except -1
    cdef list allowed(self, list lines, Py_ssize_t start)
    cdef refuse_endless(self)
    cdef refuse(self, which)

cdef class NetstringScanner(Scanner):
    cdef Py_ssize_t most_digits, needed

    cpdef encode(self, message)
    @cython.locals(buffer=bytes, start=Py_ssize_t, size=Py_ssize_t, most_digits=Py_ssize_t,
                   room=Py_ssize_t, colon=Py_ssize_t, end=Py_ssize_t, length=Py_ssize_t, latest=Py_ssize_t,
                   messages=list)
    cdef list cut_some(self)
    @cython.locals(digits=bytes, colon=Py_ssize_t, end=Py_ssize_t)
    cdef examine(self, bytes buffer, Py_ssize_t start)

cdef class PrefixedScanner(Scanner):
    cdef readonly Py_ssize_t prefix_bytes
    cdef readonly object byte_order
    cdef bint is_little
    cdef Py_ssize_t most, needed

    @cython.locals(content=bytes)
    cpdef encode(self, message)
    @cython.locals(buffer=bytes, start=Py_ssize_t, prefix=Py_ssize_t, most=Py_ssize_t, last=Py_ssize_t,
                   length=Py_ssize_t, content=Py_ssize_t, messages=list)
    cdef list cut_some(self)
    cdef refuse(self, length)

cdef bytes as_bytes(message)

cimport cython

cdef Py_ssize_t MOST_AHEAD, SHOWN_BYTES, NARROW_WINDOW, WIDE_WINDOW
cdef int COLON, COMMA, ZERO, NINE

cdef class Scanner:
    cdef public object ahead, buffer, error
    cdef public Py_ssize_t max_length, start
    cdef public bint is_intact

    @cython.locals(waiting=Py_ssize_t)
    cpdef add(self, data)
    cpdef bint advance(self) except -1
    @cython.locals(start=Py_ssize_t, end=Py_ssize_t)
    cpdef bytes take(self, count=*)
    cpdef put_back(self, data)
    cpdef encode(self, message)
    cpdef rewind(self)
    cpdef list parse(self)
    cpdef begin_again(self)

cdef class LineScanner(Scanner):
    cdef readonly bytes delimiter
    cdef Py_ssize_t scanned, window

    @cython.locals(delimiter=bytes, line=bytes)
    cpdef encode(self, message)
    @cython.locals(delimiter=bytes, piece=bytes, rest=bytes, lines=list, start=Py_ssize_t)
    cpdef list parse(self)
    @cython.locals(start=Py_ssize_t, limit=Py_ssize_t, end=Py_ssize_t)
    cdef list parse_one(self)
    cdef widen(self)
    cdef list allowed(self, list lines, Py_ssize_t start)
    cdef refuse_endless(self)
    cdef refuse(self, which)
    cpdef begin_again(self)

cdef class NetstringScanner(Scanner):
    cdef Py_ssize_t most_digits, needed

    cpdef encode(self, message)
    @cython.locals(buffer=bytes, digits=bytes, start=Py_ssize_t, size=Py_ssize_t, most_digits=Py_ssize_t,
                   room=Py_ssize_t, colon=Py_ssize_t, end=Py_ssize_t, length=Py_ssize_t, latest=Py_ssize_t,
                   messages=list)
    cpdef list parse(self)
    cdef examine(self, bytes buffer, Py_ssize_t start)
    cpdef begin_again(self)

cdef class PrefixedScanner(Scanner):
    cdef readonly Py_ssize_t prefix_bytes
    cdef readonly object byte_order
    cdef object prefix, most
    cdef Py_ssize_t needed

    cpdef encode(self, message)
    @cython.locals(buffer=bytes, start=Py_ssize_t, prefix=Py_ssize_t, most=Py_ssize_t, last=Py_ssize_t,
                   length=Py_ssize_t, content=Py_ssize_t, messages=list)
    cpdef list parse(self)
    cdef refuse(self, length)
    cpdef begin_again(self)

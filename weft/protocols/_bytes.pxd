from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memchr, memcpy

cdef extern from "string.h" nogil:
    void *memmem(const void *data, size_t size, const void *wanted, size_t wanted_size)

cdef inline Py_ssize_t find(bytes data, bytes wanted, Py_ssize_t start, Py_ssize_t end) noexcept:
    cdef const char *begin = PyBytes_AS_STRING(data)
    cdef const char *first = PyBytes_AS_STRING(wanted)
    cdef const char *place = begin + start
    cdef Py_ssize_t size = PyBytes_GET_SIZE(wanted)
    if size == 1:
        place = <const char *> memchr(place, first[0], end - start)
        return place - begin if place is not NULL else -1
    if size > 2:
        place = <const char *> memmem(place, end - start, first, size)
        return place - begin if place is not NULL else -1
    while begin + end - place > 1:   # two bytes: memchr is many times faster than memmem
        place = <const char *> memchr(place, first[0], begin + end - 1 - place)
        if place is NULL:
            break
        if place[1] == first[1]:
            return place - begin
        place += 1
    return -1

cdef inline bytes cut(bytes data, Py_ssize_t start, Py_ssize_t end):
    return PyBytes_FromStringAndSize(PyBytes_AS_STRING(data) + start, end - start)

cdef inline Py_ssize_t split(bytes data, Py_ssize_t start, Py_ssize_t end, bytes delimiter, list lines) except -1:
    cdef Py_ssize_t size = PyBytes_GET_SIZE(delimiter), place
    while True:
        place = find(data, delimiter, start, end)
        if place < 0:
            return start
        lines.append(cut(data, start, place))
        start = place + size

cdef inline bytes netstring(bytes content):
    cdef char digits[24]
    cdef int begin = 24
    cdef Py_ssize_t left = len(content)
    cdef bytes whole
    cdef char *place
    begin -= 1
    digits[begin] = c':'
    while True:
        begin -= 1
        digits[begin] = <char> (c'0' + left % 10)
        left //= 10
        if left == 0:
            break
    whole = PyBytes_FromStringAndSize(NULL, 24 - begin + len(content) + 1)
    place = PyBytes_AS_STRING(whole)
    memcpy(place, digits + begin, 24 - begin)
    place += 24 - begin
    memcpy(place, PyBytes_AS_STRING(content), len(content))
    place[len(content)] = c','
    return whole

cdef inline Py_ssize_t length_at(bytes data, Py_ssize_t start, Py_ssize_t size, bint is_little) noexcept:
    cdef const unsigned char *place = <const unsigned char *> PyBytes_AS_STRING(data) + start
    cdef Py_ssize_t length = 0, i
    for i in range(size):
        length = length << 8 | place[size - 1 - i if is_little else i]
    return length

cdef inline bytes prefixed(bytes content, Py_ssize_t size, bint is_little):
    cdef Py_ssize_t length = len(content), i
    cdef bytes whole = PyBytes_FromStringAndSize(NULL, size + length)
    cdef char *place = PyBytes_AS_STRING(whole)
    for i in range(size):
        place[i if is_little else size - 1 - i] = <char> (length >> 8 * i & 255)
    memcpy(place + size, PyBytes_AS_STRING(content), length)
    return whole

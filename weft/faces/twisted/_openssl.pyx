"""The bytes of a pyOpenSSL connection, compiled: without cffi's cost for each call. Its plain twin is _openssl.py.

pyOpenSSL calls OpenSSL through cffi, which also tells where OpenSSL's functions are: they are called there directly,
on the same connection, with the same errors. All else is asked of the connection itself.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uintptr_t

from cryptography.hazmat.bindings._rust import _openssl

ctypedef int (*ssl_bytes)(void *ssl, void *data, int size) noexcept
ctypedef int (*ssl_result)(void *ssl, int result) noexcept

cdef enum:
    WANT_READ = 2
    LARGEST_RECORD = 16384
    LARGEST_READ = 65536

cdef ssl_bytes SSL_read = <ssl_bytes> address_of("SSL_read")
cdef ssl_bytes SSL_write = <ssl_bytes> address_of("SSL_write")
cdef ssl_bytes BIO_read = <ssl_bytes> address_of("BIO_read")
cdef ssl_bytes BIO_write = <ssl_bytes> address_of("BIO_write")
cdef ssl_result SSL_get_error = <ssl_result> address_of("SSL_get_error")
cdef char read_buffer[LARGEST_READ]


cdef void *address_of(str function) except NULL:
    """Return where one of OpenSSL's functions is."""
    return pointer(_openssl.ffi.addressof(_openssl.lib, function))


cdef void *pointer(object cdata) except NULL:
    """Return a pointer that cffi holds."""
    return <void *> <uintptr_t> int(_openssl.ffi.cast("uintptr_t", cdata))


cdef class Records:
    """TLS's records on one side of a connection, plain bytes on the other; all else is the connection's own."""

    def __init__(self, connection):
        self.connection = connection
        self.ssl = pointer(connection._ssl)
        self.incoming = pointer(connection._into_ssl)
        self.outgoing = pointer(connection._from_ssl)

    def __getattr__(self, name):
        return getattr(self.connection, name)

    def take(self, bytes data, layer):
        """Take records that came in, and give what they hold to the layer's protocol. Raises the connection's errors."""
        cdef int count = BIO_write(self.incoming, PyBytes_AS_STRING(data), <int> PyBytes_GET_SIZE(data))
        if count <= 0:
            self.connection._handle_bio_errors(self.connection._into_ssl, count)
        while not layer._lostTLSConnection:
            count = SSL_read(self.ssl, read_buffer, LARGEST_READ)
            if count <= 0:
                self.explain(count)
                return
            if not layer._aborted:
                layer.wrappedProtocol.dataReceived(PyBytes_FromStringAndSize(read_buffer, count))

    def give(self, bytes data):
        """Take plain bytes to be sent; return how many were taken: all, unless records must come in first.

        Raises the connection's errors.
        """
        cdef char *start = PyBytes_AS_STRING(data)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
        cdef Py_ssize_t given = 0
        cdef int count
        while given < size:
            count = SSL_write(self.ssl, start + given, <int> min(size - given, LARGEST_RECORD))
            if count <= 0:
                self.explain(count)
                break
            given += count
        return given

    def output(self):
        """Return records that are to be sent, b"" if there are none."""
        cdef int count = BIO_read(self.outgoing, read_buffer, LARGEST_READ)
        cdef bytes records
        if count <= 0:
            return b""
        records = PyBytes_FromStringAndSize(read_buffer, count)
        if count < LARGEST_READ:
            return records
        pieces = [records]
        while count > 0:
            count = BIO_read(self.outgoing, read_buffer, LARGEST_READ)
            if count > 0:
                pieces.append(PyBytes_FromStringAndSize(read_buffer, count))
        return b"".join(pieces)

    cdef int explain(self, int result) except -1:
        """Raise what a result that is no count means, as the connection does; nothing if it only waits for records."""
        if SSL_get_error(self.ssl, result) != WANT_READ:
            self.connection._raise_ssl_error(self.connection._ssl, result)
        return 0

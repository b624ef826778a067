"""The bytes of a pyOpenSSL connection, compiled: without cffi's cost for each call. Its plain twin is _openssl.py.

pyOpenSSL calls OpenSSL through cffi, which also tells where OpenSSL's functions are: they are called there directly,
on the same connection, with the same results and errors. All else is asked of the connection itself.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uintptr_t

from cryptography.hazmat.bindings._rust import _openssl
from OpenSSL.SSL import WantReadError

ctypedef int (*ssl_bytes)(void *ssl, void *data, int size) noexcept
ctypedef int (*ssl_result)(void *ssl, int result) noexcept

cdef enum:
    WANT_READ = 2
    LARGEST_READ = 32768

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
    """A connection between two memory BIOs: plain bytes on one side, TLS's records on the other.

    `bio_write` and `recv`, `send` and `bio_read` are the connection's own four, with its exceptions.
    """

    def __init__(self, connection):
        self.connection = connection
        self.ssl = pointer(connection._ssl)
        self.incoming = pointer(connection._into_ssl)
        self.outgoing = pointer(connection._from_ssl)

    def __getattr__(self, name):
        return getattr(self.connection, name)

    def bio_write(self, buf):
        """Take records that came in."""
        cdef int taken
        if not PyBytes_CheckExact(buf) or PyBytes_GET_SIZE(buf) == 0:
            return self.connection.bio_write(buf)
        taken = BIO_write(self.incoming, PyBytes_AS_STRING(buf), <int> PyBytes_GET_SIZE(buf))
        if taken <= 0:
            self.connection._handle_bio_errors(self.connection._into_ssl, taken)
        return taken

    def recv(self, int bufsiz, flags=None):
        """Return plain bytes of what came in, of one record at most."""
        cdef int count
        if flags is not None:
            return self.connection.recv(bufsiz, flags)
        count = SSL_read(self.ssl, read_buffer, min(bufsiz, LARGEST_READ))
        if count <= 0:
            self.explain(count)
        return PyBytes_FromStringAndSize(read_buffer, count)

    def send(self, buf, int flags=0):
        """Take plain bytes to be sent; return how many were taken."""
        cdef int taken
        if not PyBytes_CheckExact(buf) or PyBytes_GET_SIZE(buf) == 0 or PyBytes_GET_SIZE(buf) > 0x7fffffff:
            return self.connection.send(buf, flags)
        taken = SSL_write(self.ssl, PyBytes_AS_STRING(buf), <int> PyBytes_GET_SIZE(buf))
        if taken <= 0:
            self.explain(taken)
        return taken

    def bio_read(self, int bufsiz):
        """Return records to be sent. Raises WantReadError if there are none."""
        cdef int count = BIO_read(self.outgoing, read_buffer, min(bufsiz, LARGEST_READ))
        if count > 0:
            return PyBytes_FromStringAndSize(read_buffer, count)
        if count == -1:
            raise WantReadError()
        self.connection._handle_bio_errors(self.connection._from_ssl, count)

    cdef int explain(self, int result) except -1:
        """Raise what a result that is no count means, as the connection does."""
        if SSL_get_error(self.ssl, result) == WANT_READ:
            raise WantReadError()
        self.connection._raise_ssl_error(self.connection._ssl, result)
        raise WantReadError()


def records_of(connection):
    """Return what moves the bytes of a connection that has memory BIOs."""
    return Records(connection)

/* What the leaf needs from C: the system calls of the hot path, calling within a context, the recorder's ring.
 * Every function here has a twin in _os.py; both are under the same tests (tests/contract). */
#ifndef WEFT_GLUE_H
#define WEFT_GLUE_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <Python.h>
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/epoll.h>
#else
/* The epoll poller is never chosen here (core/poller.py asks for select.epoll first); these let the leaf compile. */
struct epoll_event { uint32_t events; union { void *ptr; int fd; uint64_t u64; } data; };
static inline int epoll_create1(int flags) { (void)flags; errno = ENOSYS; return -1; }
static inline int epoll_ctl(int ep, int op, int fd, struct epoll_event *e) { (void)ep; (void)op; (void)fd; (void)e; errno = ENOSYS; return -1; }
static inline int epoll_wait(int ep, struct epoll_event *e, int n, int ms) { (void)ep; (void)e; (void)n; (void)ms; errno = ENOSYS; return -1; }
#define EPOLL_CTL_ADD 1
#define EPOLL_CTL_DEL 2
#define EPOLL_CTL_MOD 3
#endif
#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* Python ignores SIGPIPE from its start */
#endif

static inline long long weft_monotonic_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ll + t.tv_nsec;
}

/* Let other threads have the GIL for a moment, and other processes the core. */
static inline int weft_let_others_run(void) {
    Py_BEGIN_ALLOW_THREADS
    sched_yield();
    Py_END_ALLOW_THREADS
    return 0;
}

/* A full pipe, or a closed one, is left as it is: whoever reads it is told of what is there already, or is gone. */
static inline int weft_write_zero(int fd) {
    ssize_t written;
    do written = write(fd, "", 1); while (written < 0 && errno == EINTR);
    return 0;
}

/* ---- calling within a context: entered, called by vectorcall, left; also on an error -------------------------- */

static inline int weft_finish_call(PyObject *context, PyObject *result) {
    if (PyContext_Exit(context)) { Py_XDECREF(result); return -1; }
    if (!result) return -1;
    Py_DECREF(result);
    return 0;
}

static inline int weft_call_one(PyObject *context, PyObject *callback, PyObject *argument) {
    PyObject *stack[2] = {NULL, argument};
    if (PyContext_Enter(context)) return -1;
    return weft_finish_call(context, PyObject_Vectorcall(callback, stack + 1, 1 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL));
}

static inline int weft_call_two(PyObject *context, PyObject *callback, PyObject *first, PyObject *second) {
    PyObject *stack[3] = {NULL, first, second};
    if (PyContext_Enter(context)) return -1;
    return weft_finish_call(context, PyObject_Vectorcall(callback, stack + 1, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL));
}

static inline int weft_call(PyObject *context, PyObject *callback, PyObject *arguments) {
    Py_ssize_t count = PyTuple_GET_SIZE(arguments);
    PyObject *stack[2] = {NULL, NULL};
    if (count > 1) {
        if (PyContext_Enter(context)) return -1;
        return weft_finish_call(context, PyObject_Call(callback, arguments, NULL));
    }
    if (count == 1) stack[1] = PyTuple_GET_ITEM(arguments, 0);
    if (PyContext_Enter(context)) return -1;
    return weft_finish_call(context, PyObject_Vectorcall(callback, stack + 1, count | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL));
}

/* ---- a long queue of calls, which the garbage collector need not go through again and again ----------------------- */

static inline int weft_untrack(PyObject *handle, PyObject *context) {
    if (PyObject_GC_IsTracked(handle)) PyObject_GC_UnTrack(handle);
    if (PyObject_GC_IsTracked(context)) PyObject_GC_UnTrack(context);
    return 0;
}

static inline int weft_track(PyObject *handle, PyObject *context) {
    if (!PyObject_GC_IsTracked(handle)) PyObject_GC_Track(handle);
    if (!PyObject_GC_IsTracked(context)) PyObject_GC_Track(context);
    return 0;
}

/* ---- bytes in and out ----------------------------------------------------------------------------------------- */

#define WEFT_COPIED 65536 /* up to this size a read goes through one reused buffer and is copied out */
static char weft_read_buffer[WEFT_COPIED];

static inline int weft_would_block(void) { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

/* bytes; b"" at the end; None when it would block; NULL with OSError. Reads that are told to be large (over
 * 16 KiB at a time) go straight into fresh bytes, which saves the copy. */
static inline PyObject *weft_recv(int fd, Py_ssize_t size) {
    ssize_t n;
    PyObject *data;
    if (size <= 16384) {
        n = recv(fd, weft_read_buffer, size, 0);
        if (n >= 0) return PyBytes_FromStringAndSize(weft_read_buffer, n);
    } else {
        if (!(data = PyBytes_FromStringAndSize(NULL, size))) return NULL;
        n = recv(fd, PyBytes_AS_STRING(data), size, 0);
        if (n >= 0) {
            if (n < size) _PyBytes_Resize(&data, n);
            return data;
        }
        Py_DECREF(data);
    }
    if (weft_would_block()) Py_RETURN_NONE;
    return PyErr_SetFromErrno(PyExc_OSError);
}

/* What came beside the bytes of a message, as (level, type, data); None where there was no room for all. -1: raised. */
static inline int weft_note_beside(struct msghdr *message, PyObject *came) {
    struct cmsghdr *c;
    for (c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        Py_ssize_t size = (Py_ssize_t)c->cmsg_len - (Py_ssize_t)CMSG_LEN(0);
        PyObject *one = Py_BuildValue("(iiN)", c->cmsg_level, c->cmsg_type,
                                      PyBytes_FromStringAndSize((char *)CMSG_DATA(c), size));
        int failed = !one || PyList_Append(came, one);
        Py_XDECREF(one);
        if (failed) return -1;
    }
    return message->msg_flags & MSG_CTRUNC ? PyList_Append(came, Py_None) : 0;
}

/* As weft_recv; what comes beside the bytes is added to the list `came`. `sock` is for the interpreted twin. */
static inline PyObject *weft_recv_beside(int fd, PyObject *sock, Py_ssize_t size, PyObject *came) {
    static union { struct cmsghdr header; char bytes[CMSG_SPACE(4096)]; } beside;
    PyObject *data = NULL;
    struct iovec piece = {weft_read_buffer, (size_t)size};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = &beside, .msg_controllen = sizeof beside};
    ssize_t n;
    if (size > 16384) {
        if (!(data = PyBytes_FromStringAndSize(NULL, size))) return NULL;
        piece.iov_base = PyBytes_AS_STRING(data);
    }
    n = recvmsg(fd, &message, 0);
    if (n < 0) {
        Py_XDECREF(data);
        if (weft_would_block()) Py_RETURN_NONE;
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    if (!data) data = PyBytes_FromStringAndSize(weft_read_buffer, n);
    else if (n < size) _PyBytes_Resize(&data, n);
    if (data && (message.msg_controllen || message.msg_flags & MSG_CTRUNC) && weft_note_beside(&message, came))
        Py_CLEAR(data);
    return data;
}

/* how many bytes came; 0 at the end; -1 when it would block; -2 with OSError */
static inline Py_ssize_t weft_recv_into(int fd, PyObject *target) {
    Py_buffer b;
    ssize_t n;
    if (PyObject_GetBuffer(target, &b, PyBUF_WRITABLE)) return -2;
    n = recv(fd, b.buf, b.len, 0);
    PyBuffer_Release(&b);
    if (n >= 0) return n;
    if (weft_would_block()) return -1;
    PyErr_SetFromErrno(PyExc_OSError);
    return -2;
}

/* how many bytes the system took; -1 when it would block; -2 with OSError */
static inline Py_ssize_t weft_send_bytes(int fd, const char *start, Py_ssize_t size) {
    ssize_t n = send(fd, start, size, MSG_NOSIGNAL);
    if (n >= 0) return n;
    if (weft_would_block()) return -1;
    PyErr_SetFromErrno(PyExc_OSError);
    return -2;
}

static inline Py_ssize_t weft_send(int fd, PyObject *data) {
    Py_buffer b;
    Py_ssize_t n;
    if (PyBytes_CheckExact(data)) return weft_send_bytes(fd, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data));
    if (PyObject_GetBuffer(data, &b, PyBUF_SIMPLE)) return -2;
    n = weft_send_bytes(fd, b.buf, b.len);
    PyBuffer_Release(&b);
    return n;
}

#define WEFT_PIECES 64 /* pieces given to one system call; the rest goes with the next */

static inline Py_ssize_t weft_send_many(int fd, PyObject *list) {
    struct iovec pieces[WEFT_PIECES];
    Py_buffer held[WEFT_PIECES];
    struct msghdr message;
    ssize_t n;
    Py_ssize_t count = PyList_GET_SIZE(list), i;
    if (count > WEFT_PIECES) count = WEFT_PIECES;
    for (i = 0; i < count; i++) {
        if (PyObject_GetBuffer(PyList_GET_ITEM(list, i), &held[i], PyBUF_SIMPLE)) {
            while (i--) PyBuffer_Release(&held[i]);
            return -2;
        }
        pieces[i].iov_base = held[i].buf;
        pieces[i].iov_len = held[i].len;
    }
    memset(&message, 0, sizeof message);
    message.msg_iov = pieces;
    message.msg_iovlen = count;
    n = sendmsg(fd, &message, MSG_NOSIGNAL);
    int saved = errno;
    for (i = 0; i < count; i++) PyBuffer_Release(&held[i]);
    errno = saved;
    if (n >= 0) return n;
    if (weft_would_block()) return -1;
    PyErr_SetFromErrno(PyExc_OSError);
    return -2;
}

/* ---- the recorder's ring -------------------------------------------------------------------------------------- */

typedef struct {
    uint64_t time;
    int64_t value;
    uint32_t number;
    uint8_t kind;
    uint8_t has_key; /* in the ring alone, 0 in a recording */
    uint16_t thread;
} weft_record; /* 24 bytes, the layout of docs/recording-format.md on a little-endian machine */

/* The CPU's own counter where it runs at one rate on every core and in every sleep state; else the system's clock. */
#if defined(__x86_64__)
#include <cpuid.h>
#include <x86intrin.h>
static inline int weft_has_ticks(void) {
    unsigned a, b, c, d;
    return __get_cpuid(0x80000007, &a, &b, &c, &d) && (d & (1u << 8));
}
static inline uint64_t weft_ticks(void) { return __rdtsc(); }
#elif defined(__aarch64__)
static inline int weft_has_ticks(void) { return 1; }
static inline uint64_t weft_ticks(void) { uint64_t t; __asm__ volatile("mrs %0, cntvct_el0" : "=r"(t)); return t; }
#else
static inline int weft_has_ticks(void) { return 0; }
static inline uint64_t weft_ticks(void) { return 0; }
#endif

/* What a callback is called by when it is gone: its code, or its type. A new reference to something that
 * keeps nothing of the program alive. */
static inline PyObject *weft_name_key(PyObject *callback) {
    if (PyMethod_Check(callback)) callback = PyMethod_GET_FUNCTION(callback);
    if (PyFunction_Check(callback)) return Py_NewRef(PyFunction_GET_CODE(callback));
    return Py_NewRef((PyObject *)Py_TYPE(callback));
}
#endif

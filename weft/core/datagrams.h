/* Datagrams for the leaf: several received with one system call, and addresses to and from what Python knows.
 * Its twin in plain Python is FdDatagramChannel in _os.py; both are under the same tests (tests/contract). */
#ifndef WEFT_DATAGRAMS_H
#define WEFT_DATAGRAMS_H
#include "glue.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/un.h>
#ifndef __linux__
struct mmsghdr { struct msghdr msg_hdr; unsigned int msg_len; };
#endif

enum {
    WEFT_BATCH = 16,                       /* datagrams that one system call brings at most */
    WEFT_STRIDE = 65536 + 256,             /* no IP datagram is longer than 64 KiB; 256 bytes more keep small ones
                                              from falling into the same lines of the processor's cache */
    WEFT_UNIX_BATCH = 4,
    WEFT_UNIX_STRIDE = 4 * WEFT_STRIDE,    /* over 256 KiB: as much as asyncio takes */
    WEFT_PEERS = 256,                      /* addresses remembered by a channel with several peers */
    WEFT_RAW = sizeof(struct sockaddr_in6),
};

/* Filled and emptied within one call, while the GIL is held. Pages that no datagram reached cost nothing. */
static char weft_datagram_buffer[WEFT_BATCH * WEFT_STRIDE];

typedef struct {
    int count;
    struct mmsghdr messages[WEFT_BATCH];
    struct iovec pieces[WEFT_BATCH];
    struct sockaddr_storage names[WEFT_BATCH];
} weft_mailbox;

static weft_mailbox weft_ip_mailbox, weft_unix_mailbox;

typedef struct {
    PyObject *address;
    socklen_t size;
    unsigned char raw[WEFT_RAW];
} weft_peer;

typedef struct {
    int next, count; /* datagrams that were received and not yet taken */
    int is_drained;  /* the system had no more when it was last asked, and nobody was told yet */
    PyObject *data[WEFT_BATCH];
    PyObject *sender[WEFT_BATCH];
    socklen_t size[WEFT_BATCH]; /* IP only: of the sender's address, which stands in `raw` */
    unsigned char raw[WEFT_BATCH][WEFT_RAW];
    weft_peer answered; /* IP only: whose datagram was taken last; most answers go there */
    weft_peer last;     /* IP only: whom the last datagram came from, and others once there is a second peer */
    weft_peer *peers;
} weft_batch;

static inline weft_batch *weft_batch_new(void) { return (weft_batch *)PyMem_Calloc(1, sizeof(weft_batch)); }

static inline void weft_batch_free(weft_batch *b) {
    int i;
    if (!b) return;
    for (i = b->next; i < b->count; i++) {
        Py_DECREF(b->data[i]);
        Py_DECREF(b->sender[i]);
    }
    Py_XDECREF(b->answered.address);
    Py_XDECREF(b->last.address);
    if (b->peers)
        for (i = 0; i < WEFT_PEERS; i++) Py_XDECREF(b->peers[i].address);
    PyMem_Free(b->peers);
    PyMem_Free(b);
}

/* ---- addresses ------------------------------------------------------------------------------------------------ */

/* The address as Python's socket module writes it: (host, port), (host, port, flow, scope), a path, an abstract
 * name, or None. A new reference. */
static inline PyObject *weft_address_decode(const struct sockaddr_storage *from, socklen_t size) {
    char host[INET6_ADDRSTRLEN];
    if (size == 0) Py_RETURN_NONE;
    if (from->ss_family == AF_INET) {
        const struct sockaddr_in *a = (const struct sockaddr_in *)from;
        if (!inet_ntop(AF_INET, &a->sin_addr, host, sizeof host)) return PyErr_SetFromErrno(PyExc_OSError);
        return Py_BuildValue("(si)", host, ntohs(a->sin_port));
    }
    if (from->ss_family == AF_INET6) {
        const struct sockaddr_in6 *a = (const struct sockaddr_in6 *)from;
        if (!inet_ntop(AF_INET6, &a->sin6_addr, host, sizeof host)) return PyErr_SetFromErrno(PyExc_OSError);
        return Py_BuildValue("(siII)", host, ntohs(a->sin6_port), ntohl(a->sin6_flowinfo), a->sin6_scope_id);
    }
    if (from->ss_family == AF_UNIX) {
        const struct sockaddr_un *a = (const struct sockaddr_un *)from;
        Py_ssize_t length = (Py_ssize_t)size - (Py_ssize_t)offsetof(struct sockaddr_un, sun_path);
        if (length > 0 && !a->sun_path[0]) return PyBytes_FromStringAndSize(a->sun_path, length);
        return PyUnicode_DecodeFSDefaultAndSize(a->sun_path, length > 0 ? (Py_ssize_t)strnlen(a->sun_path, length) : 0);
    }
    return PyErr_Format(PyExc_OSError, "a datagram came from an address of family %d", (int)from->ss_family);
}

static inline int weft_is_peer(const weft_peer *peer, const void *raw, socklen_t size) {
    return peer->address && peer->size == size && !memcmp(peer->raw, raw, size);
}

static inline void weft_peer_set(weft_peer *peer, PyObject *address, const void *raw, socklen_t size) {
    PyObject *before = peer->address;
    peer->address = Py_NewRef(address);
    peer->size = size;
    memcpy(peer->raw, raw, size);
    Py_XDECREF(before);
}

/* The same, from memory where the peer is known: a server hears from the same peers again and again. */
static inline PyObject *weft_sender(weft_batch *b, const struct sockaddr_storage *from, socklen_t size) {
    PyObject *address;
    weft_peer *peer = NULL;
    if (size < sizeof(struct sockaddr_in) || size > WEFT_RAW) return weft_address_decode(from, size);
    if (weft_is_peer(&b->last, from, size)) return Py_NewRef(b->last.address);
    if (b->last.address) {
        const uint32_t *host = (const uint32_t *)((const char *)from + (from->ss_family == AF_INET ? 4 : 20));
        uint32_t mixed = (*host ^ (uint32_t)((const struct sockaddr_in *)from)->sin_port << 16) * 2654435761u;
        if (!b->peers && !(b->peers = (weft_peer *)PyMem_Calloc(WEFT_PEERS, sizeof(weft_peer)))) return PyErr_NoMemory();
        peer = &b->peers[mixed >> 24];
    }
    if (peer && weft_is_peer(peer, from, size)) address = Py_NewRef(peer->address);
    else if (!(address = weft_address_decode(from, size))) return NULL;
    else if (peer) weft_peer_set(peer, address, from, size);
    weft_peer_set(&b->last, address, from, size);
    return address;
}

static inline int weft_number(PyObject *object, long long most, long long *number) {
    int overflow;
    if (!PyLong_CheckExact(object)) return 0;
    *number = PyLong_AsLongLongAndOverflow(object, &overflow);
    return !overflow && *number >= 0 && *number <= most;
}

/* The size of an IP address whose host is written in numbers; 0 for any other, which is left to Python. */
static inline socklen_t weft_ip_encode(int family, PyObject *address, struct sockaddr_storage *to) {
    PyObject *host;
    const char *text;
    long long port, flow = 0, scope = 0;
    Py_ssize_t count;
    if (!PyTuple_CheckExact(address) || (count = PyTuple_GET_SIZE(address)) < 2) return 0;
    host = PyTuple_GET_ITEM(address, 0);
    if (!PyUnicode_CheckExact(host) || !PyUnicode_IS_COMPACT_ASCII(host)) return 0;
    text = (const char *)PyUnicode_1BYTE_DATA(host);
    if ((Py_ssize_t)strlen(text) != PyUnicode_GET_LENGTH(host)) return 0;
    if (!weft_number(PyTuple_GET_ITEM(address, 1), 65535, &port)) return 0;
    if (family == AF_INET) {
        struct sockaddr_in *a = (struct sockaddr_in *)to;
        if (count != 2) return 0;
        memset(a, 0, sizeof *a);
        a->sin_family = AF_INET;
        a->sin_port = htons((uint16_t)port);
        return inet_pton(AF_INET, text, &a->sin_addr) == 1 ? sizeof *a : 0;
    }
    struct sockaddr_in6 *a = (struct sockaddr_in6 *)to;
    if (count > 4 || (count > 2 && !weft_number(PyTuple_GET_ITEM(address, 2), 0xfffff, &flow))) return 0;
    if (count > 3 && !weft_number(PyTuple_GET_ITEM(address, 3), 0xffffffff, &scope)) return 0;
    memset(a, 0, sizeof *a);
    a->sin6_family = AF_INET6;
    a->sin6_port = htons((uint16_t)port);
    a->sin6_flowinfo = htonl((uint32_t)flow);
    a->sin6_scope_id = (uint32_t)scope;
    return inet_pton(AF_INET6, text, &a->sin6_addr) == 1 ? sizeof *a : 0;
}

/* ---- in and out ----------------------------------------------------------------------------------------------- */

static inline weft_mailbox *weft_mailbox_of(int family) {
    weft_mailbox *box = family == AF_UNIX ? &weft_unix_mailbox : &weft_ip_mailbox;
    size_t stride = family == AF_UNIX ? WEFT_UNIX_STRIDE : WEFT_STRIDE;
    int i;
    if (box->count) return box;
    box->count = family == AF_UNIX ? WEFT_UNIX_BATCH : WEFT_BATCH;
    for (i = 0; i < box->count; i++) {
        box->pieces[i].iov_base = weft_datagram_buffer + i * stride;
        box->pieces[i].iov_len = stride;
        box->messages[i].msg_hdr.msg_iov = &box->pieces[i];
        box->messages[i].msg_hdr.msg_iovlen = 1;
        box->messages[i].msg_hdr.msg_name = &box->names[i];
        box->messages[i].msg_hdr.msg_namelen = sizeof box->names[i];
    }
    return box;
}

/* How many messages came; -1 with errno. Less than a boxful: there were no more, or an error follows. */
static inline int weft_receive_messages(int fd, weft_mailbox *box) {
#ifdef __linux__
    return recvmmsg(fd, box->messages, box->count, MSG_DONTWAIT, NULL);
#else
    int i;
    for (i = 0; i < box->count; i++) {
        ssize_t n = recvmsg(fd, &box->messages[i].msg_hdr, MSG_DONTWAIT);
        if (n < 0) return i ? i : -1;
        box->messages[i].msg_len = (unsigned int)n;
    }
    return i;
#endif
}

/* Receive into an empty batch. How many came; 0 when there is nothing; -1 with OSError. */
static inline int weft_datagrams_receive(weft_batch *b, int fd, int family) {
    weft_mailbox *box = weft_mailbox_of(family);
    int came = weft_receive_messages(fd, box), i;
    if (came <= 0) {
        if (came == 0 || weft_would_block()) return 0;
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    b->next = b->count = 0;
    b->is_drained = came < box->count;
    for (i = 0; i < came; i++) {
        struct msghdr *header = &box->messages[i].msg_hdr;
        socklen_t size = header->msg_namelen;
        header->msg_namelen = sizeof box->names[i];
        if (b->count < i) continue; /* one before failed */
        b->data[i] = PyBytes_FromStringAndSize((char *)box->pieces[i].iov_base, box->messages[i].msg_len);
        if (!b->data[i]) continue;
        b->sender[i] = weft_sender(b, &box->names[i], size);
        if (!b->sender[i]) {
            Py_CLEAR(b->data[i]);
            continue;
        }
        b->size[i] = family != AF_UNIX && size <= WEFT_RAW ? size : 0;
        memcpy(b->raw[i], &box->names[i], b->size[i]);
        b->count = i + 1;
    }
    if (b->count < came) {
        b->is_drained = 0;
        return -1;
    }
    return came;
}

/* The next datagram, a new reference; None when there is none; NULL with OSError. */
static inline PyObject *weft_datagram_next(weft_batch *b, int fd, int family) {
    if (b->next == b->count) {
        int came;
        if (b->is_drained) {
            b->is_drained = 0;
            Py_RETURN_NONE;
        }
        came = weft_datagrams_receive(b, fd, family);
        if (came < 0) return NULL;
        if (came == 0) Py_RETURN_NONE;
    }
    return b->data[b->next++];
}

/* The sender of the datagram that `weft_datagram_next` has just returned; to be taken once. A new reference. */
static inline PyObject *weft_datagram_sender(weft_batch *b) {
    int i = b->next - 1;
    if (b->size[i]) weft_peer_set(&b->answered, b->sender[i], b->raw[i], b->size[i]);
    return b->sender[i];
}

/* 1 when it was sent; 0 when it would block; -1 with an exception; -2 for an address that is left to Python.
 * The address is None on a connected socket. There may be no batch. */
static inline int weft_datagram_send(weft_batch *b, int fd, int family, PyObject *data, PyObject *address) {
    struct sockaddr_storage to;
    struct sockaddr *name = NULL;
    socklen_t size = 0;
    ssize_t n;
    if (b && address == b->answered.address) {
        name = (struct sockaddr *)b->answered.raw;
        size = b->answered.size;
    } else if (address != Py_None) {
        if (family != AF_INET && family != AF_INET6) return -2;
        if (!(size = weft_ip_encode(family, address, &to))) return -2;
        name = (struct sockaddr *)&to;
    }
    if (PyBytes_CheckExact(data)) {
        n = sendto(fd, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), MSG_NOSIGNAL | MSG_DONTWAIT, name, size);
    } else {
        Py_buffer held;
        int saved;
        if (PyObject_GetBuffer(data, &held, PyBUF_SIMPLE)) return -1;
        n = sendto(fd, held.buf, held.len, MSG_NOSIGNAL | MSG_DONTWAIT, name, size);
        saved = errno;
        PyBuffer_Release(&held);
        errno = saved;
    }
    if (n >= 0) return 1;
    if (weft_would_block()) return 0;
    PyErr_SetFromErrno(PyExc_OSError);
    return -1;
}
#endif

/* io_uring (io_uring(7)) for receiving: one ring, one set of buffers that the system fills, nothing of liburing.
 * What of the system's interface is needed is declared here, so that no kernel's headers are: it never changes.
 * It asks for Linux 6.1 when it runs (a ring that works only while its one thread waits), and says so by an errno. */
#ifndef WEFT_URING_H
#define WEFT_URING_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <Python.h>
#include <errno.h>
#include <stdint.h>

/* A request, and what came of it: `struct io_uring_sqe` and `struct io_uring_cqe`. */
typedef struct {
    uint8_t opcode, flags;
    uint16_t priority;
    int32_t fd;
    uint64_t offset, address;
    uint32_t length, operation_flags;
    uint64_t user_data;
    uint16_t buffer_group, personality;
    int32_t splice_fd;
    uint64_t unused[2];
} weft_request;

typedef struct {
    uint64_t user_data;
    int32_t result;
    uint32_t flags;
} weft_completion;

enum {
    WEFT_HAS_BUFFER = 1, /* in a completion's flags: its buffer's number stands in the upper half */
    WEFT_GOES_ON = 2,    /* more completions of the same request will come */
};

/* One buffer of the set, as the system reads it: `struct io_uring_buf`. In the first, `tail` is the set's. */
typedef struct {
    uint64_t address;
    uint32_t length;
    uint16_t number, tail;
} weft_buffer;

typedef struct {
    int fd;
    unsigned long generation; /* of the process, see weft_uring_forks */
    unsigned *requests_head, *requests_tail, *completions_head, *completions_tail;
    unsigned requests_mask, completions_mask, tail;
    weft_request *requests;
    weft_completion *completions;
    void *rings;
    size_t rings_size, requests_size;
    weft_buffer *buffers; /* the set, and right behind it what they are filled with */
    char *room;
    size_t buffers_size;
    unsigned buffers_mask, buffer_size;
    uint16_t buffers_tail;
} weft_uring;

#ifdef __linux__
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { WEFT_SETUP = 425, WEFT_ENTER = 426, WEFT_REGISTER = 427 }; /* the same on every machine but Alpha */

struct weft_uring_parameters {
    uint32_t requests, completions, flags, thread_cpu, thread_idle, features, worker_fd, unused[3];
    struct { uint32_t head, tail, mask, entries, flags, dropped, array, unused; uint64_t address; } of_requests;
    struct { uint32_t head, tail, mask, entries, overflow, entries_at, flags, unused; uint64_t address; } of_completions;
};

/* Counts this process's forks: a ring is its maker's alone, and the child has no mapping of it. */
static unsigned long weft_uring_forks;
static void weft_uring_forked(void) { weft_uring_forks++; }
static void weft_uring_watch_forks(void) { pthread_atfork(NULL, NULL, weft_uring_forked); }

static inline int weft_uring_is_inherited(weft_uring *ring) { return ring->generation != weft_uring_forks; }

static inline void *weft_uring_map(size_t size, int fd, off_t offset) {
    int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED | MAP_POPULATE;
    void *found = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, offset);
    if (found == MAP_FAILED) return NULL;
    madvise(found, size, MADV_DONTFORK);
    return found;
}

/* Gives everything back. What is still under way is ended by the system a moment later. */
static inline void weft_uring_close(weft_uring *ring) {
    if (ring->fd >= 0) close(ring->fd);
    if (!weft_uring_is_inherited(ring)) { /* a child has something else at these addresses, perhaps */
        if (ring->rings) munmap(ring->rings, ring->rings_size);
        if (ring->requests) munmap(ring->requests, ring->requests_size);
        if (ring->buffers) munmap(ring->buffers, ring->buffers_size);
    }
    free(ring);
}

static inline char *weft_uring_buffer(weft_uring *ring, unsigned number) {
    return ring->room + (size_t)number * ring->buffer_size;
}

/* Lets the system fill a buffer, from the next weft_uring_enter on. */
static inline void weft_uring_give_back(weft_uring *ring, unsigned number) {
    weft_buffer *buffer = &ring->buffers[ring->buffers_tail & ring->buffers_mask];
    buffer->address = (uint64_t)(uintptr_t)weft_uring_buffer(ring, number);
    buffer->length = ring->buffer_size;
    buffer->number = number;
    ring->buffers_tail++;
    __atomic_store_n(&ring->buffers[0].tail, ring->buffers_tail, __ATOMIC_RELEASE);
}

static inline int weft_uring_set_up(weft_uring *ring, unsigned requests, unsigned completions, unsigned buffers) {
    struct weft_uring_parameters p;
    struct { uint64_t address; uint32_t entries; uint16_t group, flags; uint64_t unused[3]; } set;
    size_t ends[2];
    char *base;
    unsigned i, *order;
    memset(&p, 0, sizeof p);
    p.completions = completions;
    /* CQSIZE, and what tells the kernels before 6.1: SINGLE_ISSUER and DEFER_TASKRUN. */
    p.flags = 1u << 3 | 1u << 12 | 1u << 13;
    ring->fd = (int)syscall(WEFT_SETUP, requests, &p);
    if (ring->fd < 0) return -1;
    if ((p.features & (1u | 2u | 1u << 8)) != (1u | 2u | 1u << 8)) { /* SINGLE_MMAP, NODROP, EXT_ARG */
        errno = ENOSYS;
        return -1;
    }
    ends[0] = p.of_requests.array + p.requests * sizeof(unsigned);
    ends[1] = p.of_completions.entries_at + p.completions * sizeof(weft_completion);
    ring->rings_size = ends[0] > ends[1] ? ends[0] : ends[1];
    ring->requests_size = p.requests * sizeof(weft_request);
    ring->rings = base = weft_uring_map(ring->rings_size, ring->fd, 0);
    ring->requests = weft_uring_map(ring->requests_size, ring->fd, 0x10000000);
    ring->buffers_size = (size_t)buffers * (sizeof(weft_buffer) + ring->buffer_size);
    ring->buffers = weft_uring_map(ring->buffers_size, -1, 0);
    if (!ring->rings || !ring->requests || !ring->buffers) return -1;
    ring->requests_head = (unsigned *)(base + p.of_requests.head);
    ring->requests_tail = (unsigned *)(base + p.of_requests.tail);
    ring->requests_mask = p.requests - 1;
    ring->completions_head = (unsigned *)(base + p.of_completions.head);
    ring->completions_tail = (unsigned *)(base + p.of_completions.tail);
    ring->completions_mask = p.completions - 1;
    ring->completions = (weft_completion *)(base + p.of_completions.entries_at);
    order = (unsigned *)(base + p.of_requests.array);
    for (i = 0; i < p.requests; i++) order[i] = i;
    ring->buffers_mask = buffers - 1;
    ring->room = (char *)(ring->buffers + buffers);
    memset(&set, 0, sizeof set);
    set.address = (uint64_t)(uintptr_t)ring->buffers;
    set.entries = buffers;
    if (syscall(WEFT_REGISTER, ring->fd, 22, &set, 1) < 0) return -1; /* IORING_REGISTER_PBUF_RING */
    for (i = 0; i < buffers; i++) weft_uring_give_back(ring, i);
    return 0;
}

/* A new ring of the calling thread; NULL with an errno. The three numbers are powers of two. */
static inline weft_uring *weft_uring_open(unsigned requests, unsigned completions, unsigned buffers, unsigned size) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    weft_uring *ring = calloc(1, sizeof *ring);
    int saved;
    if (!ring) return NULL;
    pthread_once(&once, weft_uring_watch_forks);
    ring->fd = -1;
    ring->buffer_size = size;
    ring->generation = weft_uring_forks;
    if (weft_uring_set_up(ring, requests, completions, buffers) == 0) return ring;
    saved = errno;
    weft_uring_close(ring);
    errno = saved;
    return NULL;
}

/* Room for a request, all zero; NULL while as many wait to be handed over as there is room for. */
static inline weft_request *weft_uring_request(weft_uring *ring) {
    unsigned head = __atomic_load_n(ring->requests_head, __ATOMIC_ACQUIRE);
    weft_request *request;
    if (ring->tail - head > ring->requests_mask) return NULL;
    request = &ring->requests[ring->tail++ & ring->requests_mask];
    memset(request, 0, sizeof *request);
    return request;
}

/* Receive from a connection, again and again, into buffers of the set. False: no room for the request now. */
static inline int weft_uring_receive(weft_uring *ring, int fd, uint64_t user_data) {
    weft_request *request = weft_uring_request(ring);
    if (!request) return 0;
    request->opcode = 27;   /* RECV */
    request->priority = 2;  /* RECV_MULTISHOT */
    request->flags = 1 << 5; /* BUFFER_SELECT */
    request->fd = fd;
    request->user_data = user_data;
    return 1;
}

/* End the request that has `user_data`, or all of them (0); this one's own completion has `own`. */
static inline int weft_uring_cancel(weft_uring *ring, uint64_t user_data, uint64_t own) {
    weft_request *request = weft_uring_request(ring);
    if (!request) return 0;
    request->opcode = 14; /* ASYNC_CANCEL */
    request->fd = -1;
    request->address = user_data;
    request->operation_flags = user_data ? 0 : 1 | 4; /* ALL, ANY */
    request->user_data = own;
    return 1;
}

/* Tell each time that a descriptor becomes readable. */
static inline int weft_uring_poll(weft_uring *ring, int fd, uint64_t user_data) {
    weft_request *request = weft_uring_request(ring);
    if (!request) return 0;
    request->opcode = 6; /* POLL_ADD */
    request->length = 1; /* POLL_ADD_MULTI */
    request->fd = fd;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    request->operation_flags = (uint32_t)POLLIN << 16;
#else
    request->operation_flags = POLLIN;
#endif
    request->user_data = user_data;
    return 1;
}

/* Hand the requests over, let the system do what it can, and wait for `least` completions, for so long at most
 * (-1: no limit). Less may come: the time passed, or a signal came. A negative errno if it fails. */
static inline int weft_uring_enter(weft_uring *ring, unsigned least, long long timeout_ns) {
    struct { int64_t s, ns; } time = {timeout_ns / 1000000000, timeout_ns % 1000000000};
    struct { uint64_t mask; uint32_t mask_size, unused; uint64_t time; } limits = {0, 0, 0, (uint64_t)(uintptr_t)&time};
    int has_limit = least && timeout_ns >= 0;
    unsigned waiting = ring->tail - __atomic_load_n(ring->requests_head, __ATOMIC_ACQUIRE);
    long result;
    __atomic_store_n(ring->requests_tail, ring->tail, __ATOMIC_RELEASE);
    result = syscall(WEFT_ENTER, ring->fd, waiting, least, has_limit ? 1 | 8 : 1, /* GETEVENTS, EXT_ARG */
                     has_limit ? (void *)&limits : NULL, has_limit ? sizeof limits : 0);
    return result >= 0 || errno == ETIME || errno == EINTR ? 0 : -errno;
}

/* The next completion, which is copied out and made room of; false if there is none. */
static inline int weft_uring_next(weft_uring *ring, weft_completion *found) {
    unsigned head = *ring->completions_head;
    if (head == __atomic_load_n(ring->completions_tail, __ATOMIC_ACQUIRE)) return 0;
    *found = ring->completions[head & ring->completions_mask];
    __atomic_store_n(ring->completions_head, head + 1, __ATOMIC_RELEASE);
    return 1;
}

#else /* not Linux: there is none, and no ring is ever opened */
static inline int weft_uring_is_inherited(weft_uring *ring) { (void)ring; return 0; }
static inline void weft_uring_close(weft_uring *ring) { (void)ring; }
static inline char *weft_uring_buffer(weft_uring *ring, unsigned number) { (void)ring; (void)number; return NULL; }
static inline void weft_uring_give_back(weft_uring *ring, unsigned number) { (void)ring; (void)number; }
static inline weft_uring *weft_uring_open(unsigned requests, unsigned completions, unsigned buffers, unsigned size) {
    (void)requests; (void)completions; (void)buffers; (void)size;
    errno = ENOSYS;
    return NULL;
}
static inline int weft_uring_receive(weft_uring *ring, int fd, uint64_t user_data) { (void)ring; (void)fd; (void)user_data; return 0; }
static inline int weft_uring_cancel(weft_uring *ring, uint64_t user_data, uint64_t own) { (void)ring; (void)user_data; (void)own; return 0; }
static inline int weft_uring_poll(weft_uring *ring, int fd, uint64_t user_data) { (void)ring; (void)fd; (void)user_data; return 0; }
static inline int weft_uring_enter(weft_uring *ring, unsigned least, long long timeout_ns) { (void)ring; (void)least; (void)timeout_ns; return -ENOSYS; }
static inline int weft_uring_next(weft_uring *ring, weft_completion *found) { (void)ring; (void)found; return 0; }
#endif
#endif

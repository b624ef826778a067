/* c_epoll: a plain C echo server on epoll, one thread, for what readiness can give at most.
 *
 *   c_epoll -p PORT             TCP on 127.0.0.1; port 0 takes a free one
 *   c_epoll -p PORT -L PEM      TLS; the file has the key and the certificates
 *   c_epoll -p PORT -D          UDP
 *   c_epoll -u PATH             a UNIX stream socket
 *
 * Prints "READY PORT" (the port is 0 for a UNIX socket) once it listens, and serves until a signal ends it.
 *
 * Level-triggered on purpose: it is the simplest form and costs one recv and one send a message. A connection whose
 * peer does not read is not read from either, so that it never holds more than one buffer of unsent bytes.
 */
#define _GNU_SOURCE
#include "tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    READ_BYTES = 64 * 1024,
    EVENTS_A_TURN = 512,
    BACKLOG = 4096,
    RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024, /* of a UDP socket; the kernel may allow less */
};

/* One client. `unsent` holds what the socket did not take, from `unsent_begin` to `unsent_end`. */
struct connection {
    int fd;
    void *tls; /* its session, or NULL */
    char *unsent;
    size_t unsent_begin, unsent_end;
};

static char read_buffer[READ_BYTES];
static int epoll_fd;
static int is_tcp;
static void *tls_context;

static void fail(const char *what)
{
    fprintf(stderr, "c_epoll: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void watch(int operation, int fd, uint32_t events, void *owner)
{
    struct epoll_event event = {.events = events, .data.ptr = owner};
    if (epoll_ctl(epoll_fd, operation, fd, &event) != 0)
        fail("epoll_ctl");
}

static void close_connection(struct connection *connection)
{
    if (connection->tls != NULL)
        tls_free(connection->tls);
    close(connection->fd); /* which also takes it out of epoll's set */
    free(connection->unsent);
    free(connection);
}

static int bound_internet(int type, int port)
{
    int one = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int fd = socket(AF_INET, type | SOCK_NONBLOCK, 0);
    if (fd < 0)
        fail("socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0)
        fail("bind");
    return fd;
}

static int bound_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        fail(path);
    }
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd < 0)
        fail("socket");
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0)
        fail("bind");
    return fd;
}

static int port_of(int fd)
{
    struct sockaddr_in address = {.sin_family = AF_UNSPEC};
    socklen_t length = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &length) != 0)
        fail("getsockname");
    return address.sin_family == AF_INET ? ntohs(address.sin_port) : 0;
}

static void accept_all(int listener)
{
    int fd, one = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct connection *connection = calloc(1, sizeof *connection);
        if (connection == NULL)
            fail("calloc");
        connection->fd = fd;
        if (is_tcp)
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (tls_context != NULL)
            connection->tls = tls_server_session(tls_context, fd);
        watch(EPOLL_CTL_ADD, fd, EPOLLIN, connection);
    }
    if (errno != EAGAIN && errno != ECONNABORTED)
        fail("accept4");
}

static ssize_t receive_some(struct connection *connection)
{
    if (connection->tls != NULL)
        return tls_recv(connection->tls, read_buffer, sizeof read_buffer);
    return recv(connection->fd, read_buffer, sizeof read_buffer, 0);
}

/* Returns how many bytes the socket took, or -1 when the connection is lost. */
static ssize_t send_some(struct connection *connection, const char *bytes, size_t size)
{
    ssize_t sent = connection->tls != NULL ? tls_send(connection->tls, bytes, size)
                                           : send(connection->fd, bytes, size, MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN)
        return 0;
    return sent;
}

static void keep_unsent(struct connection *connection, const char *bytes, size_t size)
{
    connection->unsent = malloc(size);
    if (connection->unsent == NULL)
        fail("malloc");
    memcpy(connection->unsent, bytes, size);
    connection->unsent_begin = 0;
    connection->unsent_end = size;
    watch(EPOLL_CTL_MOD, connection->fd, EPOLLOUT, connection);
}

/* Returns whether the connection may be read from: all is sent, and it is not lost. */
static int send_unsent(struct connection *connection)
{
    size_t left = connection->unsent_end - connection->unsent_begin;
    ssize_t sent = send_some(connection, connection->unsent + connection->unsent_begin, left);
    if (sent < 0) {
        close_connection(connection);
        return 0;
    }
    connection->unsent_begin += (size_t)sent;
    if (connection->unsent_begin < connection->unsent_end)
        return 0;
    free(connection->unsent);
    connection->unsent = NULL;
    watch(EPOLL_CTL_MOD, connection->fd, EPOLLIN, connection);
    return 1;
}

/* Returns whether the connection may be read from again at once. */
static int echo(struct connection *connection)
{
    ssize_t received = receive_some(connection);
    if (received < 0 && errno == EAGAIN)
        return 0;
    if (received <= 0) {
        close_connection(connection);
        return 0;
    }
    ssize_t sent = send_some(connection, read_buffer, (size_t)received);
    if (sent < 0)
        close_connection(connection);
    else if (sent < received)
        keep_unsent(connection, read_buffer + sent, (size_t)(received - sent));
    return sent == received;
}

static void on_ready(struct connection *connection)
{
    if (connection->unsent != NULL && !send_unsent(connection))
        return;
    while (echo(connection) && connection->tls != NULL && tls_has_more(connection->tls))
        ;
}

static void serve(int listener)
{
    struct epoll_event events[EVENTS_A_TURN];
    for (;;) {
        int count = epoll_wait(epoll_fd, events, EVENTS_A_TURN, -1);
        if (count < 0 && errno != EINTR)
            fail("epoll_wait");
        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;
            if (connection == NULL) /* the listener is the one that has no connection */
                accept_all(listener);
            else
                on_ready(connection);
        }
    }
}

static void serve_datagrams(int fd)
{
    struct epoll_event event;
    for (;;) {
        struct sockaddr_in sender;
        socklen_t length = sizeof sender;
        ssize_t received = recvfrom(fd, read_buffer, sizeof read_buffer, 0, (struct sockaddr *)&sender, &length);
        if (received >= 0)
            sendto(fd, read_buffer, (size_t)received, 0, (struct sockaddr *)&sender, length); /* may be lost */
        else if (errno == EAGAIN)
            epoll_wait(epoll_fd, &event, 1, -1);
        else if (errno != ECONNREFUSED && errno != EINTR) /* a client that has gone is no matter */
            fail("recvfrom");
    }
}

static void usage(void)
{
    fprintf(stderr, "usage: c_epoll -p PORT [-L PEM | -D] | -u PATH\n");
    exit(2);
}

int main(int argc, char **argv)
{
    const char *path = NULL, *pem_path = NULL;
    int port = -1, is_udp = 0, option, receive_buffer = RECEIVE_BUFFER_BYTES;
    while ((option = getopt(argc, argv, "p:u:L:D")) != -1) {
        switch (option) {
        case 'p': port = atoi(optarg); break;
        case 'u': path = optarg; break;
        case 'L': pem_path = optarg; break;
        case 'D': is_udp = 1; break;
        default: usage();
        }
    }
    if ((path == NULL) == (port < 0) || port > 65535 || (path != NULL) + (pem_path != NULL) + is_udp > 1)
        usage();
    signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
    is_tcp = path == NULL && !is_udp;
    if (pem_path != NULL)
        tls_context = tls_server_context(pem_path);
    int fd = path != NULL ? bound_unix(path) : bound_internet(is_udp ? SOCK_DGRAM : SOCK_STREAM, port);
    if (is_udp)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    else if (listen(fd, BACKLOG) != 0)
        fail("listen");
    epoll_fd = epoll_create1(0);
    if (epoll_fd < 0)
        fail("epoll_create1");
    watch(EPOLL_CTL_ADD, fd, EPOLLIN, NULL);
    printf("READY %d\n", port_of(fd));
    fflush(stdout);
    if (is_udp)
        serve_datagrams(fd);
    serve(fd);
}

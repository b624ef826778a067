/* c_epoll: a plain C echo server on epoll, one thread, for what readiness can give at most.
 *
 *   c_epoll -p PORT     TCP on 127.0.0.1; port 0 takes a free one
 *   c_epoll -u PATH     a UNIX stream socket
 *
 * Prints "READY PORT" (the port is 0 for a UNIX socket) once it listens, and serves until a signal ends it.
 *
 * Level-triggered on purpose: it is the simplest form and costs one recv and one send a message. A connection whose
 * peer does not read is not read from either, so that it never holds more than one buffer of unsent bytes.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
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
};

/* One client. `unsent` holds what the socket did not take, from `unsent_begin` to `unsent_end`. */
struct connection {
    int fd;
    char *unsent;
    size_t unsent_begin, unsent_end;
};

static char read_buffer[READ_BYTES];
static int epoll_fd;
static int is_tcp;

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
    close(connection->fd); /* which also takes it out of epoll's set */
    free(connection->unsent);
    free(connection);
}

static int listen_tcp(int port)
{
    int one = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd < 0)
        fail("socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0)
        fail("bind");
    return fd;
}

static int listen_unix(const char *path)
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
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    if (!is_tcp)
        return 0;
    if (getsockname(fd, (struct sockaddr *)&address, &length) != 0)
        fail("getsockname");
    return ntohs(address.sin_port);
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
        watch(EPOLL_CTL_ADD, fd, EPOLLIN, connection);
    }
    if (errno != EAGAIN && errno != ECONNABORTED)
        fail("accept4");
}

/* Returns how many bytes the socket took, or -1 when the connection is lost. */
static ssize_t send_some(int fd, const char *bytes, size_t size)
{
    ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
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

static void send_unsent(struct connection *connection)
{
    size_t left = connection->unsent_end - connection->unsent_begin;
    ssize_t sent = send_some(connection->fd, connection->unsent + connection->unsent_begin, left);
    if (sent < 0) {
        close_connection(connection);
        return;
    }
    connection->unsent_begin += (size_t)sent;
    if (connection->unsent_begin == connection->unsent_end) {
        free(connection->unsent);
        connection->unsent = NULL;
        watch(EPOLL_CTL_MOD, connection->fd, EPOLLIN, connection);
    }
}

static void echo(struct connection *connection)
{
    ssize_t received = recv(connection->fd, read_buffer, sizeof read_buffer, 0);
    if (received < 0 && errno == EAGAIN)
        return;
    if (received <= 0) {
        close_connection(connection);
        return;
    }
    ssize_t sent = send_some(connection->fd, read_buffer, (size_t)received);
    if (sent < 0)
        close_connection(connection);
    else if (sent < received)
        keep_unsent(connection, read_buffer + sent, (size_t)(received - sent));
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
            else if (connection->unsent != NULL)
                send_unsent(connection);
            else
                echo(connection);
        }
    }
}

int main(int argc, char **argv)
{
    const char *path = NULL;
    int port = -1, option;
    while ((option = getopt(argc, argv, "p:u:")) != -1) {
        if (option == 'p')
            port = atoi(optarg);
        else if (option == 'u')
            path = optarg;
        else
            return 2;
    }
    if ((path == NULL) == (port < 0) || port > 65535) {
        fprintf(stderr, "usage: c_epoll -p PORT | -u PATH\n");
        return 2;
    }
    is_tcp = path == NULL;
    int listener = is_tcp ? listen_tcp(port) : listen_unix(path);
    if (listen(listener, BACKLOG) != 0)
        fail("listen");
    epoll_fd = epoll_create1(0);
    if (epoll_fd < 0)
        fail("epoll_create1");
    watch(EPOLL_CTL_ADD, listener, EPOLLIN, NULL);
    printf("READY %d\n", port_of(listener));
    fflush(stdout);
    serve(listener);
}

/* loadgen: a bounded ping-pong load generator for servers on this machine.
 *
 *   loadgen (-p PORT [-L | -D] | -u PATH) -S SERVER_PID [-s SIZE | -f FILE] [-r REPLY_SIZE] [-c CONNECTIONS] [-d DEPTH]
 *           [-t SECONDS] [-w WARMUP] [-A SERVER_CPU] [-B CLIENT_CPU]
 *
 * Every connection keeps DEPTH messages of SIZE bytes under way and sends the next one when one has come back whole. A
 * message is a line: its last byte is a newline. With -f it is the file's content, such as an HTTP request. What comes
 * back is as long as what was sent, or REPLY_SIZE bytes. -L speaks TLS (tls.h), -D sends datagrams: if none comes back to
 * a connection for LOST_AFTER_MS, those that are under way on it count as lost and are sent again.
 *
 * After WARMUP seconds it measures for SECONDS seconds and prints one JSON object:
 *
 *   messages            how many came back whole while it measured
 *   seconds             for how long it really measured
 *   messages_per_s      the throughput
 *   p50_us ... max_us   from handing a message to the kernel (or queueing it) to reading its last byte
 *   server_cpu_us       CPU time of the server's process, a message
 *   server_share        CPU time of the server's process, of the time measured
 *   client_share        the same of this process; near 1 it was this program that limited the throughput
 *   server_core_idle    how much of the time SERVER_CPU (default 0) had nothing to do
 *   client_core_idle    the same of CLIENT_CPU (default 1)
 *   lost                how many datagrams did not come back in time
 *
 * It connects to 127.0.0.1 or to a UNIX socket and to nothing else, each argument has an upper bound, and an alarm
 * ends it should anything hang. It counts the bytes that come back and does not compare them.
 */
#define _GNU_SOURCE
#include "measure.h"
#include "tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
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
    MAX_SIZE = 16 * 1024 * 1024,
    MAX_DATAGRAM_SIZE = 65507,
    MAX_CONNECTIONS = 10000,
    MAX_DEPTH = 1024,
    MAX_SECONDS = 60,
    MAX_WARMUP_SECONDS = 10,
    MAX_CPU = 1023,
    GRACE_SECONDS = 10, /* on top of the time asked for, before the alarm ends the program */
    EVENTS_A_TURN = 512,
    TURN_MS = 100, /* how long a turn waits at most, so that the clock is looked at even when nothing comes back */
    READ_BYTES = 256 * 1024,
    SEND_BYTES = 64 * 1024, /* what is given to one send at most, unless a message is larger */
    LOST_AFTER_MS = 200,
};

struct connection {
    int fd;
    void *tls;            /* its session, or NULL */
    int waits_for_room;   /* epoll tells us of room to send */
    size_t received;      /* bytes of the reply that is coming */
    size_t unsent;        /* bytes queued and not yet taken by the kernel */
    uint64_t heard_at_ns; /* when the last one came back, or was sent again */
    uint64_t *sent_at_ns; /* a ring of `depth` times; a message's place is its number modulo depth */
    uint64_t queued, completed;
};

/* What the command line asks for. */
static const char *unix_path, *message_path;
static int speaks_tls, sends_datagrams;
static long port = -1, server_pid = -1;
static long size = 1024, reply_size = -1, connections = 50, depth = 1, server_cpu = 0, client_cpu = 1;
static double measure_s = 2, warmup_s = 0.3;

static struct connection *all;
static char *messages; /* as many copies of the message as leave together at most */
static size_t messages_bytes;
static char read_buffer[READ_BYTES];
static int epoll_fd;
static void *tls_context;
static int is_measuring;
static uint64_t lost;

/* ---- one connection ---- */

static void wait_for_room(struct connection *connection, int wanted)
{
    if (wanted == connection->waits_for_room)
        return;
    connection->waits_for_room = wanted;
    struct epoll_event event = {.events = wanted ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = connection};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, connection->fd, &event) != 0)
        fail("epoll_ctl");
}

static ssize_t receive_some(struct connection *connection)
{
    if (connection->tls != NULL)
        return tls_recv(connection->tls, read_buffer, sizeof read_buffer);
    return recv(connection->fd, read_buffer, sizeof read_buffer, 0);
}

static ssize_t send_some(struct connection *connection, const char *bytes, size_t count)
{
    if (connection->tls != NULL)
        return tls_send(connection->tls, bytes, count);
    return send(connection->fd, bytes, count, MSG_NOSIGNAL);
}

static void send_unsent(struct connection *connection)
{
    while (connection->unsent > 0) {
        /* Every message is the same bytes, so what is left of one, and those after it, can be taken from `messages`. */
        size_t left_of_one = connection->unsent % (size_t)size;
        size_t begin = left_of_one == 0 ? 0 : (size_t)size - left_of_one;
        size_t part = messages_bytes - begin;
        if (part > connection->unsent)
            part = connection->unsent;
        ssize_t sent = send_some(connection, messages + begin, part);
        if (sent < 0) {
            if (errno != EAGAIN)
                fail("send");
            wait_for_room(connection, 1);
            return;
        }
        connection->unsent -= (size_t)sent;
    }
    wait_for_room(connection, 0);
}

static void queue_messages(struct connection *connection, long count, uint64_t now_ns)
{
    for (long i = 0; i < count; i++)
        connection->sent_at_ns[connection->queued++ % (uint64_t)depth] = now_ns;
    connection->unsent += (size_t)count * (size_t)size;
    if (!connection->waits_for_room)
        send_unsent(connection);
}

/* Returns whether anything came. */
static int receive(struct connection *connection)
{
    ssize_t received = receive_some(connection);
    if (received < 0 && errno == EAGAIN)
        return 0;
    if (received < 0)
        fail("recv");
    if (received == 0) {
        fprintf(stderr, "loadgen: the server closed a connection\n");
        exit(1);
    }
    long whole = 0;
    uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
    connection->received += (size_t)received;
    while (connection->received >= (size_t)reply_size) {
        connection->received -= (size_t)reply_size;
        if (connection->completed == connection->queued) {
            if (sends_datagrams)
                return 1; /* it was given up as lost, and is late */
            fprintf(stderr, "loadgen: the server sent more than it was sent\n");
            exit(1);
        }
        uint64_t sent_at_ns = connection->sent_at_ns[connection->completed++ % (uint64_t)depth];
        if (is_measuring)
            count_latency(now_ns - sent_at_ns);
        whole++;
    }
    connection->heard_at_ns = now_ns;
    if (whole > 0)
        queue_messages(connection, whole, now_ns);
    return 1;
}

/* Receives until nothing is left that epoll would not tell of. */
static void receive_all(struct connection *connection)
{
    while (receive(connection) && connection->tls != NULL && tls_has_more(connection->tls))
        ;
}

static void send_lost_again(uint64_t now_ns)
{
    for (struct connection *connection = all; connection < all + connections; connection++) {
        if (now_ns - connection->heard_at_ns < LOST_AFTER_MS * UINT64_C(1000000))
            continue;
        uint64_t missing = connection->queued - connection->completed;
        connection->completed = connection->queued;
        connection->heard_at_ns = now_ns;
        if (is_measuring)
            lost += missing;
        queue_messages(connection, depth, now_ns);
    }
}

static int connect_internet(void)
{
    int one = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int fd = socket(AF_INET, sends_datagrams ? SOCK_DGRAM : SOCK_STREAM, 0);
    if (fd < 0)
        fail("socket");
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        fail("connect");
    if (!sends_datagrams)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static int connect_unix(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(unix_path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        fail(unix_path);
    }
    strcpy(address.sun_path, unix_path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0)
        fail("socket");
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        fail("connect");
    return fd;
}

/* Connecting and shaking hands block, so that a full backlog slows them down instead of failing them. */
static void open_connection(struct connection *connection)
{
    connection->fd = unix_path != NULL ? connect_unix() : connect_internet();
    if (speaks_tls) {
        connection->tls = tls_client_session(tls_context, connection->fd);
        if (tls_connect(connection->tls) != 0) {
            fprintf(stderr, "loadgen: the TLS handshake failed\n");
            exit(1);
        }
    }
    connection->sent_at_ns = calloc((size_t)depth, sizeof *connection->sent_at_ns);
    if (connection->sent_at_ns == NULL)
        fail("calloc");
    if (fcntl(connection->fd, F_SETFL, O_NONBLOCK) != 0)
        fail("fcntl");
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, connection->fd, &event) != 0)
        fail("epoll_ctl");
}

/* ---- the measurement ---- */

static void one_turn(void)
{
    struct epoll_event events[EVENTS_A_TURN];
    int count = epoll_wait(epoll_fd, events, EVENTS_A_TURN, TURN_MS);
    if (count < 0 && errno != EINTR)
        fail("epoll_wait");
    for (int i = 0; i < count; i++) {
        struct connection *connection = events[i].data.ptr;
        if (events[i].events & EPOLLOUT)
            send_unsent(connection);
        if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
            receive_all(connection);
    }
}

static void turn_until(uint64_t end_ns)
{
    uint64_t now_ns, looked_at_ns = 0;
    while ((now_ns = clock_ns(CLOCK_MONOTONIC)) < end_ns) {
        if (sends_datagrams && now_ns - looked_at_ns > TURN_MS * UINT64_C(1000000)) {
            looked_at_ns = now_ns;
            send_lost_again(now_ns);
        }
        one_turn();
    }
}

/* Makes the message, a line of `size` bytes or what the file holds, and its copies. */
static void make_messages(void)
{
    messages = malloc(MAX_SIZE + 1);
    if (messages == NULL)
        fail("malloc");
    if (message_path == NULL) {
        memset(messages, 'w', (size_t)size);
        messages[size - 1] = '\n';
    } else {
        FILE *file = fopen(message_path, "rb");
        if (file == NULL)
            fail(message_path);
        size = (long)fread(messages, 1, MAX_SIZE + 1, file);
        fclose(file);
    }
    if (size < 1 || size > (sends_datagrams ? MAX_DATAGRAM_SIZE : MAX_SIZE)) {
        fprintf(stderr, "loadgen: a message of %ld bytes cannot be sent\n", size);
        exit(2);
    }
    if (reply_size < 0)
        reply_size = size;
    messages_bytes = (size_t)size;
    for (long copy = 1; !sends_datagrams && copy < depth && messages_bytes + (size_t)size <= SEND_BYTES; copy++) {
        memcpy(messages + messages_bytes, messages, (size_t)size);
        messages_bytes += (size_t)size;
    }
}

/* ---- the command line ---- */

static void usage(void)
{
    fprintf(stderr, "usage: loadgen (-p PORT [-L | -D] | -u PATH) -S SERVER_PID [-s SIZE | -f FILE] [-r REPLY_SIZE]\n"
                    "               [-c CONNECTIONS] [-d DEPTH] [-t SECONDS] [-w WARMUP] [-A SERVER_CPU]\n"
                    "               [-B CLIENT_CPU]\n");
    exit(2);
}

static long whole_number(int option, long lowest, long highest)
{
    char *rest;
    errno = 0;
    long value = strtol(optarg, &rest, 10);
    if (errno != 0 || rest == optarg || *rest != '\0' || value < lowest || value > highest) {
        fprintf(stderr, "loadgen: -%c takes a whole number from %ld to %ld, not %s\n", option, lowest, highest, optarg);
        exit(2);
    }
    return value;
}

static double seconds(int option, double highest)
{
    char *rest;
    double value = strtod(optarg, &rest);
    if (rest == optarg || *rest != '\0' || !(value >= 0 && value <= highest)) {
        fprintf(stderr, "loadgen: -%c takes seconds from 0 to %g, not %s\n", option, highest, optarg);
        exit(2);
    }
    return value;
}

static void read_command_line(int argc, char **argv)
{
    int option;
    while ((option = getopt(argc, argv, "p:u:LDS:s:f:r:c:d:t:w:A:B:")) != -1) {
        switch (option) {
        case 'p': port = whole_number(option, 1, 65535); break;
        case 'u': unix_path = optarg; break;
        case 'L': speaks_tls = 1; break;
        case 'D': sends_datagrams = 1; break;
        case 'S': server_pid = whole_number(option, 1, INT32_MAX); break;
        case 's': size = whole_number(option, 1, MAX_SIZE); break;
        case 'f': message_path = optarg; break;
        case 'r': reply_size = whole_number(option, 1, MAX_SIZE); break;
        case 'c': connections = whole_number(option, 1, MAX_CONNECTIONS); break;
        case 'd': depth = whole_number(option, 1, MAX_DEPTH); break;
        case 't': measure_s = seconds(option, MAX_SECONDS); break;
        case 'w': warmup_s = seconds(option, MAX_WARMUP_SECONDS); break;
        case 'A': server_cpu = whole_number(option, 0, MAX_CPU); break;
        case 'B': client_cpu = whole_number(option, 0, MAX_CPU); break;
        default: usage();
        }
    }
    int is_bad_mix = (speaks_tls || unix_path != NULL) && sends_datagrams;
    if ((unix_path == NULL) == (port < 0) || server_pid < 0 || is_bad_mix || optind != argc)
        usage();
}

int main(int argc, char **argv)
{
    read_command_line(argc, argv);
    alarm((unsigned)(measure_s + warmup_s) + GRACE_SECONDS);
    signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
    make_messages();
    if (speaks_tls)
        tls_context = tls_client_context();
    all = calloc((size_t)connections, sizeof *all);
    if (all == NULL)
        fail("calloc");
    epoll_fd = epoll_create1(0);
    if (epoll_fd < 0)
        fail("epoll_create1");
    for (long i = 0; i < connections; i++)
        open_connection(&all[i]);
    for (long i = 0; i < connections; i++) {
        all[i].heard_at_ns = clock_ns(CLOCK_MONOTONIC);
        queue_messages(&all[i], depth, all[i].heard_at_ns);
    }

    turn_until(clock_ns(CLOCK_MONOTONIC) + (uint64_t)(warmup_s * 1e9));
    struct reading begin = read_all(server_pid, server_cpu, client_cpu);
    is_measuring = 1;
    turn_until(begin.at_ns + (uint64_t)(measure_s * 1e9));
    report(begin, read_all(server_pid, server_cpu, client_cpu), lost);
    return 0;
}

/* loadgen: a bounded ping-pong load generator for echo servers on this machine.
 *
 *   loadgen (-p PORT | -u PATH) -S SERVER_PID [-s SIZE] [-c CONNECTIONS] [-d DEPTH] [-t SECONDS] [-w WARMUP]
 *           [-A SERVER_CPU] [-B CLIENT_CPU]
 *
 * Every connection keeps DEPTH messages of SIZE bytes under way and sends the next one when one has come back whole.
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
 *
 * It connects to 127.0.0.1 or to a UNIX socket and to nothing else, each argument has an upper bound, and an alarm
 * ends it should anything hang. It counts the bytes that come back and does not compare them.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_SIZE = 16 * 1024 * 1024,
    MAX_CONNECTIONS = 10000,
    MAX_DEPTH = 1024,
    MAX_SECONDS = 60,
    MAX_WARMUP_SECONDS = 10,
    MAX_CPU = 1023,
    GRACE_SECONDS = 10, /* on top of the time asked for, before the alarm ends the program */
    EVENTS_A_TURN = 512,
    TURN_MS = 100, /* how long a turn waits at most, so that the clock is looked at even when nothing comes back */
    READ_BYTES = 256 * 1024,
};

static const uint64_t NS_A_SECOND = 1000000000;

struct connection {
    int fd;
    int waits_for_room;   /* epoll tells us of room to send */
    size_t received;      /* bytes of the message that is coming back */
    size_t unsent;        /* bytes queued and not yet taken by the kernel */
    uint64_t *sent_at_ns; /* a ring of `depth` times; a message's place is its number modulo depth */
    uint64_t queued, completed;
};

/* What the command line asks for. */
static const char *unix_path;
static long port = -1, server_pid = -1;
static long size = 1024, connections = 50, depth = 1, server_cpu = 0, client_cpu = 1;
static double measure_s = 2, warmup_s = 0.3;

static struct connection *all;
static char *message;
static char read_buffer[READ_BYTES];
static int epoll_fd;
static int is_measuring;

static void fail(const char *what)
{
    fprintf(stderr, "loadgen: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* ---- clocks ---- */

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    if (clock_gettime(clock, &now) != 0)
        fail("clock_gettime");
    return (uint64_t)now.tv_sec * NS_A_SECOND + (uint64_t)now.tv_nsec;
}

/* CPU time of the server, all of its threads together. */
static uint64_t server_cpu_ns(void)
{
    clockid_t clock;
    int error = clock_getcpuclockid((pid_t)server_pid, &clock);
    if (error != 0) {
        errno = error;
        fail("the server's CPU clock (is SERVER_PID alive?)");
    }
    return clock_ns(clock);
}

struct core_time {
    uint64_t idle, all;
};

/* Reads one core's line of /proc/stat; its unit is the kernel's tick, usually 10 ms. */
static struct core_time core_time_of(long cpu)
{
    struct core_time result = {0, 0};
    char line[512], name[16];
    int name_length = snprintf(name, sizeof name, "cpu%ld ", cpu);
    FILE *file = fopen("/proc/stat", "r");
    if (file == NULL)
        fail("/proc/stat");
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, name, (size_t)name_length) != 0)
            continue;
        /* user, nice, system, idle, iowait, irq, softirq, steal; the two after them are within user and nice */
        char *rest = line + name_length;
        for (int column = 0; column < 8; column++) {
            uint64_t ticks = strtoull(rest, &rest, 10);
            result.all += ticks;
            if (column == 3 || column == 4)
                result.idle += ticks;
        }
    }
    fclose(file);
    return result;
}

static double idle_share(struct core_time before, struct core_time after)
{
    if (after.all == before.all)
        return 0;
    return (double)(after.idle - before.idle) / (double)(after.all - before.all);
}

/* ---- the histogram of latencies ---- */

/* Log-linear: each power of two of nanoseconds has 64 buckets, so a value is known within 1.6 %. */
enum { BUCKET_BITS = 6, BUCKETS_A_POWER = 1 << BUCKET_BITS, BUCKETS = (64 - BUCKET_BITS + 1) * BUCKETS_A_POWER };

static uint64_t histogram[BUCKETS];
static uint64_t measured_messages;

static void count_latency(uint64_t ns)
{
    unsigned bucket = (unsigned)ns;
    if (ns >= BUCKETS_A_POWER) {
        unsigned shift = (unsigned)(63 - __builtin_clzll(ns)) - BUCKET_BITS;
        /* the seven highest bits, the first of them always 1, stand beside the power they belong to */
        bucket = shift * BUCKETS_A_POWER + (unsigned)(ns >> shift);
    }
    histogram[bucket]++;
    measured_messages++;
}

static double middle_of_bucket_us(unsigned bucket)
{
    if (bucket < BUCKETS_A_POWER)
        return bucket / 1000.0;
    unsigned shift = bucket / BUCKETS_A_POWER - 1;
    uint64_t lowest = (uint64_t)(bucket - shift * BUCKETS_A_POWER) << shift;
    return ((double)lowest + (double)((uint64_t)1 << shift) / 2) / 1000.0;
}

/* The latency that `share` of the messages did not exceed; with a share of 1, the greatest. */
static double latency_us(double share)
{
    uint64_t seen = 0;
    unsigned last = 0;
    for (unsigned bucket = 0; bucket < BUCKETS; bucket++) {
        if (histogram[bucket] == 0)
            continue;
        seen += histogram[bucket];
        last = bucket;
        if ((double)seen >= share * (double)measured_messages)
            break;
    }
    return middle_of_bucket_us(last);
}

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

static void send_unsent(struct connection *connection)
{
    while (connection->unsent > 0) {
        /* Every message is the same bytes, so what is left of one can be taken from the end of `message`. */
        size_t part = connection->unsent % (size_t)size;
        if (part == 0)
            part = (size_t)size;
        ssize_t sent = send(connection->fd, message + (size_t)size - part, part, MSG_NOSIGNAL);
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

static void receive(struct connection *connection)
{
    ssize_t received = recv(connection->fd, read_buffer, sizeof read_buffer, 0);
    if (received < 0 && errno == EAGAIN)
        return;
    if (received < 0)
        fail("recv");
    if (received == 0) {
        fprintf(stderr, "loadgen: the server closed a connection\n");
        exit(1);
    }
    long whole = 0;
    uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
    connection->received += (size_t)received;
    while (connection->received >= (size_t)size) {
        connection->received -= (size_t)size;
        if (connection->completed == connection->queued) {
            fprintf(stderr, "loadgen: the server sent more than it was sent\n");
            exit(1);
        }
        uint64_t sent_at_ns = connection->sent_at_ns[connection->completed++ % (uint64_t)depth];
        if (is_measuring)
            count_latency(now_ns - sent_at_ns);
        whole++;
    }
    if (whole > 0)
        queue_messages(connection, whole, now_ns);
}

static int connect_tcp(void)
{
    int one = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0)
        fail("socket");
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        fail("connect");
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

/* Connecting blocks, so that a full backlog slows it down instead of failing it; only then is the socket switched. */
static void open_connection(struct connection *connection)
{
    connection->fd = unix_path != NULL ? connect_unix() : connect_tcp();
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

/* Everything that is read once when measuring begins and once when it ends. */
struct reading {
    uint64_t at_ns, server_ns, client_ns;
    struct core_time server_core, client_core;
};

static struct reading read_all(void)
{
    return (struct reading){
        .at_ns = clock_ns(CLOCK_MONOTONIC),
        .server_ns = server_cpu_ns(),
        .client_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID),
        .server_core = core_time_of(server_cpu),
        .client_core = core_time_of(client_cpu),
    };
}

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
            receive(connection);
    }
}

static void turn_until(uint64_t end_ns)
{
    while (clock_ns(CLOCK_MONOTONIC) < end_ns)
        one_turn();
}

static void report(struct reading begin, struct reading end)
{
    double wall_ns = (double)(end.at_ns - begin.at_ns);
    double server_ns = (double)(end.server_ns - begin.server_ns);
    double client_ns = (double)(end.client_ns - begin.client_ns);
    double messages = (double)measured_messages;
    if (measured_messages == 0) {
        fprintf(stderr, "loadgen: no message came back in %.2f s\n", wall_ns / 1e9);
        exit(1);
    }
    printf("{\"messages\": %llu, \"seconds\": %.6f, \"messages_per_s\": %.1f, ", (unsigned long long)measured_messages,
           wall_ns / 1e9, messages / (wall_ns / 1e9));
    printf("\"p50_us\": %.2f, \"p99_us\": %.2f, \"p999_us\": %.2f, \"max_us\": %.2f, ", latency_us(0.5),
           latency_us(0.99), latency_us(0.999), latency_us(1));
    printf("\"server_cpu_us\": %.4f, \"server_share\": %.4f, \"client_share\": %.4f, ", server_ns / 1e3 / messages,
           server_ns / wall_ns, client_ns / wall_ns);
    printf("\"server_core_idle\": %.4f, \"client_core_idle\": %.4f}\n", idle_share(begin.server_core, end.server_core),
           idle_share(begin.client_core, end.client_core));
}

/* ---- the command line ---- */

static void usage(void)
{
    fprintf(stderr, "usage: loadgen (-p PORT | -u PATH) -S SERVER_PID [-s SIZE] [-c CONNECTIONS] [-d DEPTH]\n"
                    "               [-t SECONDS] [-w WARMUP] [-A SERVER_CPU] [-B CLIENT_CPU]\n");
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
    while ((option = getopt(argc, argv, "p:u:S:s:c:d:t:w:A:B:")) != -1) {
        switch (option) {
        case 'p': port = whole_number(option, 1, 65535); break;
        case 'u': unix_path = optarg; break;
        case 'S': server_pid = whole_number(option, 1, INT32_MAX); break;
        case 's': size = whole_number(option, 1, MAX_SIZE); break;
        case 'c': connections = whole_number(option, 1, MAX_CONNECTIONS); break;
        case 'd': depth = whole_number(option, 1, MAX_DEPTH); break;
        case 't': measure_s = seconds(option, MAX_SECONDS); break;
        case 'w': warmup_s = seconds(option, MAX_WARMUP_SECONDS); break;
        case 'A': server_cpu = whole_number(option, 0, MAX_CPU); break;
        case 'B': client_cpu = whole_number(option, 0, MAX_CPU); break;
        default: usage();
        }
    }
    if ((unix_path == NULL) == (port < 0) || server_pid < 0 || optind != argc)
        usage();
}

int main(int argc, char **argv)
{
    read_command_line(argc, argv);
    alarm((unsigned)(measure_s + warmup_s) + GRACE_SECONDS);
    message = malloc((size_t)size);
    all = calloc((size_t)connections, sizeof *all);
    if (message == NULL || all == NULL)
        fail("malloc");
    memset(message, 'w', (size_t)size);
    epoll_fd = epoll_create1(0);
    if (epoll_fd < 0)
        fail("epoll_create1");
    for (long i = 0; i < connections; i++)
        open_connection(&all[i]);
    for (long i = 0; i < connections; i++)
        queue_messages(&all[i], depth, clock_ns(CLOCK_MONOTONIC));

    turn_until(clock_ns(CLOCK_MONOTONIC) + (uint64_t)(warmup_s * 1e9));
    struct reading begin = read_all();
    is_measuring = 1;
    turn_until(begin.at_ns + (uint64_t)(measure_s * 1e9));
    report(begin, read_all());
    return 0;
}

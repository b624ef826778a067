#define _GNU_SOURCE
#include "measure.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

static const uint64_t NS_A_SECOND = 1000000000;

void fail(const char *what)
{
    fprintf(stderr, "loadgen: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* ---- clocks ---- */

uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    if (clock_gettime(clock, &now) != 0)
        fail("clock_gettime");
    return (uint64_t)now.tv_sec * NS_A_SECOND + (uint64_t)now.tv_nsec;
}

/* CPU time of the server, all of its threads together. */
static uint64_t cpu_ns_of(long server_pid)
{
    clockid_t clock;
    int error = clock_getcpuclockid((pid_t)server_pid, &clock);
    if (error != 0) {
        errno = error;
        fail("the server's CPU clock (is SERVER_PID alive?)");
    }
    return clock_ns(clock);
}

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

struct reading read_all(long server_pid, long server_cpu, long client_cpu)
{
    return (struct reading){
        .at_ns = clock_ns(CLOCK_MONOTONIC),
        .server_ns = cpu_ns_of(server_pid),
        .client_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID),
        .server_core = core_time_of(server_cpu),
        .client_core = core_time_of(client_cpu),
    };
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

void count_latency(uint64_t ns)
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

/* ---- the report ---- */

void report(struct reading begin, struct reading end, uint64_t lost)
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
    printf("\"server_core_idle\": %.4f, \"client_core_idle\": %.4f, ", idle_share(begin.server_core, end.server_core),
           idle_share(begin.client_core, end.client_core));
    printf("\"lost\": %llu}\n", (unsigned long long)lost);
}

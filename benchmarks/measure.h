/* measure: what the load generator reads from clocks and from the kernel, and its histogram of latencies. */
#ifndef MEASURE_H
#define MEASURE_H

#include <stdint.h>
#include <time.h>

/* How long one core existed, and was idle, in the kernel's ticks. */
struct core_time {
    uint64_t idle, all;
};

/* Everything that is read once when measuring begins and once when it ends. */
struct reading {
    uint64_t at_ns, server_ns, client_ns;
    struct core_time server_core, client_core;
};

/* Ends the program and says what the system's error was. */
void fail(const char *what);

uint64_t clock_ns(clockid_t clock);
struct reading read_all(long server_pid, long server_cpu, long client_cpu);

void count_latency(uint64_t ns);

/* Prints the JSON object that loadgen.c describes; fails if no message came back. */
void report(struct reading begin, struct reading end, uint64_t lost);

#endif

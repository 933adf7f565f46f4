/*
 * network_wait: how long the kernel makes whoever resolves a name wait.
 *
 * The getaddrinfo() of glibc asks the kernel for all addresses of all families first (RTM_GETADDR of
 * AF_UNSPEC, rtnetlink(7); its __check_pf()). The answer waits for the one lock under which the network
 * interfaces of all namespaces are made and removed, and the engine makes and removes some with every
 * container that it starts and stops. So a subject that resolves a name while the harness starts a container
 * next to it is held up, and neither a timer of the runner nor the wait for a processor tells: measured on
 * Linux 6.18 while 16 worlds ran at speed 20, 99 of 7,537 such questions waited for more than 8 ms, and the
 * longest for 62 ms.
 *
 * A thread asks the same question all the time, every NETWORK_WAIT_PERIOD_NS, and measures how long it takes.
 */
#ifndef RUN_NETWORK_WAIT_H
#define RUN_NETWORK_WAIT_H

#include "base/memory.h"

#include <stdbool.h>
#include <stdint.h>

#define NETWORK_WAIT_PERIOD_NS INT64_C(5000000)
/* What takes no longer than this has not waited. */
#define NETWORK_WAIT_LEAST_NS INT64_C(1000000)

struct network_wait;

/* Asks once and waits for the answer; false: it cannot be asked. From a thread of its own; it must not
 * allocate. */
typedef bool network_question(void *owner);

/* NULL where nothing can be asked: then nothing is known. A question of NULL is the kernel's. */
struct network_wait *network_wait_start(network_question *question, void *owner);
/* Waits for the question that is under way. NULL is allowed. */
void network_wait_stop(struct network_wait *wait);
/* The longest that somebody can have waited since the last call, in nanoseconds: as long as a question took
 * or has taken so far, and the time between two, in which he may have come before it. 0: nobody had to wait.
 * NULL is allowed: 0. */
int64_t network_wait_worst_ns(struct network_wait *wait);

#endif

/*
 * filter: the classic BPF program before the tap's ring.
 *
 * Pure. Lets through what begins and ends connections, ICMP errors about them, requests for neighbours, and
 * payload, but for payload between the listed pairs of ports: steady traffic is dropped in the kernel, in the
 * time that a search in a sorted list takes. Of the loopback, which shows each packet twice, only one. Of the
 * agent's own packets (AGENT_MARK), none.
 */
#ifndef AGENT_FILTER_H
#define AGENT_FILTER_H

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

#define FILTER_LENGTH_MAX 4096 /* BPF_MAXINSNS */
#define FILTER_WORDS_MAX 2400  /* as many as surely fit */

/* For a socket of type SOCK_DGRAM: packets begin with the network header. `words`, sorted: source port << 16
 * | destination port. `snap`: how much is kept of a packet with payload. Returns the program's length. */
size_t filter_build(
    struct sock_filter program[static FILTER_LENGTH_MAX], uint32_t snap, const uint32_t *words, size_t count);

#endif

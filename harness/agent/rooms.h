/*
 * rooms: what the control lines can ask of names, tap and gate. Each returns NULL, or a message of its own
 * (static storage, without newline) when nothing was changed.
 */
#ifndef AGENT_ROOMS_H
#define AGENT_ROOMS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* ---- names.c: the resolver ---- */
#define NAME_BYTES_MAX 254
#define DNS_PORT 53
enum resolution {
	RESOLVE_ANSWER,
	RESOLVE_NXDOMAIN,
	RESOLVE_SERVFAIL,
	RESOLVE_SILENT,
	RESOLVE_LATE,
	RESOLVE_STALE
};
/* Sockets, UDP and TCP, that answer who asks from in here, whatever address was asked; which port the
 * redirect goes to. */
const char *names_open(uint16_t *ret_port);
/* Nobody else is ever asked, now or later: the look-ups come here without NAT (divert.c), where the kernel
 * can do that. What the engine had made for its own resolver is removed for good. */
const char *names_alone(void);
const char *names_set(const char *name, const struct sockaddr_storage *addresses, int count);
/* `name` "*": every name. `attempts` 0: until further notice; otherwise back to RESOLVE_ANSWER after so many
 * look-ups (A and AAAA of one client socket, and repeats of an unanswered one, count once), which is reported
 * as `phase TIME 0 answer NAME`; `stays`: it is reported, and the rule remains. */
const char *names_resolve(const char *name, enum resolution how, int64_t late_ns,
    const struct sockaddr_storage *stale, int attempts, bool stays);
const char *names_forward(const struct sockaddr_storage *server);
/* The destruction of a UDP socket of the namespace, as socket_notices.c hears it. */
void names_socket_gone(const struct sockaddr_storage *local, int64_t at_ns);
/* How many look-ups wait for an answer that may never come. */
int names_unanswered(void);
/* The same from a list of all UDP sockets: begin, one call a socket, end. */
void names_list_begin(void);
void names_list_socket(const struct sockaddr_storage *local);
void names_list_end(int64_t at_ns);

/* ---- tap.c ---- */
enum protocol { PROTOCOL_TCP, PROTOCOL_REDIS, PROTOCOL_POSTGRES };
const char *tap_classify(uint16_t port, enum protocol protocol);
const char *tap_begin(void);
/* Connections to this port are the agent's own business (its resolver): of the loopback, or wherever they go.
 */
void tap_ignore(uint16_t port, bool everywhere);
/* Tells what the kernel has captured until now, for what is told next to come after it. */
void tap_catch_up(void);
/* The destruction of a TCP socket of the namespace. */
void tap_socket_gone(
    const struct sockaddr_storage *local, const struct sockaddr_storage *remote, int64_t at_ns);

/* ---- socket_notices.c: sock_diag's destroy multicast; feeds the two above ---- */
const char *socket_notices_begin(void);
/* tap_catch_up(), and then the ends of sockets that were heard of until now. */
void socket_notices_catch_up(void);
/* The namespace asked for a neighbour: a SYN may be waiting for it that no packet shows. */
void socket_notices_look(int64_t at_ns);
/* Looks soon whether the sockets of connections still exist. */
void socket_notices_sweep(void);

/* ---- redirect.c: nftables, by netlink ---- */
/* Everything to port 53 that the namespace sends, but for packets with AGENT_MARK, goes to this local port;
 * 0: not any more. */
#define AGENT_MARK 0x66730001u
const char *redirect_names(uint16_t port);
/* From now on only what is sent to this server. The engine's resolver, once it is asked, asks others from a
 * socket of its own in this namespace: those questions must not come back here. */
const char *redirect_names_of(const struct sockaddr_storage *server);

/* ---- divert.c: routes and nftables, by netlink ---- */
/* As redirect_names(), without NAT and without exception, in place of what the engine has made; but for
 * sockets that name an interface, which the seal turns away. 0, or -1 and nothing of ours left: the kernel
 * needs rules of routing with ports (Linux 5.14), and nf_tables at the ingress of an interface. */
int divert_names(uint16_t port, bool has_ipv6);
void divert_names_no_more(void);

/* ---- seal.c: nftables, by netlink ---- */
/* From now on nothing reaches beyond the networks that the namespace's interfaces are on; `but_answers`: to
 * what others have begun (that makes the kernel track every connection). It outlives the agent: a service
 * that is still there must not get out by its end. */
const char *seal(bool but_answers);

/* ---- gate.c ---- */
enum gate_phase {
	GATE_UNREACHABLE,
	GATE_REFUSED,
	GATE_HUNG,
	GATE_CLOSING,
	GATE_LOADING,
	GATE_DENIED,
	GATE_SLOW,
	GATE_READY
};
struct gate_step {
	enum gate_phase phase;
	enum protocol protocol; /* LOADING, DENIED */
	bool reset;             /* CLOSING: RST, not FIN */
	char say[200];          /* LOADING, DENIED: "" for the protocol's usual words */
	int64_t latency_ns, jitter_ns, close_ns, bandwidth; /* SLOW; bandwidth in bytes/s, 0: no limit */
	uint64_t seed;
	int attempts;   /* 0: no limit */
	int64_t for_ns; /* 0: no limit */
};
#define GATE_STEPS_MAX 16
#define GATES_MAX 16
const char *gate_script(uint16_t port, const struct gate_step *steps, int count);
const char *gate_ignore(const struct sockaddr_storage *source);
void gate_close_all(void);

#endif

/*
 * readiness_protocol: what a protocol is to the readiness probe. A new dependency is a file with one of these
 * and a row in readiness.c. Private to this room.
 *
 * A try is one connection asked one question. The probe owns the rhythm, the time limit and what is told to
 * the owner; a protocol only connects, asks and says what it heard.
 */
#ifndef PROBE_READINESS_PROTOCOL_H
#define PROBE_READINESS_PROTOCOL_H

#include "probe/probe.h"

#include <stddef.h>

/* The other end of a try. */
struct readiness_probe;

struct readiness_protocol {
	const char *name;
	/* Begins a try, never blocks. Leads to one readiness_say() sooner or later, or to none: then the time
	 * limit ends it. */
	void *(*begin)(
	    struct loop *loop, const struct readiness_config *config, struct readiness_probe *probe);
	/* Has the connection been accepted? Tells hung from unreachable when the time is up. */
	bool (*accepted)(const void *attempt);
	/* Frees the try, wherever it stands. */
	void (*end)(void *attempt);
};

extern const struct readiness_protocol tcp_readiness;
extern const struct readiness_protocol redis_readiness;
extern const struct readiness_protocol postgres_readiness;

/* What is kept of a server's words. */
#define READINESS_DETAIL_MAX 256

/* The try's answer. May be called from begin(); only the first of a try counts. The try is ended later, never
 * inside this call. `length` bytes of `words` are kept up to the first line end. */
void readiness_say(struct readiness_probe *probe, enum readiness readiness, const char *words, size_t length);
/* The answer "the connection failed with `errnum`". */
void readiness_say_errno(struct readiness_probe *probe, int errnum);
enum readiness readiness_of_errno(int errnum);

#endif

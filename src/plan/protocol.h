/* protocol: which protocol a service speaks, known by its image. */
#ifndef PLAN_PROTOCOL_H
#define PLAN_PROTOCOL_H

#include "plan/nearest.h"

#include <stddef.h>

struct protocol {
	const char *name;
	int port; /* the usual one; 0: none */
};

/* By name ("redis"), or NULL. */
const struct protocol *protocol_find(const char *name);
void protocol_offer_all(struct nearest *nearest);
/* By image reference ("registry:5000/bitnami/redis:7@sha256:…"): NULL when the image is not known. *ret_port
 * is the port its server listens on. */
const struct protocol *protocol_of_image(const char *image, int *ret_port);

#endif

/*
 * address: where the engine is, from DOCKER_HOST or the usual socket places.
 */
#ifndef ENGINE_ADDRESS_H
#define ENGINE_ADDRESS_H

#include "base/err.h"
#include "base/memory.h"

struct address {
	char *text;        /* as a person would write it: "unix:///var/run/docker.sock" */
	char *socket_path; /* NULL unless a unix socket */
	char *base_url;    /* without a slash at the end: "http://localhost", "https://host:2376" */
	/* PEM files for TLS; all NULL: none of our own, the system's authorities. */
	char *ca_file, *certificate_file, *key_file;
};

/* What decides, from outside. All are borrowed; NULL or "" is unset. */
struct surroundings {
	const char *docker_host, *tls_verify,
	    *cert_path;                 /* $DOCKER_HOST, $DOCKER_TLS_VERIFY, $DOCKER_CERT_PATH */
	const char *home, *runtime_dir; /* $HOME, $XDG_RUNTIME_DIR (or /run/user/<uid>) */
	const char *root;               /* in front of the system's places; "" but in tests */
};

/* A unix socket is tried (connected to and left again, which sends nothing): the first place that answers is
 * taken, so that the socket an old engine left behind does not hide a living one. `wanted` is an address in
 * the forms of DOCKER_HOST, or NULL to look for one. 0, or -1 with every place looked at and what to do. */
int address_find(const char *wanted, const struct surroundings *surroundings, struct address *ret_address,
    struct err *err) MUST_CHECK;
void address_release(struct address *address);

/* Says what to do about a unix socket that cannot be connected to: errnum is why. Returns -1. */
int address_explain(const char *socket_path, int errnum, struct err *err);

#endif

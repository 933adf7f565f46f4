/*
 * scripted_server: a TCP server for tests that says and does exactly what a script tells it, in a thread of
 * its own. One connection at a time. Only *_test.c includes it.
 */
#ifndef PROBE_SCRIPTED_SERVER_H
#define PROBE_SCRIPTED_SERVER_H

#include "base/buf.h"
#include "base/err.h"
#include "base/memory.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SCRIPTED_MAX 64

enum script_end {
	END_CLOSE,   /* an orderly close */
	END_RESET,   /* RST */
	END_SILENCE, /* says no more, until the peer goes */
	END_REPEAT,  /* says `bytes` again and again, until the peer goes */
	END_AGAIN,   /* the script again, on the same connection */
	END_NEXT,    /* the script after this one, on the same connection */
};

struct script {
	bool read_first; /* a request is awaited before anything is said */
	const char *bytes;
	size_t length; /* 0: strlen(bytes) */
	enum script_end end;
};

struct scripted_server {
	int listener;
	int port;
	pthread_t thread;
	bool running;
	const struct script *scripts; /* one for each connection; the last one serves all that follow */
	size_t script_count;
	atomic_int connections;
	_Atomic int64_t accepted_ns[SCRIPTED_MAX]; /* of the first of them, on the loop's clock */
	struct buf request;                        /* what was read last */
};

/* The script that follows on the same connection, or NULL. */
static const struct script *scripted_server_play(
    struct scripted_server *server, int client, const struct script *script)
{
	char bytes[4096];
	if (script->read_first) {
		ssize_t count = recv(client, bytes, sizeof(bytes), 0);
		if (count <= 0)
			return NULL;
		buf_clear(&server->request);
		buf_add(&server->request, bytes, (size_t)count);
	}
	size_t length = script->length || !script->bytes ? script->length : strlen(script->bytes);
	bool sent;
	do
		sent = length == 0 || send(client, script->bytes, length, MSG_NOSIGNAL) == (ssize_t)length;
	while (sent && script->end == END_REPEAT);
	if (!sent)
		return NULL;
	return script->end == END_AGAIN ? script : script->end == END_NEXT ? script + 1 : NULL;
}

static void *scripted_server_run(void *owner)
{
	struct scripted_server *server = owner;
	int client;
	while ((client = accept(server->listener, NULL, NULL)) >= 0) {
		struct timespec at;
		clock_gettime(CLOCK_MONOTONIC, &at);
		size_t index = (size_t)atomic_load(&server->connections);
		if (index < SCRIPTED_MAX)
			server->accepted_ns[index] = (int64_t)at.tv_sec * 1000000000 + at.tv_nsec;
		atomic_fetch_add(&server->connections, 1);
		const struct script *script =
		    &server->scripts[index < server->script_count ? index : server->script_count - 1];
		for (const struct script *next = script; next;
		     next = scripted_server_play(server, client, next))
			script = next;
		if (script->end == END_RESET) {
			struct linger now = { .l_onoff = 1 };
			setsockopt(client, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		} else {
			if (script->end != END_SILENCE)
				shutdown(client, SHUT_WR);
			/* Closing with bytes unread would be a reset. */
			char rest[4096];
			while (recv(client, rest, sizeof(rest), 0) > 0)
				;
		}
		close(client);
	}
	return NULL;
}

/* Binds a port and does not listen: connections are refused until scripted_server_start(). */
static void scripted_server_init(struct scripted_server *server)
{
	*server = (struct scripted_server){ .request = { .max = 65536 } };
	server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	if (bind(server->listener, (struct sockaddr *)&address, size) ||
	    getsockname(server->listener, (struct sockaddr *)&address, &size))
		BUG("no port for a scripted server");
	server->port = ntohs(address.sin_port);
}

static void scripted_server_start(struct scripted_server *server, const struct script *scripts, size_t count)
{
	server->scripts = scripts;
	server->script_count = count;
	if (listen(server->listener, 64) ||
	    pthread_create(&server->thread, NULL, scripted_server_run, server))
		BUG("a scripted server does not start");
	server->running = true;
}

/* Whoever talks to the server must have hung up before. */
static void scripted_server_stop(struct scripted_server *server)
{
	shutdown(server->listener, SHUT_RDWR);
	if (server->running)
		pthread_join(server->thread, NULL);
	close(server->listener);
	buf_release(&server->request);
}

#endif

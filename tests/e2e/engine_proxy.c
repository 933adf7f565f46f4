/*
 * engine_proxy SOCKET ENGINE [WHAT]…: a unix socket in front of the engine's, for accidents at exact moments.
 *
 *   --at N         the moment: the Nth request of all connections (default: never). Those of reapers do not
 * count: the one of a run before may still be looking
 *   --signal NAME  at the moment, before the request is passed on, the process that made it gets the signal
 * KILL, TERM, INT or HUP
 *   --twice        and again with its next request
 *   --late MS      the request of the moment is passed on only MS later, whether or not anybody still waits
 *   --vanish       at the moment the engine is gone for everybody, as far as they see
 *
 * Each request's first line goes to standard output, so that a test can tell what the moment was; and a line
 * `late` when the engine has answered the request that was passed on late.
 */
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

struct proxy {
	const char *socket_path, *engine_path;
	long at, late_ms;
	int signal_number;
	bool twice, vanish;
	_Atomic long *requests; /* shared by the processes, one a connection */
	bool is_late;           /* this connection's request has been */
};

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(2);
}

static struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(address.sun_path)) {
		fprintf(stderr, "engine_proxy: the path %s is too long for a socket\n", path);
		exit(2);
	}
	memcpy(address.sun_path, path, strlen(path));
	return address;
}

static int engine_connect(const struct proxy *proxy)
{
	struct sockaddr_un address = address_of(proxy->engine_path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		die(proxy->engine_path);
	return fd;
}

/* libcurl writes a request's head in one piece, on a connection where nothing else is under way. */
static bool is_request(const char *bytes, size_t size)
{
	static const char *const methods[] = { "GET /", "POST /", "DELETE /", "HEAD /", "PUT /" };
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (size > strlen(methods[i]) && memcmp(bytes, methods[i], strlen(methods[i])) == 0)
			return true;
	return false;
}

static pid_t peer_of(int client)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);
	return getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 ? peer.pid : 0;
}

static bool is_reaper(pid_t pid)
{
	static const char reaper[] = "falsestart\0reap";
	char path[64], line[sizeof(reaper)] = "";
	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	FILE *file = fopen(path, "r");
	size_t size = file ? fread(line, 1, sizeof(line), file) : 0;
	if (file)
		fclose(file);
	return size == sizeof(reaper) && memcmp(line, reaper, sizeof(reaper)) == 0;
}

static void on_request(struct proxy *proxy, int client, const char *bytes, size_t size)
{
	pid_t peer = peer_of(client);
	if (is_reaper(peer))
		return;
	long number = atomic_fetch_add(proxy->requests, 1) + 1;
	const char *end = memchr(bytes, '\r', size);
	char line[512];
	int length = snprintf(line, sizeof(line), "%ld %.*s\n", number, end ? (int)(end - bytes) : 0, bytes);
	if (length > 0 &&
	    write(STDOUT_FILENO, line, (size_t)length < sizeof(line) ? (size_t)length : sizeof(line) - 1) < 0)
		die("standard output");
	if (proxy->at && (number == proxy->at || (proxy->twice && number == proxy->at + 1)) &&
	    proxy->signal_number && peer > 1)
		kill(peer, proxy->signal_number);
	if (number != proxy->at)
		return;
	if (proxy->vanish) {
		unlink(proxy->socket_path);
		kill(0, SIGKILL);
	}
	if (proxy->late_ms) {
		struct timespec span = { proxy->late_ms / 1000, proxy->late_ms % 1000 * 1000000 };
		nanosleep(&span, NULL);
		proxy->is_late = true;
	}
}

static bool pass_on(int to, const char *bytes, size_t size)
{
	while (size > 0) {
		ssize_t count = send(to, bytes, size, MSG_NOSIGNAL);
		if (count <= 0)
			return false;
		bytes += count;
		size -= (size_t)count;
	}
	return true;
}

static void relay(struct proxy *proxy, int client)
{
	static char bytes[65536];
	int engine = engine_connect(proxy);
	struct pollfd ends[] = { { .fd = client, .events = POLLIN }, { .fd = engine, .events = POLLIN } };
	while (poll(ends, 2, -1) > 0) {
		for (int i = 0; i < 2; i++) {
			if (!ends[i].revents)
				continue;
			ssize_t count = read(ends[i].fd, bytes, sizeof(bytes));
			if (count <= 0 && i == 0 && proxy->is_late) {
				ends[0].fd = -1; /* nobody waits any more; the engine goes on */
				continue;
			}
			if (count <= 0)
				return;
			if (i == 0 && is_request(bytes, (size_t)count))
				on_request(proxy, client, bytes, (size_t)count);
			if (i == 1 && proxy->is_late) {
				proxy->is_late = false;
				if (write(STDOUT_FILENO, "late\n", 5) < 0)
					die("standard output");
			}
			if (!pass_on(ends[1 - i].fd, bytes, (size_t)count))
				return;
		}
	}
}

static int signal_named(const char *name)
{
	static const struct {
		const char *name;
		int number;
	} signals[] = { { "KILL", SIGKILL }, { "TERM", SIGTERM }, { "INT", SIGINT }, { "HUP", SIGHUP } };
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (strcmp(signals[i].name, name) == 0)
			return signals[i].number;
	fprintf(stderr, "engine_proxy: no signal is called %s\n", name);
	exit(2);
}

static void parse(struct proxy *proxy, int argc, char **argv)
{
	if (argc < 3) {
		fputs("usage: engine_proxy SOCKET ENGINE [--at N] [--signal NAME] [--twice] [--late MS] "
		      "[--vanish]\n",
		    stderr);
		exit(2);
	}
	proxy->socket_path = argv[1];
	proxy->engine_path = argv[2];
	for (int i = 3; i < argc; i++) {
		if (strcmp(argv[i], "--vanish") == 0)
			proxy->vanish = true;
		else if (strcmp(argv[i], "--twice") == 0)
			proxy->twice = true;
		else if (i + 1 < argc && strcmp(argv[i], "--at") == 0)
			proxy->at = strtol(argv[++i], NULL, 10);
		else if (i + 1 < argc && strcmp(argv[i], "--late") == 0)
			proxy->late_ms = strtol(argv[++i], NULL, 10);
		else if (i + 1 < argc && strcmp(argv[i], "--signal") == 0)
			proxy->signal_number = signal_named(argv[++i]);
		else {
			fprintf(stderr, "engine_proxy: what is %s?\n", argv[i]);
			exit(2);
		}
	}
}

int main(int argc, char **argv)
{
	struct proxy proxy = { 0 };
	parse(&proxy, argc, argv);
	setpgid(0, 0); /* vanishing ends this group and nobody else */
	signal(SIGCHLD, SIG_IGN);
	proxy.requests =
	    mmap(NULL, sizeof(*proxy.requests), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct sockaddr_un address = address_of(proxy.socket_path);
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (proxy.requests == MAP_FAILED || listener < 0 ||
	    bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(listener, 64) < 0)
		die(proxy.socket_path);
	for (;;) {
		int client = accept(listener, NULL, NULL);
		if (client < 0)
			continue;
		if (fork() == 0) {
			close(listener);
			relay(&proxy, client);
			_exit(0);
		}
		close(client);
	}
}

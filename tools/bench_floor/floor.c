/*
 * floor: the engine calls that a world of falsestart consists of, made bare, for ./dev bench to compare with.
 *
 * One blocking HTTP/1.1 request a connection over the engine's unix socket, side by side in threads exactly
 * where a world makes them side by side: network; containers; starts; kills; removals; network. With a second
 * image each container joins the namespace of one of that image, as a service joins its sandbox. No events,
 * no logs, no checks: what is left is what the engine itself costs.
 *
 * usage: floor SOCKET IMAGE CONTAINERS [SANDBOX-IMAGE]
 */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { CONTAINERS_MAX = 32, REPLY_MAX = 65536 };

static const char *engine_socket, *image, *sandbox_image;
static char network[64];
static size_t count;
static char ids[2 * CONTAINERS_MAX][80]; /* the containers, then their sandboxes */

static _Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
static _Noreturn void die(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	fputs("floor: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	exit(1);
}

static int dial(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", engine_socket);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		die("%s: %s", engine_socket, strerror(errno));
	return fd;
}

/* Sends, reads to the end of the connection into `reply`, and insists on a 2xx status. */
static void call(const char *method, const char *path, const char *body, char *reply)
{
	char request[4096];
	int length = snprintf(request, sizeof(request),
	    "%s /v1.41%s HTTP/1.1\r\nHost: engine\r\nConnection: close\r\n"
	    "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
	    method, path, strlen(body), body);
	int fd = dial();
	if (write(fd, request, (size_t)length) != length)
		die("%s %s: short write", method, path);
	size_t used = 0;
	for (ssize_t got; used < REPLY_MAX - 1 && (got = read(fd, reply + used, REPLY_MAX - 1 - used)) > 0;)
		used += (size_t)got;
	reply[used] = '\0';
	close(fd);
	if (strncmp(reply, "HTTP/1.1 2", 10) != 0)
		die("%s %s: %.300s", method, path, reply);
}

static void *create(void *argument)
{
	size_t index = (size_t)(unsigned long)argument;
	char path[128], body[512], reply[REPLY_MAX];
	bool is_sandbox = index >= count;
	char mode[128];
	if (sandbox_image && !is_sandbox)
		snprintf(mode, sizeof(mode), "container:%s-%zu", network, index + count);
	else
		snprintf(mode, sizeof(mode), "%s", network);
	snprintf(path, sizeof(path), "/containers/create?name=%s-%zu", network, index);
	snprintf(body, sizeof(body),
	    "{\"Image\":\"%s\",\"OpenStdin\":%s,\"HostConfig\":{\"NetworkMode\":\"%s\"%s},"
	    "\"Labels\":{\"io.falsestart.run\":\"%s\"}}",
	    is_sandbox ? sandbox_image : image, is_sandbox ? "true" : "false", mode,
	    is_sandbox ? ",\"CapAdd\":[\"NET_ADMIN\",\"NET_RAW\"]" : "", network);
	call("POST", path, body, reply);
	char *id = strstr(reply, "\"Id\":\"");
	if (!id)
		die("no id in %.200s", reply);
	snprintf(ids[index], sizeof(ids[index]), "%.64s", id + 6);
	return NULL;
}

static void act(void *argument, const char *method, const char *suffix)
{
	char path[160], reply[REPLY_MAX];
	snprintf(path, sizeof(path), "/containers/%s%s", ids[(size_t)(unsigned long)argument], suffix);
	call(method, path, "", reply);
}

static void *start(void *argument)
{
	act(argument, "POST", "/start");
	return NULL;
}

static void *end(void *argument)
{
	act(argument, "POST", "/kill?signal=SIGKILL");
	return NULL;
}

static void *discard(void *argument)
{
	act(argument, "DELETE", "?force=1&v=1");
	return NULL;
}

static void side_by_side(size_t first, size_t behind, void *(*work)(void *))
{
	pthread_t threads[2 * CONTAINERS_MAX];
	for (size_t i = first; i < behind; i++)
		if (pthread_create(&threads[i], NULL, work, (void *)(unsigned long)i) != 0)
			die("cannot start a thread");
	for (size_t i = first; i < behind; i++)
		pthread_join(threads[i], NULL);
}

int main(int argc, char **argv)
{
	if (argc != 4 && argc != 5)
		die("usage: floor SOCKET IMAGE CONTAINERS [SANDBOX-IMAGE]");
	engine_socket = argv[1];
	image = argv[2];
	sandbox_image = argv[4];
	count = strtoul(argv[3], NULL, 10);
	if (count < 1 || count > CONTAINERS_MAX)
		die("1 to %d containers", CONTAINERS_MAX);
	snprintf(network, sizeof(network), "fs-floor-%d", (int)getpid());
	char body[512], path[128], reply[REPLY_MAX];
	snprintf(body, sizeof(body),
	    "{\"Name\":\"%s\",\"Driver\":\"bridge\",\"Internal\":true,\"Labels\":{\"io.falsestart.run\":\"%"
	    "s\"}}",
	    network, network);
	call("POST", "/networks/create", body, reply);
	size_t all = sandbox_image ? 2 * count : count;
	side_by_side(0, all, create);
	side_by_side(count, all, start);
	side_by_side(0, count, start);
	side_by_side(0, count, end);
	side_by_side(0, all, discard);
	snprintf(path, sizeof(path), "/networks/%s", network);
	call("DELETE", path, "", reply);
	return 0;
}

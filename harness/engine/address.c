#include "engine/address.h"

#include "base/buf.h"

#include <errno.h>
#include <grp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define PORT_PLAIN "2375"
#define PORT_TLS "2376"
#define START_AN_ENGINE                                                                                   \
	"start one (for example: sudo systemctl start docker; Docker Desktop, Colima and Podman do too) " \
	"or set DOCKER_HOST"
#define FORMS "unix:///path/to.sock, tcp://host:port or https://host:port"

/* In the order they are tried. */
static const struct {
	enum { SYSTEM, RUNTIME, HOME } base;
	const char *path;
} places[] = {
	{ SYSTEM, "/var/run/docker.sock" },
	{ RUNTIME, "/docker.sock" },
	{ HOME, "/.docker/run/docker.sock" },
	{ HOME, "/.docker/desktop/docker.sock" },
	{ HOME, "/.colima/default/docker.sock" },
	{ RUNTIME, "/podman/podman.sock" },
	{ SYSTEM, "/run/podman/podman.sock" },
};

static bool is_set(const char *text)
{
	return text && *text;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* 0 if something accepts connections there, else errno. */
static int try_socket(const char *path)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(name.sun_path))
		return ENAMETOOLONG;
	memcpy(name.sun_path, path, strlen(path) + 1);
	int fd CLEANUP(close_fd) = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return errno;
	/* EAGAIN: its queue is full, so somebody does listen. */
	if (connect(fd, (struct sockaddr *)&name, sizeof(name)) == 0 || errno == EAGAIN)
		return 0;
	return errno;
}

static const char *group_of(const char *path)
{
	struct stat status;
	if (stat(path, &status) < 0 || status.st_gid == 0)
		return "docker";
	struct group *group = getgrgid(status.st_gid);
	return group ? group->gr_name : "docker";
}

int address_explain(const char *socket_path, int errnum, struct err *err)
{
	if (errnum == EACCES || errnum == EPERM) {
		err_set(err, ERR_ENVIRONMENT,
		    "permission denied on the engine's socket %s; add yourself to its group: sudo usermod "
		    "-aG %s $USER, "
		    "then log in again (or run as root)",
		    socket_path, group_of(socket_path));
	} else {
		err_set(err, ERR_ENVIRONMENT, "no Docker engine answers at unix://%s: %s; %s", socket_path,
		    strerror(errnum), START_AN_ENGINE);
	}
	if (err)
		err->errnum = errnum;
	return -1;
}

static void use_socket(const char *path, struct address *ret_address)
{
	*ret_address = (struct address){
		.text = xasprintf("unix://%s", path),
		.socket_path = xstrdup(path),
		.base_url = xstrdup("http://localhost"),
	};
}

static char *place_path(size_t index, const struct surroundings *surroundings)
{
	const char *base = NULL;
	switch (places[index].base) {
	case SYSTEM:
		return xasprintf(
		    "%s%s", is_set(surroundings->root) ? surroundings->root : "", places[index].path);
	case RUNTIME:
		base = surroundings->runtime_dir;
		break;
	case HOME:
		base = surroundings->home;
		break;
	}
	return is_set(base) ? xasprintf("%s%s", base, places[index].path) : NULL;
}

static int search(const struct surroundings *surroundings, struct address *ret_address, struct err *err)
{
	struct buf looked CLEANUP(buf_release) = { 0 };
	char *forbidden OWNED = NULL;
	for (size_t i = 0; i < ARRAY_LENGTH(places); i++) {
		char *path OWNED = place_path(i, surroundings);
		if (!path)
			continue;
		int errnum = try_socket(path);
		if (errnum == 0) {
			use_socket(path, ret_address);
			return 0;
		}
		buf_addf(&looked, "%s%s", looked.length ? ", " : "", path);
		if (errnum != ENOENT && errnum != ENOTDIR)
			buf_addf(&looked, " (%s)", strerror(errnum));
		if (errnum == EACCES && !forbidden)
			forbidden = steal_ptr(path);
	}
	if (forbidden)
		return address_explain(forbidden, EACCES, err);
	return err_set(err, ERR_ENVIRONMENT, "no Docker engine found; looked at %s; %s", buf_string(&looked),
	    START_AN_ENGINE);
}

/* One of the PEM files: it must be readable now, since curl's own word for it is obscure. */
static int find_pem(const char *folder, const char *name, char **ret_path, struct err *err)
{
	char *path OWNED = xasprintf("%s/%s", folder, name);
	if (access(path, R_OK) < 0)
		return err_set_errno(err, ERR_ENVIRONMENT, errno,
		    "TLS to the engine needs ca.pem, cert.pem and key.pem in DOCKER_CERT_PATH (%s), but %s "
		    "cannot be read",
		    folder, path);
	*ret_path = steal_ptr(path);
	return 0;
}

static int use_certificates(
    const struct surroundings *surroundings, bool obligatory, struct address *address, struct err *err)
{
	char *folder OWNED = NULL;
	if (is_set(surroundings->cert_path))
		folder = xstrdup(surroundings->cert_path);
	else if (obligatory && is_set(surroundings->home))
		folder = xasprintf("%s/.docker", surroundings->home);
	else if (obligatory)
		return err_set(err, ERR_ENVIRONMENT,
		    "DOCKER_TLS_VERIFY is set, but neither DOCKER_CERT_PATH nor HOME says where the "
		    "certificates are");
	else
		return 0;
	if (find_pem(folder, "ca.pem", &address->ca_file, err) < 0 ||
	    find_pem(folder, "cert.pem", &address->certificate_file, err) < 0 ||
	    find_pem(folder, "key.pem", &address->key_file, err) < 0)
		return -1;
	return 0;
}

/* "host:port" with the port as given or the usual one; "[::1]" is a host too. NULL if it is neither. */
static char *host_and_port(const char *text, const char *usual_port)
{
	size_t length = strlen(text);
	while (length && text[length - 1] == '/')
		length--;
	char *host OWNED = xmemdup0(text, length);
	if (!*host || strpbrk(host, "/?#@ \t\r\n\\"))
		return NULL;
	const char *bracket = strrchr(host, ']');
	const char *colon = strrchr(bracket ? bracket : host, ':');
	if (!colon)
		return xasprintf("%s:%s", host, usual_port);
	size_t digits = strspn(colon + 1, "0123456789");
	if (colon == host || digits == 0 || digits > 5 || colon[1 + digits] ||
	    (!bracket && strchr(host, ':') != colon))
		return NULL;
	return steal_ptr(host);
}

static int use_host(const char *text, const char *rest, bool tls, const struct surroundings *surroundings,
    struct address *ret_address, struct err *err)
{
	struct address address CLEANUP(address_release) = { 0 };
	char *host OWNED = host_and_port(rest, tls ? PORT_TLS : PORT_PLAIN);
	if (!host)
		return err_set(err, ERR_ENVIRONMENT,
		    "engine address \"%s\": expected host:port after the \"//\", as in "
		    "tcp://127.0.0.1:2375",
		    text);
	if (tls && use_certificates(surroundings, is_set(surroundings->tls_verify), &address, err) < 0)
		return -1;
	address.text = xstrdup(text);
	address.base_url = xasprintf("%s://%s", tls ? "https" : "http", host);
	*ret_address = address;
	address = (struct address){ 0 };
	return 0;
}

static const char *after(const char *text, const char *prefix)
{
	size_t length = strlen(prefix);
	return strncmp(text, prefix, length) == 0 ? text + length : NULL;
}

static int use_wanted(
    const char *wanted, const struct surroundings *surroundings, struct address *ret_address, struct err *err)
{
	const char *rest;
	if ((rest = after(wanted, "unix://"))) {
		if (*rest != '/')
			return err_set(err, ERR_ENVIRONMENT,
			    "engine address \"%s\": a socket's path is absolute (three slashes), as in "
			    "unix:///var/run/docker.sock",
			    wanted);
		int errnum = try_socket(rest);
		if (errnum)
			return address_explain(rest, errnum, err);
		use_socket(rest, ret_address);
		return 0;
	}
	if ((rest = after(wanted, "tcp://")))
		return use_host(
		    wanted, rest, is_set(surroundings->tls_verify), surroundings, ret_address, err);
	if ((rest = after(wanted, "http://")))
		return use_host(wanted, rest, false, surroundings, ret_address, err);
	if ((rest = after(wanted, "https://")))
		return use_host(wanted, rest, true, surroundings, ret_address, err);
	if (after(wanted, "ssh://"))
		return err_set(err, ERR_ENVIRONMENT,
		    "engine address \"%s\": ssh is not spoken here; forward the socket yourself (ssh -nNT -L "
		    "/tmp/docker.sock:/var/run/docker.sock HOST) and set DOCKER_HOST=unix:///tmp/docker.sock",
		    wanted);
	return err_set(err, ERR_ENVIRONMENT, "engine address \"%s\": expected %s", wanted, FORMS);
}

int address_find(
    const char *wanted, const struct surroundings *surroundings, struct address *ret_address, struct err *err)
{
	if (is_set(wanted))
		return use_wanted(wanted, surroundings, ret_address, err);
	if (!is_set(surroundings->docker_host))
		return search(surroundings, ret_address, err);
	if (use_wanted(surroundings->docker_host, surroundings, ret_address, err) < 0)
		return err_wrap(err, "DOCKER_HOST");
	return 0;
}

void address_release(struct address *address)
{
	free(address->text);
	free(address->socket_path);
	free(address->base_url);
	free(address->ca_file);
	free(address->certificate_file);
	free(address->key_file);
	*address = (struct address){ 0 };
}

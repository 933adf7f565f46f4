#include "engine/address.h"

#include "base/buf.h"
#include "engine/testing.h"

#include <errno.h>
#include <ftw.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTENERS_MAX 8

struct fixture {
	char folder[64];
	char home[80], runtime_dir[80];
	struct surroundings surroundings;
	int listeners[LISTENERS_MAX];
	size_t listener_count;
	struct address address;
};

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place)
{
	(void)status;
	(void)kind;
	(void)place;
	return remove(path);
}

static int setup(void **state)
{
	struct fixture *fixture = xcalloc(1, sizeof(*fixture));
	snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/falsestart-address-XXXXXX");
	if (!mkdtemp(fixture->folder))
		return -1;
	snprintf(fixture->home, sizeof(fixture->home), "%s/home", fixture->folder);
	snprintf(fixture->runtime_dir, sizeof(fixture->runtime_dir), "%s/run-user", fixture->folder);
	fixture->surroundings = (struct surroundings){
		.home = fixture->home, .runtime_dir = fixture->runtime_dir, .root = fixture->folder
	};
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	for (size_t i = 0; i < fixture->listener_count; i++)
		close(fixture->listeners[i]);
	address_release(&fixture->address);
	int status = nftw(fixture->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(fixture);
	return status;
}

/* Makes folders up to the last slash of the path. */
static void make_folders(const char *path)
{
	char *copy OWNED = xstrdup(path);
	for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		assert_true(mkdir(copy, 0755) == 0 || errno == EEXIST);
		*slash = '/';
	}
}

/* A socket in the fixture's folder; somebody listens, or has listened once. */
static void make_socket(struct fixture *fixture, const char *place, bool is_alive)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	snprintf(name.sun_path, sizeof(name.sun_path), "%s%s", fixture->folder, place);
	make_folders(name.sun_path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	fixture->listeners[fixture->listener_count++] = fd;
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	if (is_alive)
		assert_int_equal(listen(fd, 8), 0);
}

static void make_file(struct fixture *fixture, const char *place)
{
	char *path OWNED = xasprintf("%s%s", fixture->folder, place);
	make_folders(path);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fclose(file);
}

static void find(struct fixture *fixture, const char *wanted)
{
	struct err err = ERR_INIT;
	address_release(&fixture->address);
	if (address_find(wanted, &fixture->surroundings, &fixture->address, &err) < 0)
		fail_msg("%s", err.message);
}

static void find_fails(struct fixture *fixture, const char *wanted, const char *const parts[])
{
	struct err err = ERR_INIT;
	assert_int_equal(address_find(wanted, &fixture->surroundings, &fixture->address, &err), -1);
	assert_int_equal(err.kind, ERR_ENVIRONMENT);
	for (size_t i = 0; parts[i]; i++)
		if (!strstr(err.message, parts[i]))
			fail_msg("\"%s\" is not in: %s", parts[i], err.message);
}

static void test_places_in_order(void **state)
{
	struct fixture *fixture = *state;
	static const char *const last_first[] = {
		"/run/podman/podman.sock",
		"/run-user/podman/podman.sock",
		"/home/.colima/default/docker.sock",
		"/home/.docker/desktop/docker.sock",
		"/home/.docker/run/docker.sock",
		"/run-user/docker.sock",
		"/var/run/docker.sock",
	};
	for (size_t i = 0; i < ARRAY_LENGTH(last_first); i++) {
		make_socket(fixture, last_first[i], true);
		find(fixture, NULL);
		char *path OWNED = xasprintf("%s%s", fixture->folder, last_first[i]);
		char *text OWNED = xasprintf("unix://%s", path);
		assert_string_equal(fixture->address.socket_path, path);
		assert_string_equal(fixture->address.text, text);
		assert_string_equal(fixture->address.base_url, "http://localhost");
	}
}

static void test_a_dead_socket_does_not_hide_a_living_one(void **state)
{
	struct fixture *fixture = *state;
	make_socket(fixture, "/var/run/docker.sock", false);
	make_file(fixture, "/run-user/docker.sock");
	make_socket(fixture, "/home/.colima/default/docker.sock", true);
	find(fixture, NULL);
	assert_non_null(strstr(fixture->address.text, "/.colima/"));
}

static void test_no_engine_at_all(void **state)
{
	struct fixture *fixture = *state;
	make_socket(fixture, "/var/run/docker.sock", false);
	find_fails(fixture, NULL,
	    (const char *const[]){ "no Docker engine found; looked at ",
		"/var/run/docker.sock (Connection refused), ", "/run-user/docker.sock, ",
		"/home/.docker/run/docker.sock, ", "/home/.docker/desktop/docker.sock, ",
		"/home/.colima/default/docker.sock, ", "/run-user/podman/podman.sock, ",
		"/run/podman/podman.sock; ", "start one", "systemctl start docker", "set DOCKER_HOST",
		NULL });
	fixture->surroundings.home = NULL;
	fixture->surroundings.runtime_dir = "";
	struct err err = ERR_INIT;
	assert_int_equal(address_find(NULL, &fixture->surroundings, &fixture->address, &err), -1);
	assert_null(strstr(err.message, ".colima"));
}

/* Root is never refused, so the explanation is asked for directly; the search is tried as another user below.
 */
static void test_permission_denied(void **state)
{
	struct fixture *fixture = *state;
	struct err err = ERR_INIT;
	assert_int_equal(address_explain("/var/run/docker.sock", EACCES, &err), -1);
	assert_non_null(strstr(err.message, "permission denied on the engine's socket /var/run/docker.sock"));
	assert_non_null(strstr(err.message, "sudo usermod -aG docker $USER"));
	assert_int_equal(err.errnum, EACCES);

	make_socket(fixture, "/var/run/docker.sock", true);
	char *path OWNED = xasprintf("%s/var/run/docker.sock", fixture->folder);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(chmod(fixture->folder, 0755), 0);
	const uid_t nobody = 65534;
	if (geteuid() == 0)
		assert_int_equal(seteuid(nobody), 0);
	else
		assert_int_equal(chmod(path, 0), 0);
	struct err refused = ERR_INIT;
	int status = address_find(NULL, &fixture->surroundings, &fixture->address, &refused);
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(status, -1);
	assert_non_null(strstr(refused.message, "permission denied on the engine's socket"));

	/* One that may be used is better than one that may not. */
	make_socket(fixture, "/run-user/docker.sock", true);
	char *own OWNED = xasprintf("%s/run-user/docker.sock", fixture->folder);
	assert_int_equal(chmod(own, 0777), 0);
	if (geteuid() == 0)
		assert_int_equal(seteuid(nobody), 0);
	status = address_find(NULL, &fixture->surroundings, &fixture->address, &refused);
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(status, 0);
	assert_string_equal(fixture->address.socket_path, own);
}

static void test_what_is_wanted_comes_first(void **state)
{
	struct fixture *fixture = *state;
	make_socket(fixture, "/var/run/docker.sock", true);
	fixture->surroundings.docker_host = "tcp://10.0.0.1";
	find(fixture, NULL);
	assert_string_equal(fixture->address.base_url, "http://10.0.0.1:2375");
	assert_null(fixture->address.socket_path);
	find(fixture, "tcp://[::1]:99/");
	assert_string_equal(fixture->address.base_url, "http://[::1]:99");
	find(fixture, "http://engine:1");
	assert_string_equal(fixture->address.base_url, "http://engine:1");
	char *address OWNED = xasprintf("unix://%s/var/run/docker.sock", fixture->folder);
	fixture->surroundings.docker_host = address;
	find(fixture, NULL);
	assert_string_equal(fixture->address.text, address);
}

static void test_tls(void **state)
{
	struct fixture *fixture = *state;
	fixture->surroundings.tls_verify = "1";
	fixture->surroundings.docker_host = "tcp://engine";
	find_fails(fixture, NULL,
	    (const char *const[]){ "DOCKER_HOST: ", "ca.pem, cert.pem and key.pem", "/home/.docker/ca.pem",
		"No such file", NULL });
	make_file(fixture, "/home/.docker/ca.pem");
	make_file(fixture, "/home/.docker/cert.pem");
	find_fails(fixture, NULL, (const char *const[]){ "/home/.docker/key.pem cannot be read", NULL });
	make_file(fixture, "/home/.docker/key.pem");
	find(fixture, NULL);
	assert_string_equal(fixture->address.base_url, "https://engine:2376");
	assert_non_null(strstr(fixture->address.key_file, "/home/.docker/key.pem"));

	char *certificates OWNED = xasprintf("%s/c", fixture->folder);
	fixture->surroundings.cert_path = certificates;
	find_fails(fixture, NULL, (const char *const[]){ "/c/ca.pem cannot be read", NULL });
	make_file(fixture, "/c/ca.pem");
	make_file(fixture, "/c/cert.pem");
	make_file(fixture, "/c/key.pem");
	fixture->surroundings.tls_verify = "";
	find(fixture, NULL);
	assert_string_equal(fixture->address.base_url, "http://engine:2375");
	find(fixture, "https://engine:5");
	assert_string_equal(fixture->address.base_url, "https://engine:5");
	assert_non_null(strstr(fixture->address.ca_file, "/c/ca.pem"));
	fixture->surroundings.cert_path = NULL;
	find(fixture, "https://engine:5");
	assert_null(fixture->address.ca_file);
	fixture->surroundings.home = NULL;
	fixture->surroundings.tls_verify = "1";
	find_fails(fixture, NULL, (const char *const[]){ "neither DOCKER_CERT_PATH nor HOME", NULL });
}

static void test_addresses_that_are_none(void **state)
{
	struct fixture *fixture = *state;
	static const struct {
		const char *address, *part;
	} cases[] = {
		{ "unix://relative.sock", "three slashes" },
		{ "unix:///nonexistent/docker.sock",
		    "no Docker engine answers at unix:///nonexistent/docker.sock: No such" },
		{ "/var/run/docker.sock", "expected unix:///path/to.sock" },
		{ "ssh://me@host", "ssh -nNT -L" },
		{ "npipe:////./pipe/docker_engine", "expected unix:///path/to.sock" },
		{ "tcp://", "expected host:port" },
		{ "tcp://host:", "expected host:port" },
		{ "tcp://host:port", "expected host:port" },
		{ "tcp://host:123456", "expected host:port" },
		{ "tcp://:2375", "expected host:port" },
		{ "tcp://::1:2375", "expected host:port" },
		{ "tcp://host/path", "expected host:port" },
		{ "tcp://user@host", "expected host:port" },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		find_fails(fixture, cases[i].address, (const char *const[]){ cases[i].part, NULL });
		fixture->surroundings.docker_host = cases[i].address;
		find_fails(fixture, NULL, (const char *const[]){ "DOCKER_HOST: ", cases[i].part, NULL });
	}
	char long_path[300];
	memset(long_path, 'x', sizeof(long_path));
	snprintf(long_path, 9, "unix:///");
	long_path[8] = 'x';
	long_path[sizeof(long_path) - 1] = '\0';
	find_fails(fixture, long_path, (const char *const[]){ "File name too long", NULL });
}

/* The whole way, through the environment of the process. */
static void test_open_reads_the_environment(void **state)
{
	struct fixture *fixture = *state;
	struct loop *loop = loop_new();
	struct err err = ERR_INIT;
	setenv("HOME", fixture->home, 1);
	setenv("XDG_RUNTIME_DIR", fixture->runtime_dir, 1);
	setenv("DOCKER_HOST", "tcp://nowhere:port", 1);
	struct engine *engine = engine_open(loop, NULL, &err);
	assert_null(engine);
	assert_string_equal(err.message,
	    "DOCKER_HOST: engine address \"tcp://nowhere:port\": expected host:port after the \"//\", as in "
	    "tcp://127.0.0.1:2375");
	make_socket(fixture, "/run-user/docker.sock", true);
	char *address OWNED = xasprintf("unix://%s/run-user/docker.sock", fixture->folder);
	setenv("DOCKER_HOST", address, 1);
	engine = engine_open(loop, NULL, &err);
	assert_non_null(engine);
	assert_string_equal(engine_address(engine), address);
	assert_string_equal(engine_api_version(engine), "");
	assert_true(engine_is_local(engine));
	engine_close(engine);
	engine = engine_open(loop, "tcp://127.0.0.1:1", &err);
	assert_false(engine_is_local(engine));
	engine_close(engine);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_places_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_a_dead_socket_does_not_hide_a_living_one, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_engine_at_all, setup, teardown),
		cmocka_unit_test_setup_teardown(test_permission_denied, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_wanted_comes_first, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tls, setup, teardown),
		cmocka_unit_test_setup_teardown(test_addresses_that_are_none, setup, teardown),
		cmocka_unit_test_setup_teardown(test_open_reads_the_environment, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The gate before a real kernel: what a client gets in each phase, and when. */
#include "agent/gate_fixture.h"

#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MS INT64_C(1000000)

static struct fixture *world;

static int start_world(void **state)
{
	(void)state;
	world = fixture_start();
	return world || geteuid() != 0 ? 0 : -1;
}

static struct outcome give(const struct order *order)
{
	struct outcome outcome;
	assert_int_equal(send(world->orders, order, sizeof(*order), 0), sizeof(*order));
	assert_int_equal(recv(world->orders, &outcome, sizeof(outcome), 0), sizeof(outcome));
	return outcome;
}

#define SCRIPT(...)                                            \
	give_script((const struct gate_step[]){ __VA_ARGS__ }, \
	    (int)(sizeof((const struct gate_step[]){ __VA_ARGS__ }) / sizeof(struct gate_step)))

static void give_script(const struct gate_step *steps, int count)
{
	struct order order = { .kind = ORDER_SCRIPT, .count = count };
	memcpy(order.steps, steps, (size_t)count * sizeof(*steps));
	struct outcome outcome = give(&order);
	assert_string_equal(outcome.message, "");
}

static int ask(enum order_kind kind)
{
	return give(&(struct order){ .kind = kind }).value;
}

static int start_test(void **state)
{
	(void)state;
	if (!world) {
		print_message("needs root: two network namespaces with nf_tables rules\n");
		skip();
		return -1; /* skip() does not return, which only it knows */
	}
	world->is_six = false;
	give(&(struct order){ .kind = ORDER_CLOSE_ALL });
	assert_false(ask(ORDER_HAS_TABLE));
	return 0;
}

static int new_socket(int flags)
{
	return socket(world->is_six ? AF_INET6 : AF_INET, SOCK_STREAM | flags, 0);
}

static int begin_connect(int fd)
{
	struct sockaddr_storage server = address_of(world->is_six ? SERVER_6 : SERVER_4, PORT);
	socklen_t length = world->is_six ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
	return connect(fd, (struct sockaddr *)&server, length) < 0 ? errno : 0;
}

/* errno of a plain connect(2), 0: connected. *ret_fd is the caller's then. */
static int dial(int *ret_fd)
{
	int fd = new_socket(0);
	assert_true(fd >= 0);
	struct timeval limit = { .tv_sec = DEADLINE_MS / 1000 };
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	int failure = begin_connect(fd);
	if (failure || !ret_fd)
		close(fd);
	else
		*ret_fd = fd;
	return failure;
}

static int dialled(void)
{
	int fd = -1;
	assert_int_equal(dial(&fd), 0);
	return fd;
}

static void put(int fd, const void *bytes, size_t length)
{
	assert_int_equal(send(fd, bytes, length, MSG_NOSIGNAL), length);
}

static void expect_bytes(int fd, const void *bytes, size_t length)
{
	char got[4096];
	size_t have = 0;
	assert_true(length <= sizeof(got));
	while (have < length) {
		ssize_t step = recv(fd, got + have, length - have, 0);
		assert_true(step > 0);
		have += (size_t)step;
	}
	assert_memory_equal(got, bytes, length);
}

#define expect_text(fd, text) expect_bytes(fd, text, sizeof(text) - 1)

static void expect_echo(int fd)
{
	put(fd, "hello", 5);
	expect_text(fd, "hello");
}

/* 0: FIN; -errno. */
static int end_of(int fd)
{
	char byte;
	ssize_t length = recv(fd, &byte, 1, 0);
	assert_true(length <= 0);
	return length < 0 ? -errno : 0;
}

/* Silence can only be told by waiting; short, since a machine that is late makes this pass, not fail. */
#define SILENCE_MS 60
static bool is_silent(int fd)
{
	return poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, SILENCE_MS) == 0;
}

/* The next line of the agent that begins with this word. */
static void expect_line(const char *word, char *line, size_t size)
{
	do {
		assert_true(poll(&(struct pollfd){ .fd = fileno(world->lines), .events = POLLIN }, 1,
				DEADLINE_MS) == 1);
		assert_non_null(fgets(line, (int)size, world->lines));
	} while (strncmp(line, word, strlen(word)) != 0);
}

static int64_t expect_move(const char *phase, int index)
{
	char line[256], expected[64], *rest = NULL;
	expect_line("phase ", line, sizeof(line));
	int64_t at = strtoll(line + sizeof("phase ") - 1, &rest, 10);
	snprintf(expected, sizeof(expected), " %d %s %d\n", PORT, phase, index);
	assert_string_equal(rest, expected);
	return at;
}

/* ---- each phase, with both families ---- */

static void for_both(void (*check)(void))
{
	for (int six = 0; six < 2; six++) {
		world->is_six = six;
		check();
		SCRIPT({ .phase = GATE_READY });
		assert_false(ask(ORDER_HAS_TABLE));
	}
}

static void check_unreachable(void)
{
	int before = dialled();
	expect_echo(before);
	SCRIPT({ .phase = GATE_UNREACHABLE });
	int fd = new_socket(0);
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &(int){ 100 }, sizeof(int));
	assert_int_equal(begin_connect(fd), ETIMEDOUT);
	close(fd);
	put(before, "hello", 5);
	assert_true(is_silent(before));
	SCRIPT({ .phase = GATE_READY });
	expect_text(before, "hello"); /* the kernel's retransmission gets through */
	close(before);
}

static void test_unreachable(void **state)
{
	(void)state;
	for_both(check_unreachable);
}

static void check_refused(void)
{
	int before = dialled();
	expect_echo(before);
	SCRIPT({ .phase = GATE_REFUSED });
	assert_int_equal(end_of(before), -ECONNRESET); /* it has sent nothing since */
	assert_int_equal(dial(NULL), ECONNREFUSED);
	assert_int_equal(dial(NULL), ECONNREFUSED);
	close(before);
}

static void test_refused(void **state)
{
	(void)state;
	for_both(check_refused);
}

static void check_hung(void)
{
	int before = dialled();
	expect_echo(before);
	SCRIPT({ .phase = GATE_HUNG });
	int fd = dialled();
	put(fd, "PING\r\n", 6);
	put(before, "hello", 5);
	assert_true(is_silent(fd));
	assert_true(is_silent(before));
	SCRIPT({ .phase = GATE_READY });
	assert_int_equal(end_of(fd), -ECONNRESET);
	expect_text(before, "hello");
	close(fd);
	close(before);
}

static void test_hung(void **state)
{
	(void)state;
	for_both(check_hung);
}

static void check_closing(void)
{
	int before = dialled();
	SCRIPT({ .phase = GATE_CLOSING });
	assert_int_equal(end_of(before), -ECONNRESET);
	int fd = dialled();
	put(fd, "PING\r\n", 6);
	assert_int_equal(end_of(fd), 0);
	close(fd);
	SCRIPT({ .phase = GATE_CLOSING, .reset = true });
	fd = dialled();
	assert_int_equal(end_of(fd), -ECONNRESET);
	close(fd);
	close(before);
}

static void test_closing(void **state)
{
	(void)state;
	for_both(check_closing);
}

static void check_loading(void)
{
	SCRIPT({ .phase = GATE_LOADING, .protocol = PROTOCOL_REDIS });
	int fd = dialled();
	put(fd, "PING\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\n", 28 - 2);
	expect_text(fd, "-LOADING Redis is loading the dataset in memory\r\n"
			"-LOADING Redis is loading the dataset in memory\r\n");
	SCRIPT({ .phase = GATE_DENIED, .protocol = PROTOCOL_REDIS });
	assert_int_equal(end_of(fd), -ECONNRESET);
	close(fd);
	fd = dialled();
	put(fd, "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n", 22);
	expect_text(fd, "-NOAUTH Authentication required.\r\n");
	SCRIPT({ .phase = GATE_READY });
	assert_int_equal(end_of(fd), 0);
	close(fd);
	fd = dialled();
	expect_echo(fd);
	close(fd);
}

static void test_loading(void **state)
{
	(void)state;
	for_both(check_loading);
}

#define STARTUP "\0\0\0\x13\0\3\0\0user\0anna\0\0"
static void test_postgres(void **state)
{
	(void)state;
	SCRIPT({ .phase = GATE_LOADING, .protocol = PROTOCOL_POSTGRES });
	int fd = dialled();
	put(fd, "\0\0\0\x08\x04\xd2\x16\x2f", 8);
	expect_text(fd, "N");
	put(fd, STARTUP, sizeof(STARTUP) - 1);
	expect_text(fd, "E\0\0\0\x3eSFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0");
	expect_bytes(fd, "", 1);
	assert_int_equal(end_of(fd), 0);
	close(fd);
	SCRIPT({ .phase = GATE_DENIED,
	    .protocol = PROTOCOL_POSTGRES,
	    .say = "53300 sorry, too many clients already" });
	fd = dialled();
	put(fd, "\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\1\0\0\0\2", 16); /* CancelRequest */
	assert_int_equal(end_of(fd), 0);
	close(fd);
}

/* ---- slow ---- */

static int64_t round_trip(int fd)
{
	int64_t before_ns = now_ns();
	expect_echo(fd);
	return now_ns() - before_ns;
}

static int by_size(const void *one, const void *other)
{
	int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
	return (a > b) - (a < b);
}

static int64_t median(int64_t *values, size_t count)
{
	qsort(values, count, sizeof(*values), by_size);
	return values[count / 2];
}

#define ROUNDS 1000
static void check_zero_delay(void)
{
	static int64_t plain[ROUNDS], relayed[ROUNDS];
	int direct = dialled();
	SCRIPT({ .phase = GATE_SLOW });
	int slow = dialled();
	for (int i = 0; i < ROUNDS; i++) {
		plain[i] = round_trip(direct); /* in turns, so that both have the same machine */
		relayed[i] = round_trip(slow);
	}
	int64_t added = median(relayed, ROUNDS) - median(plain, ROUNDS);
	print_message("slow at zero delay: %lld us, direct %lld us, added %lld us\n",
	    (long long)(median(relayed, ROUNDS) / 1000), (long long)(median(plain, ROUNDS) / 1000),
	    (long long)(added / 1000));
	assert_true(added > 0); /* it is relayed at all */
	assert_true(median(relayed, ROUNDS) < 10 * median(plain, ROUNDS));
	SCRIPT({ .phase = GATE_READY });
	expect_echo(slow); /* made in slow: stays */
	expect_echo(direct);
	SCRIPT({ .phase = GATE_HUNG });
	put(slow, "hello", 5);
	assert_true(is_silent(slow));
	SCRIPT({ .phase = GATE_REFUSED });
	assert_int_equal(end_of(slow), -ECONNRESET);
	assert_int_equal(end_of(direct), -ECONNRESET);
	close(slow);
	close(direct);
}

static void test_slow_at_zero_delay(void **state)
{
	(void)state;
	for_both(check_zero_delay);
}

static void test_latency(void **state)
{
	(void)state;
	enum { TIMES = 21 };
	int64_t times[TIMES];
	SCRIPT({ .phase = GATE_SLOW, .latency_ns = 20 * MS, .jitter_ns = 5 * MS, .seed = 7 });
	int fd = dialled();
	for (int i = 0; i < TIMES; i++) {
		times[i] = round_trip(fd);
		assert_true(times[i] >= 15 * MS);
	}
	int64_t middle = median(times, TIMES);
	print_message("latency 20 ms +- 5 ms: %lld us\n", (long long)(middle / 1000));
	assert_true(middle >= 17 * MS);
	assert_true(times[TIMES / 4] <= 25 * MS); /* a busy machine makes some late */
	close(fd);
}

static void test_bandwidth_and_late_fin(void **state)
{
	(void)state;
	static char bytes[50000];
	SCRIPT({ .phase = GATE_SLOW, .bandwidth = 500000, .close_ns = 50 * MS });
	int fd = dialled();
	int64_t before_ns = now_ns();
	put(fd, bytes, sizeof(bytes));
	for (size_t have = 0; have < sizeof(bytes);) {
		ssize_t step = recv(fd, bytes, sizeof(bytes), 0);
		assert_true(step > 0);
		have += (size_t)step;
	}
	int64_t took_ns = now_ns() - before_ns;
	assert_true(took_ns >= 95 * MS && took_ns < 1000 * MS);
	before_ns = now_ns();
	assert_int_equal(shutdown(fd, SHUT_WR), 0); /* the server closes when it sees this */
	assert_int_equal(end_of(fd), 0);
	assert_true(now_ns() - before_ns >= 100 * MS); /* late on either way */
	close(fd);
}

/* More than all buffers hold: what is not read holds the sender back, and nothing gets lost. */
static void test_much_and_half_closed(void **state)
{
	(void)state;
	enum { TOTAL = 20 * 1024 * 1024 };
	static unsigned char out[65536], in[65536];
	SCRIPT({ .phase = GATE_SLOW });
	int fd = new_socket(0);
	assert_int_equal(begin_connect(fd), 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	size_t sent = 0, got = 0;
	bool is_over = false;
	while (!is_over) {
		struct pollfd wait = { .fd = fd, .events = POLLIN };
		if (sent < TOTAL)
			wait.events |= POLLOUT;
		assert_true(poll(&wait, 1, DEADLINE_MS) == 1);
		if (wait.revents & POLLOUT) {
			size_t step = TOTAL - sent < sizeof(out) ? TOTAL - sent : sizeof(out);
			for (size_t i = 0; i < step; i++)
				out[i] = (unsigned char)((sent + i) % 251);
			ssize_t done = send(fd, out, step, MSG_NOSIGNAL);
			sent += done > 0 ? (size_t)done : 0;
			if (sent == TOTAL)
				assert_int_equal(shutdown(fd, SHUT_WR), 0);
		}
		if (wait.revents & (POLLIN | POLLHUP)) {
			ssize_t step = recv(fd, in, sizeof(in), 0);
			assert_true(step >= 0 || errno == EAGAIN);
			for (ssize_t i = 0; i < step; i++, got++)
				assert_int_equal(in[i], got % 251);
			is_over = step == 0;
		}
	}
	assert_int_equal(got, TOTAL);
	close(fd);
}

/* ---- scripts ---- */

/* Fifty times: three connections of a client that never waits, and not one more. */
static void check_exact_count(void)
{
	for (int i = 0; i < 50; i++) {
		int failures[8];
		SCRIPT({ .phase = GATE_REFUSED, .attempts = 3 }, { .phase = GATE_READY });
		for (int j = 0; j < 8; j++)
			failures[j] = dial(NULL);
		for (int j = 0; j < 8; j++)
			assert_int_equal(failures[j], j < 3 ? ECONNREFUSED : 0);
		(void)expect_move("ready", 1);
	}
}

static void test_exact_count(void **state)
{
	(void)state;
	for_both(check_exact_count);
}

static void test_every_phase_in_one_script(void **state)
{
	(void)state;
	int fds[5];
	SCRIPT({ .phase = GATE_REFUSED, .attempts = 1 }, { .phase = GATE_HUNG, .attempts = 2 },
	    { .phase = GATE_CLOSING, .attempts = 1 },
	    { .phase = GATE_LOADING, .protocol = PROTOCOL_REDIS, .attempts = 1 },
	    { .phase = GATE_SLOW, .attempts = 1 }, { .phase = GATE_READY });
	assert_int_equal(dial(NULL), ECONNREFUSED);
	for (int i = 0; i < 5; i++)
		fds[i] = dialled(); /* at once: the kernel counts, not the agent */
	static const char *const phases[] = { "hung", "closing", "loading", "slow", "ready" };
	for (int i = 0; i < 5; i++)
		(void)expect_move(phases[i], i + 1);
	int ready = dialled();
	expect_echo(ready);
	assert_true(is_silent(fds[0]));
	assert_true(is_silent(fds[1]));
	assert_int_equal(end_of(fds[2]), 0);
	put(fds[3], "PING\r\n", 6);
	expect_text(fds[3], "-LOADING Redis is loading the dataset in memory\r\n");
	assert_int_equal(end_of(fds[3]), 0); /* its phase is over: it is told so once */
	expect_echo(fds[4]);
	for (int i = 0; i < 5; i++)
		close(fds[i]);
	expect_echo(ready);
	close(ready);
}

/* A silent step is over for the kernel before the agent knows: who comes then meets the next one. */
static void check_refused_behind_silence(void)
{
	static const enum gate_phase silent[] = { GATE_HUNG, GATE_UNREACHABLE };
	for (size_t i = 0; i < sizeof(silent) / sizeof(*silent); i++) {
		SCRIPT({ .phase = silent[i], .attempts = 1 }, { .phase = GATE_REFUSED });
		assert_int_equal(kill(world->gate, SIGSTOP), 0);
		int first = new_socket(SOCK_NONBLOCK);
		(void)begin_connect(first);
		int second = new_socket(SOCK_NONBLOCK), failure = 0;
		struct pollfd waiting = { .fd = second, .events = POLLOUT };
		socklen_t size = sizeof(failure);
		(void)begin_connect(second);
		/* Its first retransmission would come after a second. */
		int answers = poll(&waiting, 1, SILENCE_MS);
		getsockopt(second, SOL_SOCKET, SO_ERROR, &failure, &size);
		assert_int_equal(kill(world->gate, SIGCONT), 0);
		assert_int_equal(answers, 1);
		assert_int_equal(failure, ECONNREFUSED);
		(void)expect_move("refused", 1);
		close(first);
		close(second);
	}
}

static void test_refused_behind_silence(void **state)
{
	(void)state;
	for_both(check_refused_behind_silence);
}

/* A connection that has met `unreachable` is not saved by its next SYN. */
static void test_retransmissions_stay_dropped(void **state)
{
	(void)state;
	SCRIPT({ .phase = GATE_UNREACHABLE, .attempts = 1 }, { .phase = GATE_READY });
	int fd = new_socket(SOCK_NONBLOCK);
	assert_int_equal(begin_connect(fd), EINPROGRESS);
	(void)expect_move("ready", 1);
	int later = dialled();
	expect_echo(later);
	/* Its first retransmission comes after a second. */
	struct tcp_info info;
	socklen_t length = sizeof(info);
	do {
		assert_int_equal(poll(&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, SILENCE_MS), 0);
		assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length), 0);
	} while (info.tcpi_retransmits < 1);
	assert_true(is_silent(fd));
	close(fd);
	close(later);
}

static void test_for(void **state)
{
	(void)state;
	int64_t begin_ns = now_ns();
	SCRIPT({ .phase = GATE_REFUSED, .for_ns = 100 * MS },
	    { .phase = GATE_LOADING, .protocol = PROTOCOL_REDIS, .for_ns = 50 * MS },
	    { .phase = GATE_READY });
	assert_int_equal(dial(NULL), ECONNREFUSED);
	int64_t loading_ns = expect_move("loading", 1);
	int fd = -1, failure = dial(&fd);
	int64_t ready_ns = expect_move("ready", 2);
	assert_int_equal(failure, 0);
	assert_true(loading_ns - begin_ns >= 100 * MS);
	assert_true(ready_ns - loading_ns >= 50 * MS);
	assert_int_equal(end_of(fd), 0); /* loading's, unless the machine was so late that it is ready's */
	close(fd);
	fd = dialled();
	expect_echo(fd);
	close(fd);
}

static int dial_from(const char *host)
{
	struct sockaddr_storage from = address_of(host, 0);
	int fd = new_socket(0);
	assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(struct sockaddr_in)), 0);
	int failure = begin_connect(fd);
	close(fd);
	return failure;
}

static void test_ignored(void **state)
{
	(void)state;
	give(&(struct order){ .kind = ORDER_IGNORE, .address = address_of(OTHER_CLIENT_4, 0) });
	SCRIPT({ .phase = GATE_REFUSED, .attempts = 2 }, { .phase = GATE_READY });
	for (int i = 0; i < 5; i++)
		assert_int_equal(dial_from(OTHER_CLIENT_4), ECONNREFUSED);
	assert_int_equal(dial_from(CLIENT_4), ECONNREFUSED);
	assert_int_equal(dial_from(OTHER_CLIENT_4), ECONNREFUSED);
	assert_int_equal(dial_from(CLIENT_4), ECONNREFUSED);
	(void)expect_move("ready", 1);
	assert_int_equal(dial_from(CLIENT_4), 0);
	assert_int_equal(dial_from(OTHER_CLIENT_4), 0);
}

/* Connections that a step has counted stay in it, though a later one refuses. */
static void test_counted_stay(void **state)
{
	(void)state;
	SCRIPT({ .phase = GATE_READY, .attempts = 2 }, { .phase = GATE_REFUSED });
	int one = dialled(), other = dialled();
	(void)expect_move("refused", 1);
	assert_int_equal(dial(NULL), ECONNREFUSED);
	expect_echo(one);
	expect_echo(other);
	SCRIPT({ .phase = GATE_REFUSED });
	assert_int_equal(end_of(one), -ECONNRESET);
	assert_int_equal(end_of(other), -ECONNRESET);
	close(one);
	close(other);
}

static void test_inside_is_spared(void **state)
{
	(void)state;
	SCRIPT({ .phase = GATE_REFUSED });
	assert_int_equal(ask(ORDER_DIAL_INSIDE), 0);
	SCRIPT({ .phase = GATE_UNREACHABLE });
	assert_int_equal(ask(ORDER_DIAL_INSIDE), 0);
}

/* A server that is started while its port speaks finds the port free. */
static void test_server_begins_meanwhile(void **state)
{
	(void)state;
	static const struct gate_step steps[] = {
		{ .phase = GATE_HUNG },
		{ .phase = GATE_LOADING, .protocol = PROTOCOL_REDIS },
		{ .phase = GATE_SLOW },
	};
	struct sockaddr_storage server = address_of(SERVER_4, FREE_PORT);
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		struct order order = { .kind = ORDER_SCRIPT, .port = FREE_PORT, .count = 1 };
		order.steps[0] = steps[i];
		assert_string_equal(give(&order).message, "");
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		assert_int_equal(connect(fd, (struct sockaddr *)&server, sizeof(struct sockaddr_in)), 0);
		assert_int_equal(ask(ORDER_LISTEN_INSIDE), 0);
		close(fd);
	}
}

#define SWITCHES 101
static void test_switching(void **state)
{
	(void)state;
	static int64_t times[SWITCHES];
	for (int i = 0; i < SWITCHES; i++) {
		int64_t begin_ns = now_ns();
		SCRIPT({ .phase = GATE_REFUSED });
		assert_int_equal(dial(NULL), ECONNREFUSED);
		times[i] = now_ns() - begin_ns;
		SCRIPT({ .phase = GATE_READY });
		assert_int_equal(dial(NULL), 0);
	}
	int64_t middle = median(times, SWITCHES);
	print_message("from command to first refusal: %lld us at the median, %lld us at worst\n",
	    (long long)(middle / 1000), (long long)(times[SWITCHES - 1] / 1000));
	/* Not the median: on a busy machine that is a measure of the others. */
	assert_true(times[SWITCHES / 10] < 5 * MS);
}

static void test_full(void **state)
{
	(void)state;
	static int fds[HELD_MAX];
	char line[256];
	SCRIPT({ .phase = GATE_HUNG });
	for (int i = 0; i < HELD_MAX; i++)
		fds[i] = dialled();
	int more = dialled();
	assert_int_equal(end_of(more), -ECONNRESET);
	expect_line("lost ", line, sizeof(line));
	assert_true(is_silent(fds[0]));
	for (int i = 0; i < HELD_MAX; i++)
		close(fds[i]);
	close(more);
}

static void test_refusals(void **state)
{
	(void)state;
	struct order order = { .kind = ORDER_SCRIPT, .count = 2, .steps = { { .phase = GATE_REFUSED } } };
	order.steps[1].phase = GATE_READY;
	assert_string_equal(
	    give(&order).message, "only the last phase of a script can go without attempts= and for=");
	order.steps[0].attempts = order.steps[1].attempts = 1;
	assert_string_equal(
	    give(&order).message, "the last phase of a script has no end: neither attempts= nor for=");
	assert_false(ask(ORDER_HAS_TABLE));
}

static void test_longest_script(void **state)
{
	(void)state;
	struct order order = { .kind = ORDER_SCRIPT, .count = GATE_STEPS_MAX };
	for (int i = 0; i < GATE_STEPS_MAX - 1; i++)
		order.steps[i] = (struct gate_step){ .phase = i % 2 ? GATE_HUNG : GATE_READY, .attempts = 2 };
	order.steps[GATE_STEPS_MAX - 1].phase = GATE_REFUSED;
	assert_string_equal(give(&order).message, "");
	for (int i = 0; i < 2 * (GATE_STEPS_MAX - 1); i++)
		assert_int_equal(dial(NULL), 0);
	assert_int_equal(dial(NULL), ECONNREFUSED);
}

#define TEST(name) cmocka_unit_test_setup(name, start_test)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_unreachable),
		TEST(test_refused),
		TEST(test_hung),
		TEST(test_closing),
		TEST(test_loading),
		TEST(test_postgres),
		TEST(test_slow_at_zero_delay),
		TEST(test_latency),
		TEST(test_bandwidth_and_late_fin),
		TEST(test_much_and_half_closed),
		TEST(test_exact_count),
		TEST(test_every_phase_in_one_script),
		TEST(test_refused_behind_silence),
		TEST(test_retransmissions_stay_dropped),
		TEST(test_for),
		TEST(test_ignored),
		TEST(test_counted_stay),
		TEST(test_inside_is_spared),
		TEST(test_server_begins_meanwhile),
		TEST(test_switching),
		TEST(test_full),
		TEST(test_refusals),
		TEST(test_longest_script),
	};
	return cmocka_run_group_tests(tests, start_world, NULL);
}

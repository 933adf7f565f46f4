/*
 * Whole clients, made up at random: each tries and tries again in one of the ways resolvers and applications
 * have, several at the same time, their notices interleaved and slightly out of order. What they did is
 * known; what the fold tells must be that, no attempt more or less. Always the same stories.
 */
#include "base/buf.h"
#include "base/duration.h"
#include "wire/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { STORIES = 3000, CLIENTS_MAX = 4, ATTEMPTS_EACH = 8, SWAPPED_US = 4000, LOOK_UP_ENDS = 6 };

enum way { WAY_NONE, WAY_ONE, WAY_PARALLEL, WAY_SEQUENCE, WAYS };

struct line {
	struct notice notice;
	int64_t arrival_ns;
	size_t number; /* keeps the order of lines that arrive together */
};

/* What an event must say. `port` 0: a look-up that failed. */
struct truth {
	int64_t end_ns;
	const char *what; /* outcome, or how a connection was lost */
	int port, packets;
};

struct beginning {
	int64_t at_ns;
	int open;
};

struct span {
	int64_t from_ns, to_ns;
};

struct world {
	/* How its clients are made. */
	enum way way;
	bool has_search, speaks, keeps_ids;
	int addresses;
	int64_t answer; /* -1: another one every time */
	/* What they do. */
	struct line *lines;
	size_t line_count;
	struct truth *truths, *told;
	size_t truth_count, told_count;
	struct beginning *beginnings, *begun;
	size_t beginning_count, begun_count;
	struct span *spans; /* of open connections */
	size_t span_count;
	int next_port, next_id;
	int64_t told_ns;
	int number;
};

static uint64_t random_state = 88172645463325252;

static int64_t random_between(int64_t low, int64_t high)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return low + (int64_t)(random_state % (uint64_t)(high - low + 1));
}

static bool one_in(int64_t count)
{
	return random_between(1, count) == 1;
}

static int64_t soon(int64_t at_ns)
{
	return at_ns + random_between(20 * NS_PER_US, 1500 * NS_PER_US);
}

/* ---- what is seen ---- */

static struct notice *see(struct world *world, enum notice_kind kind, int64_t at_ns, int local_port)
{
	struct line *line = array_push(world->lines, world->line_count);
	line->number = world->line_count;
	line->notice.kind = kind;
	line->notice.at_ns = at_ns;
	line->notice.local.port = local_port;
	memcpy(line->notice.local.address, "10.0.0.2", 9);
	return &line->notice;
}

static void see_connection(
    struct world *world, enum notice_kind kind, int64_t at_ns, int local_port, int address, const char *word)
{
	struct notice *notice = see(world, kind, at_ns, local_port);
	snprintf(notice->remote.address, sizeof(notice->remote.address), "10.0.0.%d", address);
	notice->remote.port = 6379;
	snprintf(notice->word, sizeof(notice->word), "%s", word);
}

static void see_question(
    struct world *world, int64_t at_ns, int port, int id, const char *type, const char *name)
{
	struct notice *notice = see(world, NOTICE_QUERY, at_ns, port);
	notice->number = id;
	snprintf(notice->type, sizeof(notice->type), "%s", type);
	snprintf(notice->name, sizeof(notice->name), "%s", name);
}

static void see_answer(struct world *world, int64_t at_ns, int port, int id, const char *type,
    const char *name, const char *rcode)
{
	struct notice *notice = see(world, NOTICE_ANSWER, at_ns, port);
	notice->number = id;
	snprintf(notice->type, sizeof(notice->type), "%s", type);
	snprintf(notice->name, sizeof(notice->name), "%s", name);
	snprintf(notice->word, sizeof(notice->word), "%s", rcode);
	if (strcmp(rcode, "noerror") == 0 && strcmp(type, "A") == 0)
		for (; notice->address_count < world->addresses; notice->address_count++)
			snprintf(notice->addresses[notice->address_count], 46, "10.0.0.%d",
			    3 + notice->address_count);
}

static void is_true(
    struct world *world, int64_t begin_ns, int64_t end_ns, const char *outcome, int port, int packets)
{
	*array_push(world->truths, world->truth_count) = (struct truth){ end_ns, outcome, port, packets };
	array_push(world->beginnings, world->beginning_count)->at_ns = begin_ns;
}

/* ---- a look-up ---- */

/* One or two questions over one socket, at the same time; answered with the rcode, or (NULL) given up. When
 * that is over. */
static int64_t ask(
    struct world *world, int64_t at_ns, bool is_pair, const char *type, const char *name, const char *rcode)
{
	const char *const types[] = { type, "AAAA" };
	int port = world->next_port++, ids[] = { world->next_id++, world->next_id++ },
	    count = is_pair ? 2 : 1;
	int tries = !rcode || strcmp(rcode, "servfail") == 0 ? 2 : 1;
	int64_t end_ns = at_ns;
	for (int try = 0; try < tries; try++) {
		if (try > 0 && (rcode || !world->keeps_ids)) {
			if (!rcode)
				see(world, NOTICE_ABANDONED, at_ns - 10 * NS_PER_US, port);
			port = world->next_port++;
			ids[0] = world->keeps_ids ? ids[0] : world->next_id++;
			ids[1] = world->keeps_ids ? ids[1] : world->next_id++;
		}
		int64_t sent_ns = at_ns;
		for (int i = 0; i < count; i++) {
			see_question(world, sent_ns + i * 1000, port, ids[i], types[i], name);
			end_ns = soon(sent_ns);
			if (rcode)
				see_answer(world, end_ns, port, ids[i], types[i], name, rcode);
			at_ns = end_ns > at_ns ? end_ns : at_ns;
		}
		at_ns += rcode ? 50 * NS_PER_US : 2500 * NS_PER_MS;
		end_ns = at_ns - 50 * NS_PER_US;
	}
	if (rcode)
		return end_ns;
	see(world, NOTICE_ABANDONED, at_ns, port);
	return at_ns;
}

static int64_t resolve(struct world *world, int64_t at_ns, const char *name, const char *rcode)
{
	if (world->way != WAY_SEQUENCE)
		return ask(world, at_ns, world->way == WAY_PARALLEL, "A", name, rcode);
	return ask(world, soon(ask(world, at_ns, false, "AAAA", name, rcode)), false, "A", name, rcode);
}

/* Its outcome when it failed, or NULL. */
static const char *look_up(struct world *world, int64_t at_ns, int64_t *ret_end_ns)
{
	static const struct {
		const char *rcode, *outcome;
	} ends[LOOK_UP_ENDS] = { { "noerror", NULL }, { "noerror", NULL }, { "noerror", NULL },
		{ "nxdomain", "nxdomain" }, { "servfail", "servfail" }, { NULL, "dns-timeout" } };
	*ret_end_ns = at_ns;
	if (world->way == WAY_NONE)
		return NULL;
	size_t end = (size_t)(world->answer < 0 ? random_between(0, LOOK_UP_ENDS - 1) : world->answer);
	if (world->has_search)
		at_ns = soon(resolve(world, at_ns, "redis.localdomain", "nxdomain"));
	*ret_end_ns = resolve(world, at_ns, "redis", ends[end].rcode);
	return ends[end].outcome;
}

/* ---- a connection ---- */

/* How long it stays, and how it goes. */
static void keep(struct world *world, int64_t open_ns, int64_t at_ns, int port, int address)
{
	static const struct {
		enum notice_kind kind;
		const char *word, *how;
	} ends[] = { { NOTICE_CLOSED, "server", "closed" }, { NOTICE_CLOSED, "client", "closed" },
		{ NOTICE_RESET, "server", "reset" }, { NOTICE_GONE, "", "gone" } };
	size_t end = (size_t)random_between(0, (int64_t)ARRAY_LENGTH(ends) - 1);
	int64_t end_ns = at_ns + random_between(NS_PER_MS, 2 * NS_PER_S);
	see_connection(world, ends[end].kind, end_ns, port, address, ends[end].word);
	if (ends[end].kind != NOTICE_GONE)
		see_connection(world, NOTICE_GONE, soon(end_ns), port, address, "");
	*array_push(world->truths, world->truth_count) = (struct truth){ end_ns, ends[end].how, port, 0 };
	*array_push(world->spans, world->span_count) = (struct span){ open_ns, end_ns };
}

/* The server was met. What came out of it, and when. */
static const char *talk(struct world *world, int64_t open_ns, int port, int address, int64_t *ret_end_ns)
{
	static const struct {
		enum notice_kind kind;
		const char *word, *outcome;
	} ends[] = { { NOTICE_SAID, "connected", "connected" }, { NOTICE_SAID, "unknown", "accepted" },
		{ NOTICE_SAID, "tls", "accepted" }, { NOTICE_SAID, "loading", "loading" },
		{ NOTICE_SAID, "denied", "denied" }, { NOTICE_CLOSED, "server", "closed" },
		{ NOTICE_RESET, "server", "reset" }, { NOTICE_CLOSED, "client", "hung" } };
	int64_t asked_ns = soon(open_ns);
	see_connection(world, NOTICE_ASKED, asked_ns, port, address, "");
	if (!world->speaks) {
		keep(world, open_ns, asked_ns, port, address);
		*ret_end_ns = open_ns;
		return "accepted";
	}
	size_t end = (size_t)random_between(0, (int64_t)ARRAY_LENGTH(ends) - 1);
	int64_t end_ns = asked_ns + random_between(20 * NS_PER_US, 700 * NS_PER_MS);
	*ret_end_ns = end_ns;
	see_connection(world, ends[end].kind, end_ns, port, address, ends[end].word);
	if (end < 3) {
		keep(world, open_ns, end_ns, port, address);
	} else {
		int64_t gone_ns = soon(end_ns);
		see_connection(world, NOTICE_GONE, gone_ns, port, address, "");
		*array_push(world->spans, world->span_count) =
		    (struct span){ open_ns, ends[end].kind == NOTICE_SAID ? gone_ns : end_ns };
	}
	return ends[end].outcome;
}

/* A SYN to one address. */
static const char *dial(
    struct world *world, int64_t at_ns, int address, struct truth *truth, int64_t *ret_end_ns)
{
	int port = world->next_port++;
	truth->port = port;
	truth->packets++;
	see_connection(world, NOTICE_SYN, at_ns, port, address, "");
	if (one_in(4))
		for (int64_t wait_ns = NS_PER_S; wait_ns <= 4 * NS_PER_S && one_in(2); wait_ns *= 2) {
			at_ns += wait_ns;
			truth->packets++;
			see_connection(world, NOTICE_AGAIN, at_ns, port, address, "");
		}
	int64_t end_ns = soon(at_ns);
	*ret_end_ns = end_ns;
	if (one_in(2)) {
		see_connection(world, NOTICE_OPEN, end_ns, port, address, "");
		return talk(world, end_ns, port, address, ret_end_ns);
	}
	enum notice_kind kind = one_in(3) ? NOTICE_GONE : one_in(3) ? NOTICE_UNREACHABLE : NOTICE_REFUSED;
	see_connection(world, kind, end_ns, port, address, "");
	if (kind == NOTICE_GONE)
		return "timeout";
	see_connection(world, NOTICE_GONE, soon(end_ns), port, address, "");
	return kind == NOTICE_REFUSED ? "refused" : "unreachable";
}

static bool may_go_on(const char *outcome)
{
	return strcmp(outcome, "refused") == 0 || strcmp(outcome, "unreachable") == 0 ||
	       strcmp(outcome, "timeout") == 0;
}

/* One attempt. When it was over. */
static int64_t attempt(struct world *world, int64_t begin_ns)
{
	int64_t end_ns;
	const char *outcome = look_up(world, begin_ns, &end_ns);
	struct truth truth = { 0 };
	if (!outcome) {
		outcome = "refused";
		for (int i = 0; i < world->addresses && may_go_on(outcome); i++)
			outcome = dial(world, world->way == WAY_NONE && i == 0 ? begin_ns : soon(end_ns),
			    3 + i, &truth, &end_ns);
	}
	is_true(world, begin_ns, end_ns, outcome, truth.port, truth.packets);
	return end_ns;
}

/* ---- the comparison ---- */

static void take(void *owner, const struct event *event)
{
	struct world *world = owner;
	struct truth *told = array_push(world->told, world->told_count);
	told->end_ns = event->to_ns;
	assert_true(event->from_ns <= event->to_ns);
	assert_true(event->to_ns >= world->told_ns);
	world->told_ns = event->to_ns;
	if (event->kind == EVENT_LOST) {
		told->what = event->lost.how;
		told->port = event->lost.connection;
		return;
	}
	assert_int_equal(event->attempt.number, ++world->number);
	told->what = event->attempt.outcome;
	told->port = event->attempt.connection;
	told->packets = event->attempt.packets;
	*array_push(world->begun, world->begun_count) =
	    (struct beginning){ event->from_ns, event->attempt.open };
}

static int compare_arrivals(const void *one, const void *other)
{
	const struct line *left = one, *right = other;
	if (left->arrival_ns != right->arrival_ns)
		return left->arrival_ns < right->arrival_ns ? -1 : 1;
	return left->number < right->number ? -1 : left->number > right->number;
}

static int compare_truths(const void *one, const void *other)
{
	const struct truth *left = one, *right = other;
	if (left->end_ns != right->end_ns)
		return left->end_ns < right->end_ns ? -1 : 1;
	return left->port != right->port ? left->port - right->port : left->packets - right->packets;
}

static int compare_beginnings(const void *one, const void *other)
{
	const struct beginning *left = one, *right = other;
	return left->at_ns != right->at_ns ? left->at_ns < right->at_ns ? -1 : 1 : left->open - right->open;
}

static void write_truths(struct buf *out, const struct truth *truths, size_t count,
    const struct beginning *beginnings, size_t beginning_count)
{
	for (size_t i = 0; i < count; i++)
		buf_addf(out, "%.6f %s #%d x%d\n", (double)truths[i].end_ns / 1e9, truths[i].what,
		    truths[i].port, truths[i].packets);
	for (size_t i = 0; i < beginning_count; i++)
		buf_addf(out, "began %.6f open %d\n", (double)beginnings[i].at_ns / 1e9, beginnings[i].open);
}

static void count_open(struct world *world)
{
	for (size_t i = 0; i < world->beginning_count; i++)
		for (size_t n = 0; n < world->span_count; n++)
			if (world->spans[n].from_ns < world->beginnings[i].at_ns &&
			    world->beginnings[i].at_ns < world->spans[n].to_ns)
				world->beginnings[i].open++;
}

static void sort(struct world *world)
{
	qsort(world->truths, world->truth_count, sizeof(*world->truths), compare_truths);
	qsort(world->told, world->told_count, sizeof(*world->told), compare_truths);
	qsort(world->beginnings, world->beginning_count, sizeof(*world->beginnings), compare_beginnings);
	qsort(world->begun, world->begun_count, sizeof(*world->begun), compare_beginnings);
}

static void fold_world(struct world *world)
{
	static const char *const names[] = { "redis" }, *const addresses[] = { "10.0.0.3", "10.0.0.4" };
	struct fold_target target = { .names = names,
		.name_count = 1,
		.addresses = addresses,
		.address_count = (size_t)world->addresses,
		.port = 6379,
		.speaks = world->speaks };
	for (size_t i = 0; i < world->line_count; i++)
		world->lines[i].arrival_ns =
		    world->lines[i].notice.at_ns + random_between(0, SWAPPED_US * NS_PER_US);
	qsort(world->lines, world->line_count, sizeof(*world->lines), compare_arrivals);
	struct fold *fold = fold_new(&target, take, world);
	for (size_t i = 0; i < world->line_count; i++)
		fold_feed(fold, &world->lines[i].notice);
	int64_t end_ns = world->lines[world->line_count - 1].notice.at_ns + NS_PER_S;
	fold_advance(fold, end_ns);
	assert_int_equal(fold_open(fold), 0);
	assert_int_equal(fold_forgotten(fold), 0);
	fold_end(fold, end_ns);
	fold_free(fold);
}

static void world_release(struct world *world)
{
	free(world->lines);
	free(world->truths);
	free(world->told);
	free(world->beginnings);
	free(world->begun);
	free(world->spans);
}

static void run_story(int story, int clients)
{
	CLEANUP(world_release)
	struct world world = { .way = (enum way)random_between(0, WAYS - 1),
		.has_search = one_in(2),
		.speaks = one_in(2),
		.keeps_ids = clients > 1 || one_in(2),
		.addresses = clients == 1 && one_in(2) ? 2 : 1,
		/* Who asks second after another client's first question cannot be known, but then both get
		 * the same answer. */
		.answer = clients > 1 ? random_between(0, LOOK_UP_ENDS - 1) : -1,
		.next_port = 1024,
		.next_id = 1 };
	if (clients > 1) /* from which the fold learns what its resolver is like */
		attempt(&world, NS_PER_MS);
	for (int client = 0; client < clients; client++) {
		int64_t at_ns = 30 * NS_PER_S + random_between(0, 20 * NS_PER_MS);
		int64_t most_ns = one_in(2) ? 20 * NS_PER_MS : 2 * NS_PER_S;
		for (int64_t count = random_between(1, ATTEMPTS_EACH); count > 0; count--)
			at_ns = attempt(&world, at_ns) + random_between(6 * NS_PER_MS, most_ns);
	}
	count_open(&world);
	fold_world(&world);
	sort(&world);
	CLEANUP(buf_release) struct buf expected = { 0 }, actual = { 0 };
	write_truths(&expected, world.truths, world.truth_count, world.beginnings, world.beginning_count);
	write_truths(&actual, world.told, world.told_count, world.begun, world.begun_count);
	if (strcmp(buf_string(&expected), buf_string(&actual)) == 0)
		return;
	/* Too much for one message of cmocka's. */
	fprintf(stderr, "expected:\n%s\ntold:\n%s", buf_string(&expected), buf_string(&actual));
	fail_msg("story %d (%d clients, way %d, search %d, speaks %d) was told as another", story, clients,
	    (int)world.way, world.has_search, world.speaks);
}

static void test_one_client(void **state)
{
	(void)state;
	for (int story = 0; story < STORIES; story++)
		run_story(story, 1);
}

static void test_several_clients(void **state)
{
	(void)state;
	for (int story = 0; story < STORIES; story++)
		run_story(story, (int)random_between(2, CLIENTS_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_client),
		cmocka_unit_test(test_several_clients),
	};
	return cmocka_run_group_tests_name("fold_property", tests, NULL, NULL);
}

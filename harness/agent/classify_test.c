/*
 * Conversations as real servers and clients had them (redis-server 7.0, redis-cli, PostgreSQL 15, libpq), and
 * some written by hand; the fuzzer starts from the same files. A file is the protocol's letter, then pieces:
 * C or S, two bytes of length, the bytes.
 */
#include "agent/classify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FOLDER "fixtures/corpora/agent_classify_fuzz/"

static const struct {
	const char *file;
	enum outcome outcome;
	const char *text; /* how it begins */
	bool settled;
} conversations[] = {
	{ "redis-ping", OUTCOME_CONNECTED, "+PONG", false },
	{ "redis-get-wrongtype", OUTCOME_CONNECTED, "-WRONGTYPE x", false },
	{ "redis-hello-3-ping", OUTCOME_CONNECTED, "+PONG", false },
	{ "redis-info-ready", OUTCOME_CONNECTED, "loading:0", false },
	{ "redis-info-resp3", OUTCOME_CONNECTED, "loading:0", false },
	{ "redis-auth-without-password", OUTCOME_CONNECTED, "+PONG", false },
	{ "redis-greeting-only", OUTCOME_UNDECIDED, "", true },
	{ "redis-bad-database", OUTCOME_DENIED, "-ERR DB index is out of range", false },
	{ "redis-noauth", OUTCOME_DENIED, "-NOAUTH Authentication required.", false },
	{ "redis-wrongpass", OUTCOME_DENIED, "-WRONGPASS invalid", false },
	{ "redis-auth-ping", OUTCOME_CONNECTED, "+PONG", false },
	{ "redis-hello-noauth", OUTCOME_DENIED, "-NOAUTH HELLO", false },
	{ "redis-setinfo-before-auth", OUTCOME_CONNECTED, "+PONG", false },
	{ "redis-readonly", OUTCOME_DENIED, "-READONLY You", false },
	{ "redis-masterdown", OUTCOME_DENIED, "-MASTERDOWN Link", false },
	{ "redis-max-clients", OUTCOME_DENIED, "-ERR max number of clients reached", false },
	{ "redis-loading", OUTCOME_LOADING, "-LOADING Redis is loading the dataset in memory", false },
	{ "redis-loading-auth-info", OUTCOME_LOADING, "loading:1", false },
	{ "redis-loading-greeting", OUTCOME_UNDECIDED, "", true },
	{ "redis-loading-select-get", OUTCOME_LOADING, "-LOADING", false },
	{ "redis-old-server", OUTCOME_CONNECTED, "+PONG", false },
	{ "redis-inline", OUTCOME_CONNECTED, "+PONG", false },
	{ "redis-push", OUTCOME_CONNECTED, "+PONG", false },
	{ "redis-full-unasked", OUTCOME_DENIED, "-ERR max number of clients reached", false },
	{ "redis-http", OUTCOME_UNKNOWN, "HTTP", false },
	{ "redis-tls-alert", OUTCOME_DENIED, "TLS alert 040", false },
	{ "postgres-ready", OUTCOME_CONNECTED, "ReadyForQuery", false },
	{ "postgres-ready-plain", OUTCOME_CONNECTED, "ReadyForQuery", false },
	{ "postgres-wrong-password", OUTCOME_DENIED, "28P01 password authentication failed", false },
	{ "postgres-no-database", OUTCOME_DENIED, "3D000 database \"nowhere\" does not exist", false },
	{ "postgres-too-many", OUTCOME_DENIED, "53300 remaining connection slots", false },
	{ "postgres-ssl", OUTCOME_TLS, "SSL", false },
	{ "postgres-starting", OUTCOME_LOADING, "57P03 the database system is", false },
	{ "postgres-gss", OUTCOME_TLS, "GSS", false },
	{ "postgres-old-error", OUTCOME_DENIED, "could not fork", false },
	{ "postgres-not", OUTCOME_UNKNOWN, "HTTP", false },
	{ "tcp-banner", OUTCOME_UNKNOWN, "220 hello\r\n", false },
	{ "tcp-tls", OUTCOME_TLS, "ServerHello", false },
};

static uint8_t file[64 * 1024];
static size_t file_length;

static void load(const char *name)
{
	char path[256];
	snprintf(path, sizeof(path), FOLDER "%s", name);
	FILE *stream = fopen(path, "rb");
	if (!stream)
		fail_msg("%s cannot be opened", path);
	file_length = fread(file, 1, sizeof(file), stream);
	fclose(stream);
	assert_true(file_length > 1);
}

static void feed(struct classifier *classifier, uint8_t side, const uint8_t *bytes, size_t length)
{
	if (side == 'C')
		classifier_client(classifier, bytes, length);
	else
		classifier_server(classifier, bytes, length);
}

/* `cut`: a piece that has so many bytes or more is fed in two, there; 0: byte by byte. */
static void replay(struct classifier *classifier, size_t cut)
{
	enum protocol protocol = file[0] == 'r' ? PROTOCOL_REDIS : PROTOCOL_POSTGRES;
	classifier_init(classifier, file[0] == 't' ? PROTOCOL_TCP : protocol);
	for (size_t at = 1; at + 3 <= file_length;) {
		size_t length = (size_t)file[at + 1] << 8 | file[at + 2];
		const uint8_t *bytes = file + at + 3;
		for (size_t i = 0; i < length && !cut; i++)
			feed(classifier, file[at], bytes + i, 1);
		if (cut) {
			size_t first = cut < length ? cut : length;
			feed(classifier, file[at], bytes, first);
			feed(classifier, file[at], bytes + first, length - first);
		}
		at += 3 + length;
	}
}

static void check(size_t i, const struct classifier *classifier, size_t cut)
{
	const char *text = conversations[i].text;
	if (classifier->outcome != conversations[i].outcome || classifier->text_length < strlen(text) ||
	    memcmp(classifier->text, text, strlen(text)) != 0 ||
	    classifier_is_settled(classifier) != conversations[i].settled)
		fail_msg("%s, cut at %zu: `%s` \"%.*s\"%s, expected `%s` \"%s…\"", conversations[i].file, cut,
		    outcome_names[classifier->outcome], (int)classifier->text_length, classifier->text,
		    classifier_is_settled(classifier) ? ", settled" : "",
		    outcome_names[conversations[i].outcome], text);
}

static void test_conversations(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(conversations) / sizeof(conversations[0]); i++) {
		load(conversations[i].file);
		for (size_t cut = 0; cut < 600 && cut < file_length; cut++) {
			struct classifier classifier;
			/* Where nothing is understood, the text is what came first: as much as came at once.
			 */
			if (conversations[i].outcome == OUTCOME_UNKNOWN)
				cut = 600;
			replay(&classifier, cut);
			check(i, &classifier, cut);
		}
	}
}

static const uint8_t *bytes_of(const char *text)
{
	return (const uint8_t *)text;
}

/* Nothing is known of what was asked: then the answer is not understood, but for one that was waited for. */
static void test_gap_of_client(void **state)
{
	(void)state;
	struct classifier classifier;
	classifier_init(&classifier, PROTOCOL_REDIS);
	assert_int_equal(classifier_gap(&classifier, true), OUTCOME_UNDECIDED);
	assert_int_equal(classifier_server(&classifier, bytes_of("+OK\r\n"), 5), OUTCOME_UNKNOWN);
	classifier_init(&classifier, PROTOCOL_REDIS);
	classifier_client(&classifier, bytes_of("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$99999\r\n"), 29);
	assert_int_equal(classifier_gap(&classifier, true), OUTCOME_UNDECIDED);
	assert_int_equal(classifier_server(&classifier, bytes_of("-LOADING x\r\n"), 12), OUTCOME_LOADING);
}

static void test_gap_of_server(void **state)
{
	(void)state;
	struct classifier classifier;
	classifier_init(&classifier, PROTOCOL_REDIS);
	classifier_client(&classifier, bytes_of("INFO\r\n"), 6);
	assert_int_equal(
	    classifier_server(&classifier, bytes_of("$5000\r\n# Server"), 15), OUTCOME_UNDECIDED);
	assert_int_equal(classifier_gap(&classifier, false), OUTCOME_UNKNOWN);
	assert_int_equal(classifier.text_length, 15);
}

/* A server that sends and sends without telling. */
static void test_endless(void **state)
{
	(void)state;
	struct classifier classifier;
	classifier_init(&classifier, PROTOCOL_REDIS);
	classifier_client(&classifier, bytes_of("*1\r\n$7\r\nCOMMAND\r\n"), 17);
	classifier_server(&classifier, bytes_of("*100000\r\n"), 9);
	size_t fed = 9;
	while (classifier_server(&classifier, bytes_of("$4\r\nabcd\r\n"), 10) == OUTCOME_UNDECIDED)
		fed += 10;
	assert_int_equal(classifier.outcome, OUTCOME_UNKNOWN);
	assert_in_range(fed, CLASSIFIER_BYTES_MAX - 10, CLASSIFIER_BYTES_MAX);
}

/* More greetings than are remembered: the last one has to tell. */
static void test_long_greeting(void **state)
{
	(void)state;
	struct classifier classifier;
	classifier_init(&classifier, PROTOCOL_REDIS);
	for (int i = 0; i < 2 * REDIS_COMMANDS_MAX; i++)
		classifier_client(&classifier, bytes_of("CLIENT ID\r\n"), 11);
	for (int i = 0; i < REDIS_COMMANDS_MAX - 1; i++)
		assert_int_equal(classifier_server(&classifier, bytes_of(":1\r\n"), 4), OUTCOME_UNDECIDED);
	assert_int_equal(classifier_server(&classifier, bytes_of(":1\r\n"), 4), OUTCOME_CONNECTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conversations),
		cmocka_unit_test(test_gap_of_client),
		cmocka_unit_test(test_gap_of_server),
		cmocka_unit_test(test_endless),
		cmocka_unit_test(test_long_greeting),
	};
	return cmocka_run_group_tests_name("classify", tests, NULL, NULL);
}

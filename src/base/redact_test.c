#include "base/redact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int setup(void **state)
{
	*state = redactor_new();
	return 0;
}

static int teardown(void **state)
{
	redactor_free(*state);
	return 0;
}

static void add(struct redactor *redactor, const char *secret)
{
	redactor_add(redactor, secret, strlen(secret));
}

static void check_redacted(const struct redactor *redactor, const char *text, const char *wanted)
{
	char *got OWNED = redact_string(redactor, text);
	assert_string_equal(got, wanted);
}

static void test_values_are_hidden(void **state)
{
	struct redactor *redactor = *state;
	add(redactor, "hunter2");
	check_redacted(redactor, "AUTH hunter2 ok", "AUTH *** ok");
	check_redacted(redactor, "hunter2", "***");
	check_redacted(redactor, "hunter2hunter2 hunter2", "*** ***");
	check_redacted(redactor, "hunter", "hunter");
	check_redacted(redactor, "Hunter2", "Hunter2");
	check_redacted(redactor, "", "");
}

static void test_overlapping_secrets_leave_no_tail(void **state)
{
	struct redactor *redactor = *state;
	add(redactor, "abcdef");
	add(redactor, "defghi");
	add(redactor, "abcdefxyz");
	check_redacted(redactor, "<abcdefghi>", "<***>");
	check_redacted(redactor, "<abcdefxyz>", "<***>");
	check_redacted(redactor, "<abcdefdefghi>", "<***>");
	check_redacted(redactor, "<abcde-fghi>", "<abcde-fghi>");
	add(redactor, "aaaa");
	check_redacted(redactor, "aaaaaaa!", "***!");
}

static void check_count(const struct redactor *redactor, const char *text, size_t wanted)
{
	struct buf out CLEANUP(buf_release) = { 0 };
	assert_int_equal(redact(redactor, &out, text, strlen(text)), wanted);
}

static void test_places_are_counted(void **state)
{
	struct redactor *redactor = *state;
	add(redactor, "hunter2");
	add(redactor, "p@ss/word");
	check_count(redactor, "AUTH hunter2, again hunter2", 2);
	check_count(redactor, "hunter2hunter2", 2);
	check_count(redactor, "redis://:hunter2@redis:6379 and redis://:hunter2@redis:6379", 2);
	check_count(redactor, "redis://u:p%40ss%2Fword@redis", 1);
	check_count(redactor, "AUTH *** hunter", 0);
	/* What hides itself discloses nothing, though it stands where a password would. */
	check_count(redactor, "redis://:***@redis:6379", 0);
	check_count(redactor, "redis://u:xxxxx@redis", 0);
	check_count(redactor, "redis://u:%2A%2A%2A%2A@redis", 0);
	check_count(NULL, "redis://u:hunter2@redis", 0);
	/* One that lies in another is one; one that begins in another and goes on is the same place. */
	add(redactor, "hunter22");
	check_count(redactor, "hunter22", 1);
}

static void test_short_and_repeated_secrets_are_ignored(void **state)
{
	struct redactor *redactor = *state;
	add(redactor, "abc");
	add(redactor, "");
	assert_int_equal(redactor_count(redactor), 0);
	add(redactor, "abcd");
	add(redactor, "abcd");
	assert_int_equal(redactor_count(redactor), 1);
	check_redacted(redactor, "abc abcd", "abc ***");
}

static void test_passwords_of_urls(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{ "redis://:hunter2@redis:6379/0", "redis://:***@redis:6379/0" },
		{ "postgres://app:p:w@rd@db/x", "postgres://app:***@db/x" },
		{ "a=http://u:p@h b=http://v:q@i", "a=http://u:***@h b=http://v:***@i" },
		{ "http://gateway:4000/a@b", "http://gateway:4000/a@b" },
		{ "http://user@host:80/", "http://user@host:80/" },
		{ "http://user:@host/", "http://user:@host/" },
		{ "\"redis://:x\"@y", "\"redis://:x\"@y" },
		{ "://", "://" },
		{ "://:@", "://:@" },
		{ "://:p@", "://:***@" },
		{ "x://a:b", "x://a:b" },
		{ "redis://:***@redis", "redis://:***@redis" },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
		check_redacted(NULL, cases[i][0], cases[i][1]);
}

static void test_a_secret_within_a_url(void **state)
{
	struct redactor *redactor = *state;
	add(redactor, "hunter2@redis");
	check_redacted(redactor, "redis://:hunter2@redis:6379", "redis://:***:6379");
}

static void test_bytes_of_any_kind(void **state)
{
	struct redactor *redactor = *state;
	redactor_add(redactor, "a\0b\xff", 4);
	struct buf out CLEANUP(buf_release) = { 0 };
	redact(redactor, &out, "\0a\0b\xff\0", 6);
	assert_int_equal(out.length, 5);
	assert_memory_equal(out.bytes, "\0***\0", 5);
}

static void test_environment(void **state)
{
	struct redactor *redactor = *state;
	redactor_add_environment(redactor, "REDIS_URL=redis://:s3cr%65t@redis:6379");
	redactor_add_environment(redactor, "db_password=swordfish");
	redactor_add_environment(redactor, "PASSWORD_FILE=/run/secrets/db");
	redactor_add_environment(redactor, "ALLOW_EMPTY_PASSWORD=true");
	redactor_add_environment(redactor, "LOG_LEVEL=debug");
	redactor_add_environment(redactor, "API_TOKEN");
	check_redacted(redactor, "s3cr%65t s3cret swordfish", "*** *** ***");
	check_redacted(redactor, "/run/secrets/db true debug redis", "/run/secrets/db true debug redis");
	assert_int_equal(redactor_count(redactor), 3);
}

static void test_exceptions(void **state)
{
	struct redactor *redactor = *state;
	redactor_add_environment(redactor, "POSTGRES_PASSWORD=postgres");
	add(redactor, "postgres-too");
	redactor_except(redactor, "postgres");
	redactor_except(redactor, "unknown");
	check_redacted(redactor, "postgres postgres-too", "postgres ***");
}

static void test_names(void **state)
{
	(void)state;
	static const char *const secret[] = { "PASSWORD", "REDIS_PASSWORD", "pgpassword", "JWT_SECRET",
		"ApiToken", "AWS_ACCESS_KEY_ID", "DB_PASS" };
	static const char *const open[] = { "REDIS_URL", "PORT", "PASSWORD_FILE", "PASSIVE", "" };
	for (size_t i = 0; i < ARRAY_LENGTH(secret); i++)
		assert_true(redact_name_is_secret(secret[i], strlen(secret[i])));
	for (size_t i = 0; i < ARRAY_LENGTH(open); i++)
		assert_false(redact_name_is_secret(open[i], strlen(open[i])));
}

/* Quadratic behaviour would show here as a test that times out under sanitizers. */
static void test_a_long_hostile_line(void **state)
{
	struct redactor *redactor = *state;
	add(redactor, "aaaaaaab");
	size_t length = 1 << 20;
	char *line OWNED = xmalloc(length);
	memset(line, 'a', length);
	for (size_t i = 0; i + 4 < length; i += 64)
		memcpy(line + i, "://:", 4);
	struct buf out CLEANUP(buf_release) = { 0 };
	redact(redactor, &out, line, length);
	assert_int_equal(out.length, length);
	assert_memory_equal(out.bytes, line, length);
}

int main(void)
{
#define WITH_REDACTOR(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		WITH_REDACTOR(test_values_are_hidden),
		WITH_REDACTOR(test_places_are_counted),
		WITH_REDACTOR(test_overlapping_secrets_leave_no_tail),
		WITH_REDACTOR(test_short_and_repeated_secrets_are_ignored),
		cmocka_unit_test(test_passwords_of_urls),
		WITH_REDACTOR(test_a_secret_within_a_url),
		WITH_REDACTOR(test_bytes_of_any_kind),
		WITH_REDACTOR(test_environment),
		WITH_REDACTOR(test_exceptions),
		cmocka_unit_test(test_names),
		WITH_REDACTOR(test_a_long_hostile_line),
	};
	return cmocka_run_group_tests_name("redact", tests, NULL, NULL);
}

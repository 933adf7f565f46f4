#include "run/log_attempts.h"

#include "base/duration.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static char name[] = "dial", begins[] = "Connecting", fails[] = "failed", succeeds[] = "Connected",
	    lost[] = "loss";

static struct watch watch_with(bool with_begins)
{
	return (struct watch){ .kind = WATCH_ATTEMPTS,
		.name = name,
		.begins = with_begins ? begins : NULL,
		.fails = fails,
		.succeeds = succeeds,
		.lost = lost };
}

static struct event line_at(int64_t from_ms, int64_t to_ms, const char *text)
{
	return (struct event){ .kind = EVENT_LOG,
		.from_ns = from_ms * NS_PER_MS,
		.to_ns = to_ms * NS_PER_MS,
		.log = { .line = { text, strlen(text) } } };
}

/* Feeds a line and, unless `outcome` is NULL, expects an attempt. Times in milliseconds. */
static void feed(struct log_attempts *attempts, int64_t at_ms, const char *text, const char *outcome,
    int number, int64_t from_ms, bool began_known)
{
	struct event line = line_at(at_ms, at_ms, text), event;
	bool told = log_attempts_feed(attempts, &line, true, &event);
	assert_int_equal(told, outcome != NULL);
	if (!outcome)
		return;
	assert_int_equal(event.kind, EVENT_ATTEMPT);
	assert_string_equal(event.of, "dial");
	assert_string_equal(event.attempt.outcome, outcome);
	assert_int_equal(event.attempt.number, number);
	assert_int_equal(event.attempt.began_known, began_known);
	assert_int_equal(event.from_ns, from_ms * NS_PER_MS);
	assert_int_equal(event.to_ns, at_ms * NS_PER_MS);
}

static void test_ends_only(void **state)
{
	(void)state;
	struct watch watch = watch_with(false);
	struct err err = ERR_INIT;
	struct log_attempts *attempts = log_attempts_new(&watch, &err);
	log_attempts_client_started(attempts, 100 * NS_PER_MS);
	feed(attempts, 150, "attempt failed", "failed", 1, 100, false);
	feed(attempts, 200, "something else", NULL, 0, 0, false);
	feed(attempts, 1150, "attempt failed", "failed", 2, 150, false);
	feed(attempts, 3150, "Connected", "connected", 3, 1150, false);
	log_attempts_free(attempts);
}

static void test_begins_and_loss(void **state)
{
	(void)state;
	struct watch watch = watch_with(true);
	struct err err = ERR_INIT;
	struct log_attempts *attempts = log_attempts_new(&watch, &err);
	log_attempts_client_started(attempts, 0);
	feed(attempts, 100, "Connecting", NULL, 0, 0, false);
	feed(attempts, 2100, "attempt failed", "failed", 1, 100, true); /* it hung for two seconds */
	feed(attempts, 3100, "Connecting", NULL, 0, 0, false);
	feed(attempts, 3101, "Connected", "connected", 2, 3100, true);
	struct event line = line_at(9000, 9000, "connection loss"), event;
	assert_true(log_attempts_feed(attempts, &line, true, &event));
	assert_int_equal(event.kind, EVENT_LOST);
	assert_int_equal(event.to_ns, 9000 * NS_PER_MS);
	/* The begin of an attempt whose process died is not the begin of the next process's first. */
	feed(attempts, 9001, "Connecting", NULL, 0, 0, false);
	log_attempts_client_started(attempts, 9500 * NS_PER_MS);
	feed(attempts, 9600, "attempt failed", "failed", 3, 9500, false);
	log_attempts_free(attempts);
}

/* A line with a stamp of its own: the engine read it 250 ms later. */
static void test_own_stamps(void **state)
{
	(void)state;
	struct watch watch = watch_with(true);
	struct err err = ERR_INIT;
	struct log_attempts *attempts = log_attempts_new(&watch, &err);
	struct event line = line_at(100, 350, "Connecting"), event;
	assert_false(log_attempts_feed(attempts, &line, true, &event));
	line = line_at(120, 350, "attempt failed");
	assert_true(log_attempts_feed(attempts, &line, true, &event));
	assert_int_equal(event.from_ns, 100 * NS_PER_MS);
	assert_int_equal(event.to_ns, 121 * NS_PER_MS); /* the stamp is cut to its millisecond */
	/* The loss, and in the same millisecond the attempt it leads to: in this order. */
	line = line_at(500, 600, "loss");
	assert_true(log_attempts_feed(attempts, &line, true, &event));
	int64_t lost_ns = event.to_ns;
	line = line_at(500, 600, "attempt failed");
	assert_true(log_attempts_feed(attempts, &line, true, &event));
	assert_true(lost_ns <= event.from_ns);
	log_attempts_free(attempts);
}

/* The engine's stamp is all that is known of a line without one. */
static void test_no_stamps(void **state)
{
	(void)state;
	struct watch watch = watch_with(true);
	struct err err = ERR_INIT;
	struct log_attempts *attempts = log_attempts_new(&watch, &err);
	struct event line = line_at(100, 350, "Connecting"), event;
	assert_false(log_attempts_feed(attempts, &line, false, &event));
	line = line_at(110, 360, "attempt failed");
	assert_true(log_attempts_feed(attempts, &line, false, &event));
	assert_int_equal(event.from_ns, 350 * NS_PER_MS);
	assert_int_equal(event.to_ns, 360 * NS_PER_MS);
	line = line_at(500, 750, "loss");
	assert_true(log_attempts_feed(attempts, &line, false, &event));
	assert_int_equal(event.from_ns, 750 * NS_PER_MS);
	assert_int_equal(event.to_ns, 750 * NS_PER_MS);
	line = line_at(500, 751, "attempt failed");
	assert_true(log_attempts_feed(attempts, &line, false, &event));
	assert_int_equal(event.from_ns, 750 * NS_PER_MS);
	assert_int_equal(event.to_ns, 751 * NS_PER_MS);
	log_attempts_free(attempts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ends_only),
		cmocka_unit_test(test_begins_and_loss),
		cmocka_unit_test(test_own_stamps),
		cmocka_unit_test(test_no_stamps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

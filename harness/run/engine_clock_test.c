#include "run/engine_clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_rfc3339(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t ns;
	} cases[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "1970-01-01T00:00:01.5Z", 1500000000 },
		{ "1970-01-01T00:00:00.123456789Z", 123456789 },
		{ "1970-01-01T01:00:00+01:00", 0 },
		{ "1969-12-31T22:30:00.25-01:30", 250000000 },
		{ "2026-11-23T17:00:00Z", INT64_C(1795453200000000000) },
		{ "2026-11-23T17:00:00", -1 },
		{ "2026-11-23 17:00:00Z", -1 },
		{ "2026-11-23T17:00:00+0100", -1 },
		{ "2026-11-23T17:00:00+01:00x", -1 },
		{ "2026-11-23T17:00:00+-1:00", -1 },
		{ "2026-11-23T17:00:00+ 1:00", -1 },
		{ "2026-11-23T17:00:00+24:00", -1 },
		{ "2026-11-23T17:00:00-01:60", -1 },
		{ "2026-11-23T17:00:00+", -1 },
		{ "2026-11-23T17:00:00Zx", -1 },
		{ "", -1 },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
		assert_int_equal(rfc3339_parse_ns(cases[i].text), cases[i].ns);
}

static void expect_stamp(const char *line, int64_t engine_ns, int64_t expected_ns)
{
	if (line_stamp_ns(line, strlen(line), engine_ns) != expected_ns)
		fail_msg("`%s`: %lld, expected %lld", line,
		    (long long)line_stamp_ns(line, strlen(line), engine_ns), (long long)expected_ns);
}

static void test_line_stamp(void **state)
{
	(void)state;
	const int64_t engine_ns = 100 * NS_PER_S;
	expect_stamp("1970-01-01T00:01:39.750Z [info] x", engine_ns, 99750 * NS_PER_MS);
	expect_stamp("[1970-01-01T00:01:39.750Z] x", engine_ns, 99750 * NS_PER_MS);
	expect_stamp("1970-01-01T01:01:39.750+01:00 x", engine_ns, 99750 * NS_PER_MS);
	expect_stamp("1970-01-01T00:01:39.750123Z", engine_ns, 99750123 * NS_PER_US);
	expect_stamp("1970-01-01T00:01:39.750Z: x", engine_ns, 99750 * NS_PER_MS);
	expect_stamp("1970-01-01T01:01:39.750+01:00: x", engine_ns, 99750 * NS_PER_MS);
	/* Too coarse, no time, in the future, too long ago, another format: the engine's word. */
	expect_stamp("1970-01-01T00:01:39Z x", engine_ns, engine_ns);
	expect_stamp("1970-01-01T00:01:39.75Z xxxxx", engine_ns, engine_ns);
	expect_stamp("Redis: Connection attempt 1/20 failed", engine_ns, engine_ns);
	expect_stamp("1970-01-01T00:01:40.001Z x", engine_ns, engine_ns);
	expect_stamp("1970-01-01T00:01:29.999Z x", engine_ns, engine_ns);
	expect_stamp("1970-01-01 00:01:39.750 UTC [1] LOG:  x", engine_ns, engine_ns);
	expect_stamp("1970-01-01T00:01:39.750T00:01:39.750T00:01:39.750Z", engine_ns, engine_ns);
	expect_stamp("", engine_ns, engine_ns);
	/* A line that is cut right behind the stamp is not read past its end. */
	assert_int_equal(line_stamp_ns("1970-01-01T00:01:39.750Z", 23, engine_ns), engine_ns);
}

static void test_remote_clock(void **state)
{
	(void)state;
	struct loop *loop = loop_new();
	struct engine_clock clock;
	struct err err = ERR_INIT;
	json_t *info = json_pack("{s:s}", "SystemTime", "1970-01-01T00:00:10Z");
	int64_t asked_ns = loop_now_ns(loop) - 40 * NS_PER_MS;
	assert_int_equal(engine_clock_init(&clock, loop, false, info, asked_ns, &err), 0);
	/* Half of the round trip is what it can be wrong by, and the middle is what is taken. */
	assert_in_range(clock.error_ns, 20 * NS_PER_MS, 200 * NS_PER_MS);
	int64_t middle_ns = asked_ns + clock.error_ns;
	assert_int_equal(engine_clock_stamp_ns(&clock, middle_ns), 10 * NS_PER_S);
	assert_int_equal(engine_clock_loop_ns(&clock, 10 * NS_PER_S), middle_ns);
	/* Nothing is observed later than now. */
	assert_true(engine_clock_loop_ns(&clock, 1000 * NS_PER_S) <= loop_now_ns(loop));
	json_decref(info);

	info = json_pack("{s:s}", "SystemTime", "yesterday");
	assert_int_equal(engine_clock_init(&clock, loop, false, info, asked_ns, &err), -1);
	assert_string_equal(
	    err.message, "the engine did not say what time it is (GET /info: SystemTime is `yesterday`)");
	json_decref(info);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc3339),
		cmocka_unit_test(test_line_stamp),
		cmocka_unit_test(test_remote_clock),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

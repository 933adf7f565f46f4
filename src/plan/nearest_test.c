#include "plan/nearest.h"

#include "base/memory.h"
#include "plan/protocol.h"
#include "plan/scalars.h"
#include "plan/service_load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static const char *find(const char *word)
{
	static const char *const known[] = { "watch", "steps", "expect", "stack", "subject", "of" };
	struct nearest nearest = nearest_to(word);
	for (size_t i = 0; i < ARRAY_LENGTH(known); i++)
		nearest_offer(&nearest, known[i]);
	return nearest_found(&nearest);
}

static void test_nearest(void **state)
{
	(void)state;
	assert_string_equal(find("wacht"), "watch");
	assert_string_equal(find("Watch"), "watch");
	assert_string_equal(find("step"), "steps");
	assert_string_equal(find("expects"), "expect");
	assert_string_equal(find("sbuject"), "subject");
	assert_string_equal(find("fo"), "of");
	assert_null(find("elephant"));
	assert_null(find(""));
	assert_null(find("x"));
	assert_null(find("watchwatchwatchwatchwatchwatchwatchwatchwatchwatchwatchwatchwatchwatchwatchwatch"));
}

static void test_image_protocols(void **state)
{
	(void)state;
	int port = 0;
	assert_string_equal(protocol_of_image("redis:7", &port)->name, "redis");
	assert_int_equal(port, 6379);
	assert_string_equal(
	    protocol_of_image("registry:5000/bitnami/postgresql@sha256:00", &port)->name, "postgres");
	assert_int_equal(port, 5432);
	assert_string_equal(protocol_of_image("mysql", &port)->name, "tcp");
	assert_int_equal(port, 3306);
	assert_null(protocol_of_image("redis/gateway:1", &port));
	assert_null(protocol_of_image("my-redis", &port));
}

static void check_split(const char *text, int result, size_t count, const char *const *expected)
{
	struct strings words = { 0 };
	assert_int_equal(shell_split(text, &words), result);
	size_t got = words.count, same = 0;
	for (size_t i = 0; i < got && i < count; i++)
		same += strcmp(words.items[i], expected[i]) == 0;
	strings_release(&words);
	assert_int_equal(got, count);
	assert_int_equal(same, count);
}
#define assert_split(text, result, ...)                                                 \
	check_split(text, result, ARRAY_LENGTH(((const char *const[]){ __VA_ARGS__ })), \
	    (const char *const[]){ __VA_ARGS__ })

static void test_shell_split(void **state)
{
	(void)state;
	check_split("  \t\n", 0, 0, NULL);
	assert_split("a  b", 0, "a", "b");
	assert_split("a '' \"\"", 0, "a", "", "");
	assert_split("'a b'\"c d\"e", 0, "a bc de");
	assert_split("a\\ b '\\' \"\\\"\\n\"", 0, "a b", "\\", "\"\\n");
	assert_split("a 'b", -1, "a", "b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_image_protocols),
		cmocka_unit_test(test_shell_split),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

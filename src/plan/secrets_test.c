#include "plan/secrets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

/* A stack owns its strings; this one is never freed. */
#define CONSTANT(text) ((char *)(uintptr_t)(text))

static void check_redacted(const struct redactor *redactor, const char *text, const char *wanted)
{
	char *got OWNED = redact_string(redactor, text);
	assert_string_equal(got, wanted);
}

static void test_secrets_of_a_stack(void **state)
{
	(void)state;
	char *postgres[] = { CONSTANT("POSTGRES_PASSWORD=postgres"), CONSTANT("POSTGRES_USER=gateway") };
	char *gateway[] = { CONSTANT("REDIS_URL=redis://:hunter2@redis:6379"),
		CONSTANT("JWT_SECRET=swordfish"), CONSTANT("DB_PASSWORD=database") };
	char *aliases[] = { CONSTANT("database") };
	struct service services[] = {
		{ .name = CONSTANT("postgres"),
		    .environment = { postgres, ARRAY_LENGTH(postgres) },
		    .aliases = { aliases, 1 } },
		{ .name = CONSTANT("gateway"), .environment = { gateway, ARRAY_LENGTH(gateway) } },
	};
	struct stack stack = { .services = services, .service_count = ARRAY_LENGTH(services) };
	struct redactor *redactor CLEANUP(redactor_release) = redactor_new();
	stack_add_secrets(&stack, redactor);
	assert_int_equal(redactor_count(redactor), 2);
	check_redacted(redactor, "hunter2 swordfish", "*** ***");
	/* Names of services stay readable, and are hidden where they are a password. */
	check_redacted(redactor, "postgres, database, gateway", "postgres, database, gateway");
	check_redacted(
	    redactor, "postgres://gateway:postgres@postgres:5432", "postgres://gateway:***@postgres:5432");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_secrets_of_a_stack) };
	return cmocka_run_group_tests_name("secrets", tests, NULL, NULL);
}

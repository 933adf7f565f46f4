/* What the recorder takes out of events, and says that it did. */
#include "run/recorder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct heard {
	int log, response;
	char line[64];
};

static void hear(void *owner, const struct event *event)
{
	struct heard *heard = owner;
	if (event->kind == EVENT_RESPONSE)
		heard->response = event->response.redacted;
	if (event->kind != EVENT_LOG)
		return;
	heard->log = event->log.redacted;
	memcpy(heard->line, event->log.line.bytes, event->log.line.length);
	heard->line[event->log.line.length] = '\0';
}

static struct text text(const char *bytes)
{
	return (struct text){ bytes, strlen(bytes) };
}

static struct heard record(const char *line, const char *headers, const char *body)
{
	struct err err = ERR_INIT;
	struct heard heard = { 0 };
	CLEANUP(redactor_release) struct redactor *redactor = redactor_new();
	redactor_add_environment(redactor, "REDIS_URL=redis://:hunter2@redis:6379");
	struct recorder *recorder = recorder_open("/dev/null", 0, redactor, &err);
	assert_non_null(recorder);
	recorder_listen(recorder, hear, &heard);
	recorder_add(recorder, (struct event){ .kind = EVENT_LOG, .log = { .line = text(line) } });
	recorder_add(
	    recorder, (struct event){ .kind = EVENT_RESPONSE,
			  .response = { .outcome = "answered", .headers = headers, .body = text(body) } });
	assert_int_equal(recorder_close(recorder, &err), 0);
	return heard;
}

static void test_secrets_are_counted(void **state)
{
	(void)state;
	struct heard heard = record("using redis://:hunter2@redis:6379", "X-Auth: hunter2\n", "hunter2");
	assert_int_equal(heard.log, 1);
	assert_string_equal(heard.line, "using redis://:***@redis:6379");
	assert_int_equal(heard.response, 2);
}

static void test_own_masks_are_not(void **state)
{
	(void)state;
	struct heard heard = record("using redis://:***@redis:6379", "X-Auth: ***\n", "redis://:xxx@redis");
	assert_int_equal(heard.log, 0);
	assert_int_equal(heard.response, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_secrets_are_counted),
		cmocka_unit_test(test_own_masks_are_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

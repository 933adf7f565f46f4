/* discloses: what was taken out of a trace was there. */
#include "check/testing.h"

#define LOG "{ id: x, of: gateway.log, discloses: nothing }"
#define EARLY "{ id: x, of: gateway.log, discloses: nothing, until: redis.ready }"
#define ANSWER "{ id: x, of: get, discloses: nothing }"

static struct story with_secrets(int secrets)
{
	struct story story = { .text = { 0 } };
	tell(&story,
	    &(struct event){
		.kind = EVENT_WORLD, .of = "", .world = { .version = 1, .speed = 1, .secrets = secrets } });
	service_event(&story, 1 * S, 1 * S, "gateway", "started");
	return story;
}

static void says(
    struct story *story, int64_t from_ns, int64_t to_ns, const char *text, int redacted, bool cut)
{
	tell(story, &(struct event){ .kind = EVENT_LOG,
			.of = "gateway",
			.from_ns = from_ns,
			.to_ns = to_ns,
			.log = { .output = 1,
			    .line = { .bytes = text, .length = strlen(text) },
			    .redacted = redacted,
			    .cut = cut } });
}

static void answers(struct story *story, const char *outcome, int redacted, bool cut)
{
	tell(story, &(struct event){ .kind = EVENT_RESPONSE,
			.of = "get",
			.from_ns = 2 * S,
			.to_ns = 3 * S,
			.response = { .outcome = outcome,
			    .status = strcmp(outcome, "answered") == 0 ? 200 : 0,
			    .body = { .bytes = "{}", .length = 2 },
			    .redacted = redacted,
			    .body_cut = cut } });
}

static void test_logs(void **state)
{
	(void)state;
	struct story story = with_secrets(1);
	says(&story, 2 * S, 2 * S, "using redis://:***@redis:6379", 0, false);
	end(&story, 9 * S, "completed");
	expect_verdict(&story, LOG, VERDICT_PASS, "");

	story = with_secrets(1);
	says(&story, 2 * S, 2 * S, "starting", 0, false);
	says(&story, 3 * S, 3 * S, "using redis://:***@redis:6379", 1, false);
	says(&story, 4 * S, 4 * S, "AUTH ***", 1, false);
	end(&story, 9 * S, "timeout");
	expect_verdict(&story, LOG, VERDICT_FAIL,
	    "gateway.log has a secret (here ***): `using redis://:***@redis:6379` at 3s");

	story = with_secrets(1);
	says(&story, 2 * S, 2 * S, "starting", 0, false);
	end(&story, 9 * S, "timeout");
	expect_verdict(
	    &story, LOG, VERDICT_INCONCLUSIVE, "nothing so far, but the world ran out of its time");

	story = with_secrets(1);
	says(&story, 2 * S, 2 * S, "a very long lin", 0, true);
	end(&story, 9 * S, "completed");
	expect_verdict(
	    &story, LOG, VERDICT_INCONCLUSIVE, "1 line was too long, and the rest may have had a secret");

	story = with_secrets(1);
	says(&story, 2 * S, 2 * S, "starting", 0, false);
	tell(&story, &(struct event){ .kind = EVENT_END,
			 .of = "",
			 .from_ns = 9 * S,
			 .to_ns = 9 * S,
			 .end = { .reason = "completed", .dropped = 7 } });
	expect_verdict(&story, LOG, VERDICT_INCONCLUSIVE, "7 lines were not recorded because of a flood");
}

static void test_windows(void **state)
{
	(void)state;
	static const struct {
		int64_t from_ns, to_ns;
		enum verdict verdict;
		const char *reason;
	} cases[] = {
		{ 3 * S, 3 * S, VERDICT_FAIL, "gateway.log has a secret (here ***): `AUTH ***` at 3s" },
		{ 3900 * MS, 4100 * MS, VERDICT_INCONCLUSIVE,
		    "a line with a secret at the window's edge may have been inside" },
		{ 5 * S, 5 * S, VERDICT_PASS, "" },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct story story = with_secrets(2);
		says(&story, 2 * S, 2 * S, "starting", 0, false);
		service_event(&story, 4 * S, 4 * S, "redis", "ready");
		says(&story, cases[i].from_ns, cases[i].to_ns, "AUTH ***", 1, false);
		end(&story, 9 * S, "completed");
		expect_verdict(&story, EARLY, cases[i].verdict, cases[i].reason);
	}
	struct story story = with_secrets(2);
	service_event(&story, 4 * S, 4 * S, "redis", "ready");
	says(&story, 5 * S, 5 * S, "starting", 0, false);
	end(&story, 9 * S, "completed");
	expect_verdict(&story, EARLY, VERDICT_INCONCLUSIVE, "vacuous: no line of gateway.log in the window");
}

static void test_no_secret(void **state)
{
	(void)state;
	static const char *const expectations[] = { LOG, ANSWER };
	for (size_t i = 0; i < ARRAY_LENGTH(expectations); i++) {
		struct story story = with_secrets(0);
		says(&story, 2 * S, 2 * S, "starting", 0, false);
		answers(&story, "answered", 0, false);
		end(&story, 9 * S, "completed");
		expect_verdict(&story, expectations[i], VERDICT_INCONCLUSIVE,
		    "vacuous: no secret was looked for: the stack has none (a password in an environment "
		    "variable or a URL), or the trace is older than this expectation");
	}
}

static void test_answers(void **state)
{
	(void)state;
	static const struct {
		const char *outcome;
		int redacted;
		bool cut;
		enum verdict verdict;
		const char *reason;
	} cases[] = {
		{ "answered", 0, false, VERDICT_PASS, "" },
		{ "answered", 1, false, VERDICT_FAIL,
		    "the answer to get has a secret at 1 place (*** in the trace)" },
		{ "answered", 2, true, VERDICT_FAIL,
		    "the answer to get has a secret at 2 places (*** in the trace)" },
		{ "answered", 0, true, VERDICT_INCONCLUSIVE,
		    "only the first 2 bytes of the body were kept, and the rest may have had a secret" },
		{ "refused", 0, false, VERDICT_INCONCLUSIVE, "vacuous: no answer: refused" },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct story story = with_secrets(1);
		answers(&story, cases[i].outcome, cases[i].redacted, cases[i].cut);
		end(&story, 9 * S, "completed");
		expect_verdict(&story, ANSWER, cases[i].verdict, cases[i].reason);
	}
	struct story story = with_secrets(1);
	end(&story, 9 * S, "completed");
	expect_verdict(&story, ANSWER, VERDICT_INCONCLUSIVE, "vacuous: step get never happened");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_logs),
		cmocka_unit_test(test_windows),
		cmocka_unit_test(test_no_secret),
		cmocka_unit_test(test_answers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

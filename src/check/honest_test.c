/* honest: how long health lied, for certain and at most. */
#include "check/testing.h"

#define HONEST "{ id: x, of: ready, honest: { by: work, says: healthy, within: 1s } }"
#define AFTER "{ id: x, of: ready, honest: { by: work, says: healthy, within: 1s }, after: redis.ready }"

static void work(struct story *story, int64_t from_ns, int64_t to_ns, const char *outcome, int status)
{
	static char digits[16];
	snprintf(digits, sizeof(digits), "%d", status);
	tell(story,
	    &(struct event){ .kind = EVENT_SAMPLE,
		.of = "work",
		.from_ns = from_ns,
		.to_ns = to_ns,
		.sample = { .outcome = outcome, .status = status, .state = status ? digits : outcome } });
}

static void works(struct story *story, int64_t from_ns, int64_t to_ns, int status)
{
	for (int64_t at = from_ns; at < to_ns; at += 50 * MS)
		work(story, at, at + 2 * MS, status ? "answered" : "refused", status);
}

/* Each poll hangs for a second; the next one is sent as it ends. */
static void hangs(struct story *story, int64_t from_ns, int64_t to_ns)
{
	for (int64_t at = from_ns; at < to_ns; at += 1 * S)
		work(story, at, at + 1 * S, "timeout", 0);
}

/* Health says yes up to 10 s; work fails from 5 s on, for so long. */
static struct story lying(int64_t for_ns, int status)
{
	struct story story = story_begin();
	samples(&story, 1 * S, 10 * S, "healthy");
	works(&story, 1 * S, 5 * S, 200);
	works(&story, 5 * S, 5 * S + for_ns, status);
	works(&story, 5 * S + for_ns, 10 * S, 204);
	return story;
}

static void test_limit(void **state)
{
	(void)state;
	static const struct {
		int64_t for_ns;
		int status;
		enum verdict verdict;
		const char *reason;
	} cases[] = {
		{ 0, 503, VERDICT_PASS, "" },
		{ 50 * MS, 503, VERDICT_PASS, "" },
		/* The polls on both sides of it are 1.002 s apart, or 1.052 s. */
		{ 900 * MS, 503, VERDICT_PASS, "" },
		{ 950 * MS, 503, VERDICT_INCONCLUSIVE,
		    "the longest lie lasted 898ms to 1.002s, and the limit is inside: polls of ready and "
		    "work do not "
		    "tell" },
		{ 1050 * MS, 503, VERDICT_INCONCLUSIVE,
		    "the longest lie lasted 998ms to 1.1s, and the limit is inside: polls of ready and "
		    "work do not "
		    "tell" },
		{ 1100 * MS, 503, VERDICT_FAIL,
		    "ready said `healthy` for 1.05s from 5s on, while work did not work (503)" },
		{ 3 * S, 0, VERDICT_FAIL,
		    "ready said `healthy` for 2.95s from 5s on, while work did not work (refused)" },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct story story = lying(cases[i].for_ns, cases[i].status);
		end(&story, 10 * S, "completed");
		expect_verdict(&story, HONEST, cases[i].verdict, cases[i].reason);
	}
}

/* One hung poll says no for as long as it hung. */
static void test_hanging(void **state)
{
	(void)state;
	struct story story = story_begin();
	samples(&story, 1 * S, 10 * S, "healthy");
	works(&story, 1 * S, 5 * S, 200);
	hangs(&story, 5 * S, 7 * S);
	works(&story, 7 * S, 10 * S, 200);
	end(&story, 10 * S, "completed");
	expect_verdict(&story, HONEST, VERDICT_FAIL,
	    "ready said `healthy` for 2s from 5s on, while work did not work (timeout)");

	/* And a refusal right behind it goes on. */
	story = story_begin();
	samples(&story, 1 * S, 10 * S, "healthy");
	works(&story, 1 * S, 5 * S, 200);
	hangs(&story, 5 * S, 6 * S);
	works(&story, 6 * S, 6100 * MS, 0);
	works(&story, 6100 * MS, 10 * S, 200);
	end(&story, 10 * S, "completed");
	expect_verdict(&story, HONEST, VERDICT_FAIL,
	    "ready said `healthy` for 1.05s from 5s on, while work did not work (timeout)");
}

/* Work fails, and health says so: after a while, and as long as it does. */
static void test_health_follows(void **state)
{
	(void)state;
	for (int slow = 0; slow < 2; slow++) {
		int64_t told_ns = slow ? 6500 * MS : 5500 * MS;
		struct story story = story_begin();
		samples(&story, 1 * S, told_ns, "healthy");
		samples(&story, told_ns, 9 * S, "degraded");
		samples(&story, 9 * S, 12 * S, "healthy");
		works(&story, 1 * S, 5 * S, 200);
		works(&story, 5 * S, 9 * S, 503);
		works(&story, 9 * S, 12 * S, 200);
		end(&story, 12 * S, "completed");
		expect_verdict(&story, HONEST, slow ? VERDICT_FAIL : VERDICT_PASS,
		    slow ? "ready said `healthy` for 1.45s from 5s on, while work did not work (503)" : "");
	}
	/* Two short lies are no long one. */
	struct story story = story_begin();
	samples(&story, 1 * S, 5600 * MS, "healthy");
	samples(&story, 5600 * MS, 6 * S, "degraded");
	samples(&story, 6 * S, 10 * S, "healthy");
	works(&story, 1 * S, 5 * S, 200);
	works(&story, 5 * S, 6600 * MS, 503);
	works(&story, 6600 * MS, 10 * S, 200);
	end(&story, 10 * S, "completed");
	expect_verdict(&story, HONEST, VERDICT_PASS, "");
}

static void test_lateness(void **state)
{
	(void)state;
	struct story story = lying(2 * S, 503);
	late(&story, 5 * S, 6 * S, 1 * S);
	end(&story, 10 * S, "completed");
	expect_verdict(&story, HONEST, VERDICT_INCONCLUSIVE,
	    "ready said `healthy` for 1.95s from 5s on, while work did not work (503), but the host ran "
	    "up to "
	    "1s late meanwhile");
	story = lying(2 * S, 503);
	late(&story, 8 * S, 9 * S, 1 * S);
	end(&story, 10 * S, "completed");
	expect_verdict(&story, HONEST, VERDICT_FAIL,
	    "ready said `healthy` for 1.95s from 5s on, while work did not work (503)");

	/* A longer lie, which the host may explain, does not hide one that nothing explains. */
	story = story_begin();
	samples(&story, 1 * S, 12 * S, "healthy");
	works(&story, 1 * S, 2 * S, 200);
	works(&story, 2 * S, 4 * S, 503);
	works(&story, 4 * S, 5 * S, 200);
	works(&story, 5 * S, 6500 * MS, 503);
	works(&story, 6500 * MS, 12 * S, 200);
	late(&story, 2 * S, 3 * S, 1 * S);
	end(&story, 12 * S, "completed");
	expect_verdict(&story, HONEST, VERDICT_FAIL,
	    "ready said `healthy` for 1.45s from 5s on, while work did not work (503)");
}

/* Where nobody asked, anything may have been. */
static void test_holes(void **state)
{
	(void)state;
	static const struct {
		int64_t until_ns;  /* the next poll of work after 5 s */
		int before, after; /* statuses */
		enum verdict verdict;
		const char *reason;
	} cases[] = {
		{ 5100 * MS, 200, 200, VERDICT_PASS, "" },
		{ 7 * S, 200, 200, VERDICT_INCONCLUSIVE,
		    "the longest lie lasted 0s to 2.05s, and the limit is inside: polls of ready and work "
		    "do not "
		    "tell" },
		{ 7 * S, 503, 503, VERDICT_INCONCLUSIVE,
		    "the longest lie lasted 498ms to 3.1s, and the limit is inside: polls of ready and "
		    "work do "
		    "not tell" },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct story story = story_begin();
		samples(&story, 1 * S, 10 * S, "healthy");
		works(&story, 1 * S, 4500 * MS, 200);
		works(&story, 4500 * MS, 5 * S, cases[i].before);
		works(&story, cases[i].until_ns, cases[i].until_ns + 550 * MS, cases[i].after);
		works(&story, cases[i].until_ns + 550 * MS, 10 * S, 200);
		end(&story, 10 * S, "completed");
		expect_verdict(&story, HONEST, cases[i].verdict, cases[i].reason);
	}
	/* Work was not polled any more. */
	struct story story = story_begin();
	samples(&story, 1 * S, 10 * S, "healthy");
	works(&story, 1 * S, 5 * S, 200);
	end(&story, 10 * S, "completed");
	expect_verdict(&story, HONEST, VERDICT_INCONCLUSIVE,
	    "the longest lie lasted 0s to 5.05s, and the limit is inside: polls of ready and work do not "
	    "tell");
}

/* The runner stood still while health went on from yes to yes: it was late, and saw nothing of it. */
static void test_stall(void **state)
{
	(void)state;
	for (int stalled = 0; stalled < 2; stalled++) {
		struct story story = story_begin();
		int64_t until_ns = stalled ? 15 * S : 5500 * MS;
		samples(&story, 1 * S, 20 * S, "healthy");
		works(&story, 1 * S, 5 * S, 200);
		works(&story, until_ns, 20 * S, 200);
		late(&story, 5 * S, until_ns, until_ns - 5 * S);
		end(&story, 20 * S, "completed");
		expect_verdict(&story, HONEST, stalled ? VERDICT_INCONCLUSIVE : VERDICT_PASS,
		    stalled
			? "the longest lie lasted 0s to 10.1s, and the limit is inside: polls of ready and "
			  "work do not tell"
			: "");
	}
}

/* Who does not run is not polled: no hole. */
static void test_ended_service(void **state)
{
	(void)state;
	for (int ends = 0; ends < 2; ends++) {
		struct story story = story_begin();
		service_event(&story, 1 * S, 1 * S, "gateway", "started");
		samples(&story, 1 * S, 5 * S, "healthy");
		works(&story, 1 * S, 5 * S, 200);
		if (ends)
			service_event(&story, 5 * S, 5 * S, "gateway", "stopped");
		end(&story, 10 * S, "completed");
		expect_verdict(&story, HONEST, ends ? VERDICT_PASS : VERDICT_INCONCLUSIVE,
		    ends ? ""
			 : "the longest lie lasted 0s to 5.05s, and the limit is inside: polls of ready and "
			   "work "
			   "do not tell");
	}
	/* Started again, and polled again; then not polled, although it runs. */
	for (int hole = 0; hole < 2; hole++) {
		struct story story = story_begin();
		samples(&story, 1 * S, 10 * S, "healthy");
		works(&story, 1 * S, 5 * S, 200);
		service_event(&story, 5 * S, 5 * S, "gateway", "exited");
		service_event(&story, 8 * S, 8 * S, "gateway", "restarted");
		works(&story, hole ? 9500 * MS : 8100 * MS, 10 * S, 200);
		end(&story, 10 * S, "completed");
		expect_verdict(&story, HONEST, hole ? VERDICT_INCONCLUSIVE : VERDICT_PASS,
		    hole ? "the longest lie lasted 0s to 4.55s, and the limit is inside: polls of ready and "
			   "work do "
			   "not tell"
			 : "");
	}
}

static void test_window(void **state)
{
	(void)state;
	for (int early = 0; early < 2; early++) {
		struct story story = lying(3 * S, 503);
		service_event(
		    &story, early ? 5500 * MS : 7500 * MS, early ? 5500 * MS : 7500 * MS, "redis", "ready");
		end(&story, 10 * S, "completed");
		expect_verdict(&story, AFTER, early ? VERDICT_FAIL : VERDICT_PASS,
		    early ? "ready said `healthy` for 2.45s from 5.5s on, while work did not work (503)"
			  : "");
	}
	struct story story = lying(0, 503);
	end(&story, 10 * S, "interrupted");
	expect_verdict(&story, HONEST, VERDICT_INCONCLUSIVE, "right so far, but the world was interrupted");
}

static void test_vacuous(void **state)
{
	(void)state;
	struct story story = story_begin();
	samples(&story, 1 * S, 5 * S, "degraded");
	works(&story, 1 * S, 5 * S, 503);
	end(&story, 5 * S, "completed");
	expect_verdict(&story, HONEST, VERDICT_INCONCLUSIVE,
	    "vacuous: ready never said yes at a poll inside the window");

	story = story_begin();
	samples(&story, 1 * S, 5 * S, "healthy");
	end(&story, 5 * S, "completed");
	expect_verdict(
	    &story, HONEST, VERDICT_INCONCLUSIVE, "vacuous: no poll of work lies wholly inside the window");

	story = lying(3 * S, 503);
	end(&story, 10 * S, "completed");
	expect_verdict(&story, AFTER, VERDICT_INCONCLUSIVE, "vacuous: redis.ready never happened");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_hanging),
		cmocka_unit_test(test_health_follows),
		cmocka_unit_test(test_lateness),
		cmocka_unit_test(test_holes),
		cmocka_unit_test(test_stall),
		cmocka_unit_test(test_ended_service),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_vacuous),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

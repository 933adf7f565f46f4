/* What the wire adds: delays that the log says, phases that were met, packets that were lost. */
#include "check/testing.h"

#define AGREES "{ id: x, of: tap, agrees: { log: 'retrying in (\\d+)ms', unit: ms } }"
#define DOUBLING "{ id: x, of: tap, backoff: { first: 1s, factor: 2, cap: 4s } }"
#define NEVER_EXITED "{ id: x, of: gateway, never: [exited] }"

/* ---- agrees ---- */

static void says(struct story *story, int64_t from_ns, int64_t to_ns, int said_ms)
{
	char text[64];
	int length = snprintf(text, sizeof(text), "attempt failed, retrying in %dms", said_ms);
	tell(story, &(struct event){ .kind = EVENT_LOG,
			.of = "gateway",
			.from_ns = from_ns,
			.to_ns = to_ns,
			.log = { .output = 1, .line = { .bytes = text, .length = (size_t)length } } });
}

/* Attempts that are refused, each with its line 100 µs after its end; the delays that were kept, and said. */
static struct story conversation(const int *kept_ms, const int *said_ms, size_t count)
{
	struct story story = story_begin();
	int64_t at = 1 * S;
	service_event(&story, 0, 0, "gateway", "started");
	for (size_t i = 0; i <= count; i++) {
		try(&story, (struct try){ .number = (int)i + 1,
				.from_ns = at,
				.outcome = i == count ? "connected" : "refused" });
		at += NS_PER_MS / 5;
		if (i < count)
			says(&story, at + NS_PER_MS / 10, at + NS_PER_MS / 10, said_ms[i]);
		at += i < count ? kept_ms[i] * MS : 0;
	}
	end(&story, at + 1 * S, "completed");
	return story;
}

static void test_agrees(void **state)
{
	(void)state;
	static const int said_ms[] = { 1000, 2000, 4000 };
	static const struct {
		int kept_ms[3];
		enum verdict verdict;
		const char *reason;
	} cases[] = {
		{ { 1000, 2000, 4000 }, VERDICT_PASS, "" },
		{ { 1100, 1800, 4400 }, VERDICT_PASS, "" },
		{ { 1000, 1000, 4000 }, VERDICT_FAIL, "the log says 2s (line at 2s), the wire waited 1s" },
		{ { 1000, 2000, 4401 }, VERDICT_FAIL, "the log says 4s (line at 4s), the wire waited 4.4s" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct story story = conversation(cases[i].kept_ms, said_ms, 3);
		expect_verdict(&story, AGREES, cases[i].verdict, cases[i].reason);
	}
}

/* The second line was proved wrong before the first: packets that were lost later are no excuse. */
static void test_agrees_decided(void **state)
{
	(void)state;
	struct story story = story_begin();
	try(&story, (struct try){ .number = 1, .from_ns = 1 * S });
	says(&story, 1001 * MS, 1001 * MS, 8000);
	says(&story, 1002 * MS, 1002 * MS, 1000);
	tell(&story, &(struct event){ .kind = EVENT_TROUBLE,
			 .of = "redis",
			 .from_ns = 5 * S,
			 .to_ns = 5 * S,
			 .trouble = { .what = "packets were lost" } });
	end(&story, 60 * S, "completed");
	expect_verdict(&story, AGREES, VERDICT_FAIL,
	    "the log says 8s (line at 1s), the wire saw no attempt for 59s; "
	    "the log says 1s (line at 1s), the wire saw no attempt for 59s");
}

static void test_agrees_vacuous(void **state)
{
	(void)state;
	struct story story = conversation((int[]){ 1000 }, (int[]){ 1000 }, 1);
	expect_verdict(&story, "{ id: x, of: tap, agrees: { log: 'waiting (\\d+) s', unit: s } }",
	    VERDICT_INCONCLUSIVE, "vacuous: no line says a delay that a gap follows");
	/* A line, but the world ends before the attempt it announces is due. */
	story = story_begin();
	try(&story, (struct try){ .number = 1, .from_ns = 1 * S });
	says(&story, 1001 * MS, 1001 * MS, 1000);
	end(&story, 2 * S, "completed");
	expect_verdict(
	    &story, AGREES, VERDICT_INCONCLUSIVE, "vacuous: no line says a delay that a gap follows");
	/* Long after it was due. */
	story = story_begin();
	try(&story, (struct try){ .number = 1, .from_ns = 1 * S });
	says(&story, 1001 * MS, 1001 * MS, 1000);
	end(&story, 9 * S, "completed");
	expect_verdict(
	    &story, AGREES, VERDICT_FAIL, "the log says 1s (line at 1s), the wire saw no attempt for 8s");
	/* The client was stopped meanwhile. */
	story = story_begin();
	try(&story, (struct try){ .number = 1, .from_ns = 1 * S });
	says(&story, 1001 * MS, 1001 * MS, 1000);
	service_event(&story, 1500 * MS, 1500 * MS, "gateway", "stopped");
	end(&story, 9 * S, "completed");
	expect_verdict(
	    &story, AGREES, VERDICT_INCONCLUSIVE, "vacuous: no line says a delay that a gap follows");
}

static void test_agrees_in_doubt(void **state)
{
	(void)state;
	/* The line was written some time around the end of attempt 2: about 1 or about 2. */
	for (int either = 0; either <= 1; either++) {
		struct story story = story_begin();
		try(&story, (struct try){ .number = 1, .from_ns = 1 * S });
		try(&story, (struct try){ .number = 2, .from_ns = 2 * S });
		says(&story, 1990 * MS, 2010 * MS, either ? 1000 : 3000);
		try(&story, (struct try){ .number = 3, .from_ns = 4 * S, .outcome = "connected" });
		end(&story, 5 * S, "completed");
		expect_verdict(&story, AGREES, either ? VERDICT_PASS : VERDICT_FAIL,
		    either ? "" : "the log says 3s (line at 1.99s), the wire waited 2s");
	}
	/* When the attempt ended is not known well enough; nor is a late host forgiven more than its due. */
	for (int64_t late_ms = 0; late_ms <= 300; late_ms += 150) {
		struct story story = story_begin();
		if (late_ms)
			late(&story, 0, 5 * S, late_ms * MS);
		try(&story, (struct try){ .number = 1,
				.from_ns = 1 * S,
				.to_ns = 1300 * MS,
				.ended_after_ns = late_ms ? 0 : 1000 * MS,
				.outcome = "timeout" });
		says(&story, 1310 * MS, 1310 * MS, 1000);
		try(&story,
		    (struct try){
			.number = 2, .from_ns = late_ms ? 2600 * MS : 2300 * MS, .outcome = "connected" });
		end(&story, 5 * S, "completed");
		if (late_ms == 0)
			expect_verdict(&story, AGREES, VERDICT_INCONCLUSIVE,
			    "the log says 1s (line at 1.31s), the wire waited 1s to 1.3s: around the "
			    "tolerance of 100ms, with the host's lateness and what is not known better");
		else if (late_ms == 150)
			expect_verdict(&story, AGREES, VERDICT_FAIL,
			    "the log says 1s (line at 1.31s), the wire waited 1.3s");
		else
			expect_verdict(&story, AGREES, VERDICT_INCONCLUSIVE,
			    "the log says 1s (line at 1.31s), the wire waited 1.3s: around the tolerance "
			    "of 100ms, with the host's lateness and what is not known better");
	}
}

/* Lines do not say which connection they are about. */
static void test_agrees_with_a_pool(void **state)
{
	(void)state;
	for (int wrong = 0; wrong <= 1; wrong++) {
		struct story story = story_begin();
		/* A waits one second, B three; they are seen side by side. */
		try(&story, (struct try){ .number = 1, .from_ns = 1000 * MS, .to_ns = 1010 * MS });
		try(&story, (struct try){ .number = 2, .from_ns = 1001 * MS, .to_ns = 1500 * MS });
		says(&story, 1501 * MS, 1501 * MS, 1000);
		says(&story, 1502 * MS, 1502 * MS, wrong ? 2000 : 3000);
		try(&story, (struct try){
				.number = 3, .from_ns = 2010 * MS, .outcome = "connected", .connection = 1 });
		try(&story, (struct try){ .number = 4,
				.from_ns = 4500 * MS,
				.outcome = "connected",
				.connection = 2,
				.open = 1 });
		end(&story, 5 * S, "completed");
		expect_verdict(&story, AGREES, wrong ? VERDICT_FAIL : VERDICT_PASS,
		    wrong ? "the log says 2s (line at 1.5s), the wire waited 510ms" : "");
	}
}

/* ---- met ---- */

static enum verdict wanted_verdict;
static const char *wanted_id, *wanted_reason;

static void look_at_meeting(const struct judgement *judgement)
{
	assert_int_equal(judgement->finding_count, 2);
	const struct finding *finding = &judgement->findings[1];
	assert_string_equal(finding->expectation->id, wanted_id);
	assert_string_equal(finding->reason, wanted_reason);
	assert_int_equal(finding->verdict, wanted_verdict);
	assert_int_equal(judgement->verdict, wanted_verdict);
}

enum meeting { MISSED, PERHAPS, MET };

static void expect_met(struct story *story, const char *phase_name, enum meeting meeting)
{
	char id[64], reason[128] = "";
	snprintf(id, sizeof(id), "met-redis-%s", phase_name);
	if (meeting == PERHAPS)
		snprintf(reason, sizeof(reason),
		    "attempt 1 may have been before `%s` of redis was made, or after it", phase_name);
	else if (meeting == MISSED)
		snprintf(reason, sizeof(reason), "vacuous: nothing met `%s` of redis", phase_name);
	wanted_id = id;
	wanted_reason = reason;
	wanted_verdict = meeting == MET ? VERDICT_PASS : VERDICT_INCONCLUSIVE;
	expect_judgement(story, NEVER_EXITED, VERDICT_PASS, "", look_at_meeting);
}

static void expect_meeting(struct story *story, const char *phase_name, bool met)
{
	expect_met(story, phase_name, met ? MET : MISSED);
}

static struct story phase_story(const char *name)
{
	struct story story = story_begin();
	service_event(&story, 0, 0, "gateway", "started");
	phase(&story, 2 * S, 2005 * MS, name);
	phase(&story, 5 * S, 5005 * MS, "ready");
	return story;
}

static void test_met(void **state)
{
	(void)state;
	static const struct {
		const char *phase, *outcome;
		bool meets;
	} cases[] = {
		{ "absent", "nxdomain", true },
		{ "absent", "refused", false },
		{ "unresolvable", "servfail", true },
		{ "unresolvable", "dns-timeout", true },
		{ "unresolvable", "nxdomain", false },
		{ "unresolvable", "pending", false },
		{ "unreachable", "pending", true },
		{ "unreachable", "timeout", true },
		{ "unreachable", "unreachable", true },
		{ "unreachable", "refused", false },
		{ "refused", "refused", true },
		{ "refused", "connected", false },
		{ "hung", "hung", true },
		{ "hung", "pending", true },
		{ "hung", "closed", false },
		{ "closing", "closed", true },
		{ "closing", "reset", true },
		{ "closing", "hung", false },
		{ "loading", "loading", true },
		{ "loading", "denied", false },
		{ "denied", "denied", true },
		{ "denied", "connected", false },
		{ "slow", "connected", true },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct story story = phase_story(cases[i].phase);
		try(&story, (struct try){ .number = 1, .from_ns = 3 * S, .outcome = cases[i].outcome });
		end(&story, 9 * S, "completed");
		expect_meeting(&story, cases[i].phase, cases[i].meets);
	}
	/* The world's end found it at its name: it had no server to wait for. */
	static const char *const silent[] = { "unresolvable", "unreachable", "hung" };
	for (size_t i = 0; i < 3; i++) {
		struct story story = phase_story(silent[i]);
		try(&story,
		    (struct try){ .number = 1, .from_ns = 3 * S, .outcome = "pending", .is_at_name = true });
		end(&story, 9 * S, "completed");
		expect_meeting(&story, silent[i], i == 0);
	}
	/* The right outcome, but not while the phase was there: over before, begun after; or perhaps not. */
	static const struct {
		int64_t at_ns;
		enum meeting meeting;
	} times[] = {
		{ 1999 * MS, MISSED },
		{ 2000 * MS, PERHAPS },
		{ 2005 * MS - MS / 5 - 1, PERHAPS },
		{ 2005 * MS - MS / 5, MET },
		{ 5000 * MS, MET },
		{ 5000 * MS + 1, PERHAPS },
		{ 5005 * MS, PERHAPS },
		{ 5005 * MS + 1, MISSED },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(times); i++) {
		struct story story = phase_story("refused");
		try(&story, (struct try){ .number = 1, .from_ns = times[i].at_ns });
		end(&story, 9 * S, "completed");
		expect_met(&story, "refused", times[i].meeting);
	}
}

/* The second time nothing tried. */
static void test_met_each_time(void **state)
{
	(void)state;
	for (int again = 0; again <= 1; again++) {
		struct story story = phase_story("refused");
		try(&story, (struct try){ .number = 1, .from_ns = 3 * S });
		phase(&story, 6 * S, 6005 * MS, "refused");
		if (again)
			try(&story, (struct try){ .number = 2, .from_ns = 7 * S });
		end(&story, 9 * S, "completed");
		wanted_id = "met-redis-refused";
		wanted_reason = again ? "" : "vacuous: nothing met `refused` of redis at 6s";
		wanted_verdict = again ? VERDICT_PASS : VERDICT_INCONCLUSIVE;
		expect_judgement(&story, NEVER_EXITED, VERDICT_PASS, "", look_at_meeting);
	}
}

/* A connection that is open when its server falls silent meets that without trying again. */
static void test_met_by_a_connection(void **state)
{
	(void)state;
	static const struct {
		int64_t lost_ns;
		enum meeting meeting;
	} losses[] = { { 0, MET }, { 1500 * MS, MISSED }, { 2002 * MS, PERHAPS }, { 2006 * MS, MET } };
	for (size_t i = 0; i < ARRAY_LENGTH(losses); i++) {
		struct story story = phase_story("hung");
		try(&story,
		    (struct try){ .number = 1, .from_ns = 1 * S, .outcome = "connected", .connection = 5 });
		if (losses[i].lost_ns)
			lose(&story, losses[i].lost_ns, 5, 0);
		end(&story, 9 * S, "completed");
		expect_met(&story, "hung", losses[i].meeting);
	}
	struct story story = phase_story("refused");
	try(&story, (struct try){ .number = 1, .from_ns = 1 * S, .outcome = "connected", .connection = 5 });
	end(&story, 9 * S, "completed");
	expect_meeting(&story, "refused", false);
}

static void look_at_one(const struct judgement *judgement)
{
	assert_int_equal(judgement->finding_count, 1);
}

/* `ready` is nothing that could be met. */
static void test_nothing_to_meet(void **state)
{
	(void)state;
	struct story story = story_begin();
	service_event(&story, 0, 0, "gateway", "started");
	phase(&story, 2 * S, 2005 * MS, "ready");
	end(&story, 9 * S, "completed");
	expect_judgement(&story, NEVER_EXITED, VERDICT_PASS, "", look_at_one);
}

/* ---- moments ---- */

/* A phase that the gate makes is a moment as one that the probe finds; but for `ready`. */
static void test_phases_are_moments(void **state)
{
	(void)state;
	struct story story = story_begin();
	samples(&story, 1 * S, 10 * S, "healthy");
	phase(&story, 4 * S, 4005 * MS, "refused");
	end(&story, 10 * S, "completed");
	expect_verdict(&story, "{ id: x, of: ready, reach: healthy, within: 1s, after: redis.refused }",
	    VERDICT_PASS, "");
	story = story_begin();
	samples(&story, 1 * S, 10 * S, "healthy");
	phase(&story, 4 * S, 4005 * MS, "ready");
	end(&story, 10 * S, "completed");
	expect_verdict(&story, "{ id: x, of: ready, reach: healthy, within: 1s, after: redis.ready }",
	    VERDICT_INCONCLUSIVE, "vacuous: redis.ready never happened");
	/* Whichever said so first. */
	for (int probe_first = 0; probe_first <= 1; probe_first++) {
		story = story_begin();
		samples(&story, 1 * S, 3900 * MS, "healthy");
		samples(&story, 3900 * MS, 10 * S, "degraded");
		phase(&story, probe_first ? 6 * S : 2 * S, probe_first ? 6 * S : 2 * S, "loading");
		service_event(&story, 4 * S, 4 * S, "redis", "loading");
		end(&story, 10 * S, "completed");
		expect_verdict(&story,
		    "{ id: x, of: ready, reach: degraded, within: 1s, after: redis.loading }",
		    probe_first ? VERDICT_PASS : VERDICT_FAIL,
		    probe_first ? "" : "took 1.85s to 1.9s, 850ms past the limit of 1s");
	}
}

/* ---- lost packets ---- */

static void loss(struct story *story, int64_t at_ns)
{
	tell(story, &(struct event){ .kind = EVENT_TROUBLE,
			.of = "gateway",
			.from_ns = at_ns,
			.to_ns = at_ns,
			.trouble = { .what = "the tap of `gateway` lost 3 packets" } });
}

static struct story run_of(const int64_t *at_ms, size_t count, int64_t loss_ns)
{
	struct story story = story_begin();
	service_event(&story, 0, 0, "gateway", "started");
	for (size_t i = 0; i < count; i++)
		try(&story, (struct try){ .number = (int)i + 1,
				.from_ns = at_ms[i] * MS,
				.outcome = i + 1 == count ? "connected" : "refused" });
	loss(&story, loss_ns);
	end(&story, 30 * S, "completed");
	return story;
}

static void test_lost_packets(void **state)
{
	(void)state;
	static const int64_t right_ms[] = { 0, 1000, 3000, 7000, 11000 },
			     wrong_ms[] = { 0, 1000, 2000, 6000, 10000 };
	/* Neither a pass nor a failure: an attempt may have been missed. */
	struct story story = run_of(right_ms, 5, 2 * S);
	expect_verdict(&story, DOUBLING, VERDICT_INCONCLUSIVE,
	    "attempts may have been missed: the tap of `gateway` lost 3 packets (told at 2s)");
	story = run_of(wrong_ms, 5, 2 * S);
	expect_verdict(&story, DOUBLING, VERDICT_INCONCLUSIVE,
	    "gap 2 (after attempt 2) was 1s, expected 2s ± 200ms: 800ms too short, but attempts may have "
	    "been "
	    "missed: the tap of `gateway` lost 3 packets (told at 2s)");
	/* It is told up to a second later; what was decided long before stays. */
	story = run_of(wrong_ms, 5, 3 * S);
	expect_verdict(&story, DOUBLING, VERDICT_INCONCLUSIVE,
	    "gap 2 (after attempt 2) was 1s, expected 2s ± 200ms: 800ms too short, but attempts may have "
	    "been "
	    "missed: the tap of `gateway` lost 3 packets (told at 3s)");
	story = run_of(wrong_ms, 5, 3 * S + 1);
	expect_verdict(&story, DOUBLING, VERDICT_FAIL,
	    "gap 2 (after attempt 2) was 1s, expected 2s ± 200ms: 800ms too short");
	/* What does not depend on the wire does not mind; what was seen was seen. */
	story = run_of(right_ms, 5, 2 * S);
	expect_verdict(&story, NEVER_EXITED, VERDICT_PASS, "");
	story = run_of(right_ms, 5, 2 * S);
	expect_verdict(&story, "{ id: x, of: tap, reach: { attempt: 3 }, within: 5s }", VERDICT_PASS, "");
	story = run_of(right_ms, 5, 2 * S);
	expect_verdict(&story, "{ id: x, of: tap, reach: { attempt: 3 }, within: 1s }", VERDICT_INCONCLUSIVE,
	    "took 3s, 2s past the limit of 1s, but attempts may have been missed: the tap of `gateway` lost "
	    "3 "
	    "packets (told at 2s)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_agrees),
		cmocka_unit_test(test_agrees_decided),
		cmocka_unit_test(test_agrees_vacuous),
		cmocka_unit_test(test_agrees_in_doubt),
		cmocka_unit_test(test_agrees_with_a_pool),
		cmocka_unit_test(test_met),
		cmocka_unit_test(test_met_each_time),
		cmocka_unit_test(test_met_by_a_connection),
		cmocka_unit_test(test_nothing_to_meet),
		cmocka_unit_test(test_phases_are_moments),
		cmocka_unit_test(test_lost_packets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

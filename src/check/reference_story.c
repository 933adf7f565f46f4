#include "check/reference_narrator.h"

/* ---- who does what ---- */

static void tell_steps(struct narrator *narrator)
{
	static const char *const ids[] = { "start-gateway", "start-redis", "get" };
	for (size_t i = 0; i < 3; i++) {
		int64_t from_ns = some_time(narrator, (int64_t)i * 100, (int64_t)i * 100 + 300);
		if (one_in(narrator, 8))
			continue;
		tell(narrator, (struct event){ .kind = EVENT_STEP,
				   .of = ids[i],
				   .from_ns = from_ns,
				   .to_ns = from_ns + some_width(narrator),
				   .step = { .action = "start",
				       .target = "",
				       .due_ns = from_ns,
				       .done = !one_in(narrator, 30),
				       .detail = "" } });
	}
}

static void tell_service(
    struct narrator *narrator, const char *of, const char *what, int64_t from_ns, bool asked)
{
	tell(narrator, (struct event){ .kind = EVENT_SERVICE,
			   .of = of,
			   .from_ns = from_ns,
			   .to_ns = from_ns + some_width(narrator),
			   .service = { .event = what,
			       .asked = asked,
			       .exit_code = (int)draw(narrator, -1, 1),
			       .by = "engine",
			       .detail = "" } });
}

static void tell_services(struct narrator *narrator)
{
	if (!one_in(narrator, 10))
		tell_service(narrator, "gateway", "started", some_time(narrator, 0, 200), true);
	if (!one_in(narrator, 10))
		tell_service(narrator, "redis", "started", some_time(narrator, 0, 600), true);
	if (!one_in(narrator, 6))
		tell_service(narrator, "redis", "ready", some_time(narrator, 100, 900), false);
	if (one_in(narrator, 3))
		tell_service(narrator, "redis", "stopped", some_time(narrator, 600, 1400), true);
	if (one_in(narrator, 12))
		tell_service(
		    narrator, "redis", "exited", some_time(narrator, 300, 1400), one_in(narrator, 3));
	if (one_in(narrator, 16))
		tell_service(narrator, pick_word(narrator, "db", "mail"),
		    pick_word(narrator, "exited", "killed", "oom-killed", "stopped"),
		    some_time(narrator, 300, 2400), one_in(narrator, 3));
	if (one_in(narrator, 6)) {
		const char *what = pick_word(narrator, "exited", "crashed", "oom-killed", "paused", "killed");
		int64_t at_ns = some_time(narrator, 200, 1400);
		tell_service(narrator, "gateway", what, at_ns, one_in(narrator, 4));
		int64_t again_ns = at_ns + some_time(narrator, 25, 300);
		if (one_in(narrator, 2))
			tell_service(narrator, "gateway",
			    pick_word(narrator, "restarted", "started", "unpaused"), again_ns,
			    one_in(narrator, 2));
		if (one_in(narrator, 4))
			tell_service(
			    narrator, "gateway", "exited", again_ns + some_time(narrator, 25, 300), false);
	}
}

static void tell_polls(struct narrator *narrator)
{
	static const char *const states[] = { "a", "b", "c", "refused", "timeout" };
	int64_t at_ns = some_time(narrator, 0, 100);
	int64_t state = draw(narrator, 0, 2);
	for (int64_t left = one_in(narrator, 20) ? 0 : draw(narrator, 3, 36); left > 0; left--) {
		if (one_in(narrator, 6))
			state = one_in(narrator, 4) ? draw(narrator, 3, 4) : draw(narrator, 0, 2);
		bool answered = state < 3;
		int64_t took_ns = state == 4 ? 50 * MS : pick(narrator, 0, 0, 2, 25, 50) * MS;
		tell(narrator, (struct event){ .kind = EVENT_SAMPLE,
				   .of = "ready",
				   .from_ns = at_ns,
				   .to_ns = at_ns + took_ns,
				   .sample = { .outcome = answered ? "answered" : states[state],
				       .status = !answered    ? 0
						 : state == 0 ? 200
							      : 503,
				       .state = states[state],
				       .detail = "" } });
		int64_t hole_ms = one_in(narrator, 4) ? 700 : 300;
		at_ns += one_in(narrator, 15) ? some_time(narrator, 75, hole_ms) : 50 * MS;
	}
}

/* ---- attempts, and what the log says of them ---- */

static void tell_line(struct narrator *narrator, int64_t from_ns, int64_t to_ns, const char *text)
{
	tell(narrator, (struct event){ .kind = EVENT_LOG,
			   .of = "gateway",
			   .from_ns = from_ns,
			   .to_ns = to_ns,
			   .log = { .output = 1,
			       .cut = one_in(narrator, 40),
			       .redacted = one_in(narrator, 30),
			       .line = { .bytes = text, .length = strlen(text) } } });
}

/* What follows attempt `position` of a run, most often as it should. */
static int64_t some_gap(struct narrator *narrator, int position)
{
	static const int64_t schedule_ms[] = { 100, 200, 400, 400 };
	int64_t gap_ms = schedule_ms[position < 4 ? position - 1 : 3];
	if (one_in(narrator, 6))
		return some_time(narrator, 0, 600);
	if (one_in(narrator, 4))
		gap_ms += pick(narrator, -45, -41, -40, -25, -21, -20, 20, 21, 25, 40, 41, 45);
	return gap_ms * MS;
}

static void tell_delay(struct narrator *narrator, const struct event *failed, int position)
{
	static const char *const lines[] = { "retrying in 100ms", "retrying in 200ms", "retrying in 400ms" };
	int64_t at_ns = failed->to_ns + pick(narrator, 0, 0, 0, 25, 50) * MS;
	size_t said = position < 3 ? (size_t)position - 1 : 2;
	if (one_in(narrator, 6))
		said = (size_t)draw(narrator, 0, 2);
	tell_line(narrator, at_ns - pick(narrator, 0, 0, 0, 25) * MS, at_ns, lines[said]);
}

/* Some logs tell when attempts begin, some do not: `ended_ns` is -1, or when the one before ended. */
static struct event some_attempt(
    struct narrator *narrator, const char *of, int number, int64_t at_ns, int64_t ended_ns)
{
	bool from_log = strcmp(of, "dial") == 0;
	struct event attempt = { .kind = EVENT_ATTEMPT,
		.of = of,
		.from_ns = ended_ns >= 0 ? ended_ns : at_ns,
		.to_ns = at_ns,
		.attempt = { .number = number,
		    .outcome = from_log ? "failed" : "refused",
		    .source = from_log ? "log" : "wire",
		    .began_known = ended_ns < 0,
		    .packets = 1,
		    .detail = "" } };
	if (!from_log && one_in(narrator, 3)) {
		attempt.attempt.outcome =
		    pick_word(narrator, "timeout", "hung", "loading", "nxdomain", "servfail");
		attempt.to_ns += draw(narrator, 0, 4) * 25 * MS;
		if (one_in(narrator, 2) && attempt.to_ns > at_ns && at_ns % (25 * MS) == 0)
			attempt.attempt.ended_after_ns =
			    draw(narrator, at_ns / MS / 25, attempt.to_ns / MS / 25) * 25 * MS;
	}
	return attempt;
}

/* A client that holds one connection: it tries, fails, waits, connects, loses it, and begins again. */
static void tell_attempts(struct narrator *narrator, const char *of)
{
	bool from_log = strcmp(of, "dial") == 0, has_beginnings = !from_log || one_in(narrator, 2);
	int64_t at_ns = some_time(narrator, 25, 200), ended_ns = 0;
	int position = 1, count = (int)draw(narrator, 0, 8);
	for (int number = 1; number <= count; number++) {
		struct event attempt =
		    some_attempt(narrator, of, number, at_ns, has_beginnings ? -1 : ended_ns);
		bool works = one_in(narrator, 5);
		if (works) {
			attempt.attempt.outcome = one_in(narrator, 2) || from_log ? "connected" : "accepted";
			attempt.attempt.connection = number;
			attempt.attempt.ended_after_ns = 0;
		} else if (number == count && !from_log && one_in(narrator, 4)) {
			attempt.attempt.outcome = "pending";
			attempt.attempt.packets = (int)draw(narrator, 0, 1);
			attempt.attempt.ended_after_ns = 0;
		} else if (!from_log && !one_in(narrator, 4)) {
			tell_delay(narrator, &attempt, position);
		}
		if (from_log && has_beginnings)
			tell_line(narrator, attempt.from_ns, attempt.from_ns, "BEGINS");
		tell(narrator, attempt);
		ended_ns = attempt.to_ns;
		at_ns = ended_ns + some_gap(narrator, position++);
		/* The world may end before it. */
		if (number == count && from_log && has_beginnings && one_in(narrator, 3))
			tell_line(narrator, at_ns, at_ns, "BEGINS");
		if (!works)
			continue;
		if (one_in(narrator, 3))
			return;
		int64_t lost_ns = ended_ns + some_time(narrator, 25, 400);
		tell(narrator, (struct event){ .kind = EVENT_LOST,
				   .of = of,
				   .from_ns = lost_ns,
				   .to_ns = lost_ns,
				   .lost = { .how = "reset", .by = "server", .connection = number } });
		ended_ns = lost_ns;
		at_ns = lost_ns + some_time(narrator, 0, 100);
		position = 1;
	}
}

static void tell_phases(struct narrator *narrator)
{
	int64_t at_ns = some_time(narrator, 0, 300);
	for (int64_t left = one_in(narrator, 2) ? 0 : draw(narrator, 1, 3); left > 0; left--) {
		tell(narrator, (struct event){ .kind = EVENT_PHASE,
				   .of = "redis",
				   .from_ns = at_ns,
				   .to_ns = at_ns + some_width(narrator),
				   .phase = { .phase = pick_word(narrator, "refused", "hung", "loading",
						  "slow", "unreachable", "unresolvable", "absent", "ready"),
				       .made = "gate",
				       .detail = "" } });
		at_ns += some_time(narrator, 100, 600);
	}
}

/* ---- words and figures ---- */

static void tell_lines(struct narrator *narrator)
{
	static const char *const counted[] = { "n 1", "n 2", "n 3", "n 4" };
	int64_t at_ns = some_time(narrator, 0, 200);
	int64_t said = 0;
	for (int64_t left = draw(narrator, 0, 5); left > 0; left--) {
		said = one_in(narrator, 8) ? draw(narrator, 0, 3) : said;
		tell_line(narrator, at_ns, at_ns + some_width(narrator), counted[said]);
		said = said < 3 ? said + 1 : said;
		at_ns += some_time(narrator, 0, 400);
	}
	if (one_in(narrator, 3))
		tell_line(narrator, some_time(narrator, 0, 1500), 1500 * MS, "an error");
	if (one_in(narrator, 4)) {
		at_ns = some_time(narrator, 0, 1500);
		tell_line(narrator, at_ns, at_ns, "an error, again");
	}
}

static void tell_figures(struct narrator *narrator)
{
	int64_t at_ns = some_time(narrator, 0, 300);
	for (int64_t left = draw(narrator, 0, 6); left > 0; left--) {
		tell(narrator,
		    (struct event){ .kind = EVENT_MEMORY,
			.of = "mem",
			.from_ns = at_ns,
			.to_ns = at_ns + pick(narrator, 0, 0, 25) * MS,
			.memory = { .bytes = pick(narrator, 1000, 1000, 1999, 2000, 2001, 3000) } });
		if (one_in(narrator, 2))
			tell(narrator, (struct event){ .kind = EVENT_DESCRIPTORS,
					   .of = "fds",
					   .from_ns = at_ns,
					   .to_ns = at_ns,
					   .descriptors = { .count = draw(narrator, 8, 11) } });
		at_ns += some_time(narrator, 100, 300);
	}
	if (one_in(narrator, 6))
		return;
	int64_t took_ns = pick(narrator, 0, 25, 100, 101, 120, 150) * MS;
	const char *outcome =
	    pick_word(narrator, "answered", "answered", "answered", "answered", "timeout", "refused");
	const char *body = pick_word(narrator, "{\"error\":\"x\"}", "{\"error\":\"y\"}", "{}", "no JSON", "");
	bool answered = strcmp(outcome, "answered") == 0;
	at_ns = some_time(narrator, 200, 1000);
	tell(narrator,
	    (struct event){ .kind = EVENT_RESPONSE,
		.of = "get",
		.from_ns = at_ns,
		.to_ns = at_ns + took_ns,
		.response = { .outcome = outcome,
		    .status = answered ? (int)pick(narrator, 200, 299, 300, 503) : 0,
		    .headers = pick_word(narrator, "", "Retry-After: 30\n", "retry-after:30 \r\nDate: now\n",
			"Retry-After: 3\nRetry-After: 30\n", "Retry-Afterwards: 30\nDate: x\n"),
		    .body = { .bytes = body, .length = strlen(body) },
		    .body_cut = one_in(narrator, 5),
		    .redacted = one_in(narrator, 6),
		    .detail = "" } });
}

/* ---- the host, the harness, the end ---- */

/* As the runner does: of one stretch after the other, and behind it of a service's threads. */
static void tell_stretches_of_lateness(struct narrator *narrator)
{
	bool of_threads = one_in(narrator, 2);
	int64_t end_ns = narrator->end_ns;
	for (int64_t from_ns = 0; from_ns < end_ns; from_ns += 250 * MS) {
		struct event report = { .kind = EVENT_LATENESS,
			.of = "",
			.from_ns = from_ns,
			.to_ns = from_ns + 250 * MS < end_ns ? from_ns + 250 * MS : end_ns,
			.lateness = { .worst_ns = pick(narrator, 0, 0, 0, 1, 11, 25, 200) * MS } };
		tell(narrator, report);
		report.of = "gateway";
		report.lateness.worst_ns = pick(narrator, 0, 0, 1, 25, 100) * MS;
		if (of_threads)
			tell(narrator, report);
	}
}

static void tell_lateness(struct narrator *narrator)
{
	if (one_in(narrator, 3)) {
		tell_stretches_of_lateness(narrator);
		return;
	}
	for (int64_t left = one_in(narrator, 2) ? 0 : draw(narrator, 1, 4); left > 0; left--) {
		int64_t from_ns = some_time(narrator, 0, 1500);
		tell(narrator,
		    (struct event){ .kind = EVENT_LATENESS,
			.of = pick_word(narrator, "", "", "gateway", "agent:gateway"),
			.from_ns = from_ns,
			.to_ns = from_ns + some_time(narrator, 0, 500),
			.lateness = { .worst_ns = pick(narrator, 0, 1, 10, 11, 25, 100, 200, 600) * MS } });
	}
}

static void tell_trouble(struct narrator *narrator)
{
	if (!one_in(narrator, 8))
		return;
	int64_t at_ns = some_time(narrator, 0, 2500);
	tell(narrator, (struct event){ .kind = EVENT_TROUBLE,
			   .of = pick_word(narrator, "", "redis", "gateway", "nobody"),
			   .from_ns = at_ns,
			   .to_ns = at_ns,
			   .trouble = { .what = "something broke", .fatal = one_in(narrator, 4) } });
}

static void tell_end(struct narrator *narrator)
{
	int64_t at_ns = narrator->end_ns + pick(narrator, 0, 0, 25, 100, 500, 1000) * MS;
	const char *reason = pick_word(narrator, "completed", "completed", "completed", "completed",
	    "completed", "wait", "timeout", "interrupted", "trouble");
	if (one_in(narrator, 15))
		return;
	tell(narrator, (struct event){ .kind = EVENT_END,
			   .of = "",
			   .from_ns = at_ns,
			   .to_ns = at_ns,
			   .end = { .reason = reason, .dropped = one_in(narrator, 12) } });
}

/* A trace is written as things come to be known; some of it a little later. */
static void order(struct random_trace *random)
{
	for (size_t i = 2; i < random->trace.event_count; i++) {
		struct event event = random->events[i];
		size_t place = i;
		for (; place > 1 && random->events[place - 1].to_ns > event.to_ns && event.kind != EVENT_END;
		     place--)
			random->events[place] = random->events[place - 1];
		random->events[place] = event;
	}
}

/* Attempts of a watch are counted as they are told. */
static void count_attempts(struct random_trace *random)
{
	for (size_t i = 0; i < random->trace.event_count; i++) {
		struct event *event = &random->events[i];
		if (event->kind != EVENT_ATTEMPT)
			continue;
		event->attempt.number = 1;
		for (size_t k = 0; k < i; k++)
			if (random->events[k].kind == EVENT_ATTEMPT &&
			    strcmp(random->events[k].of, event->of) == 0)
				event->attempt.number++;
	}
}

void refer(struct random_trace *random)
{
	size_t count = random->trace.event_count;
	random->trace.events = random->events;
	random->trace.complete = count > 0 && random->events[count - 1].kind == EVENT_END;
}

void random_trace_make(struct random_trace *random, uint64_t seed, bool of_conduct)
{
	/* Small seeds beside each other are to make worlds far apart. */
	struct narrator narrator = { .random = random, .state = (seed + 1) * 0x9e3779b97f4a7c15U };
	random->trace = (struct trace){ 0 };
	tell(&narrator, (struct event){ .kind = EVENT_WORLD,
			    .of = "",
			    .world = { .version = 1, .speed = 1, .secrets = !one_in(&narrator, 6) } });
	tell_steps(&narrator);
	tell_services(&narrator);
	tell_polls(&narrator);
	tell_attempts(&narrator, "tap");
	if (one_in(&narrator, 2))
		tell_attempts(&narrator, "dial");
	tell_phases(&narrator);
	if (of_conduct) {
		tell_work(&narrator);
		tell_pool(&narrator);
		tell_spread(&narrator);
	}
	tell_lines(&narrator);
	tell_figures(&narrator);
	tell_lateness(&narrator);
	tell_trouble(&narrator);
	tell_end(&narrator);
	order(random);
	count_attempts(random);
	refer(random);
}

#include "run/log_attempts.h"

#include "base/pattern.h"
#include "run/engine_clock.h"

struct log_attempts {
	const struct watch *watch;
	struct pattern *begins, *fails, *succeeds, *lost; /* begins and lost may be NULL */
	int number;
	bool began;
	int64_t began_ns; /* of the attempt under way, when `began` */
	int64_t last_ns;  /* no attempt that ends later began before this */
};

static int compile(struct pattern **ret_pattern, const char *expression, struct err *err)
{
	if (!expression)
		return 0;
	*ret_pattern = pattern_compile(expression, err);
	return *ret_pattern ? 0 : -1;
}

struct log_attempts *log_attempts_new(const struct watch *watch, struct err *err)
{
	struct log_attempts *attempts = xcalloc(1, sizeof(*attempts));
	attempts->watch = watch;
	if (compile(&attempts->begins, watch->begins, err) < 0 ||
	    compile(&attempts->fails, watch->fails, err) < 0 ||
	    compile(&attempts->succeeds, watch->succeeds, err) < 0 ||
	    compile(&attempts->lost, watch->lost, err) < 0) {
		log_attempts_free(attempts);
		return NULL;
	}
	return attempts;
}

void log_attempts_free(struct log_attempts *attempts)
{
	if (!attempts)
		return;
	pattern_free(attempts->begins);
	pattern_free(attempts->fails);
	pattern_free(attempts->succeeds);
	pattern_free(attempts->lost);
	free(attempts);
}

void log_attempts_client_started(struct log_attempts *attempts, int64_t at_ns)
{
	attempts->began = false;
	attempts->last_ns = at_ns;
}

static bool line_matches(struct pattern *pattern, const struct event *line)
{
	return pattern &&
	       pattern_match(pattern, line->log.line.bytes, line->log.line.length) == PATTERN_MATCH;
}

/* When the line was written, at the earliest and at the latest: its own stamp, to a millisecond, where it has
 * one. */
static int64_t earliest_ns(const struct event *line, bool is_stamped)
{
	return is_stamped ? line->from_ns : line->to_ns;
}

static int64_t latest_ns(const struct event *line, bool is_stamped)
{
	int64_t ns = line->from_ns + LINE_STAMP_GRAIN_NS;
	return is_stamped && ns < line->to_ns ? ns : line->to_ns;
}

static void end_attempt(struct log_attempts *attempts, const struct event *line, bool is_stamped,
    const char *outcome, struct event *ret_event)
{
	*ret_event = (struct event){
		.kind = EVENT_ATTEMPT,
		.from_ns = attempts->began ? attempts->began_ns : attempts->last_ns,
		.to_ns = latest_ns(line, is_stamped),
		.of = attempts->watch->name,
		.attempt = { .number = ++attempts->number,
		    .outcome = outcome,
		    .source = "log",
		    .began_known = attempts->began },
	};
	if (ret_event->from_ns > ret_event->to_ns)
		ret_event->from_ns = ret_event->to_ns;
	attempts->began = false;
	attempts->last_ns = ret_event->to_ns;
}

bool log_attempts_feed(
    struct log_attempts *attempts, const struct event *line, bool is_stamped, struct event *ret_event)
{
	int64_t written_ns = earliest_ns(line, is_stamped);
	if (line_matches(attempts->fails, line)) {
		end_attempt(attempts, line, is_stamped, "failed", ret_event);
		return true;
	}
	if (line_matches(attempts->succeeds, line)) {
		end_attempt(attempts, line, is_stamped, "connected", ret_event);
		return true;
	}
	if (line_matches(attempts->lost, line)) {
		/* Stamps are as coarse as an attempt is short: the loss must not come after the attempt it
		 * leads to. */
		*ret_event = (struct event){ .kind = EVENT_LOST,
			.from_ns = written_ns,
			.to_ns = written_ns,
			.of = attempts->watch->name };
		attempts->last_ns = written_ns;
		return true;
	}
	if (line_matches(attempts->begins, line)) {
		attempts->began = true;
		attempts->began_ns = written_ns;
	}
	return false;
}

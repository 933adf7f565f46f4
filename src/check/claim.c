/* claim: what a document promises, compared with what was measured. Reported, never gating. */
#include "check/judge.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static void add_figure(const struct draft *draft, struct interval figure, struct buf *out)
{
	struct interval low = { figure.low, figure.low };
	switch (draft->expectation->kind) {
	case EXPECT_REACH:
	case EXPECT_BACKOFF:
	case EXPECT_RESPOND:
	case EXPECT_AGREES:
	case EXPECT_ENDS:
	case EXPECT_HONEST:
		text_add_interval(out, figure, TEXT_ALONE);
		return;
	case EXPECT_MEMORY:
		text_add_bytes(out, figure.low);
		return;
	case EXPECT_MATCHES:
	case EXPECT_SEQUENCE:
	case EXPECT_NEVER:
	case EXPECT_ALWAYS:
	case EXPECT_DESCRIPTORS:
	case EXPECT_CONNECTIONS:
	case EXPECT_DISCLOSES:
		text_add_count(out, figure.high == INT64_MAX ? low : figure);
		return;
	}
}

static int64_t times_speed(int64_t ns, double speed)
{
	return ns == INT64_MAX ? ns : llround((double)ns * speed);
}

/* A document speaks of its own story: a time that was told `speed` times faster is shown as it would have
 * been, beside what it was. */
static void add_told_time(const struct draft *draft, struct interval figure, double speed, struct buf *out)
{
	struct interval told = { .low = times_speed(figure.low, speed),
		.high = times_speed(figure.high, speed) };
	add_figure(draft, told, out);
	buf_add_string(out, " (");
	add_figure(draft, figure, out);
	buf_addf(out, " at speed %g)", speed);
}

/* Durations that are `real` are not divided by the speed. */
static bool is_told_faster(const struct draft *draft, double speed)
{
	enum expectation_kind kind = draft->expectation->kind;
	const char *words = draft->expectation->claim_text;
	bool is_time = kind == EXPECT_REACH || kind == EXPECT_BACKOFF || kind == EXPECT_RESPOND ||
		       kind == EXPECT_ENDS || kind == EXPECT_HONEST;
	return is_time && speed != 1 && !(words && strstr(words, "real"));
}

enum claim_result claim_compare(const struct draft *draft, double speed, char **ret_text)
{
	const struct range *claim = &draft->expectation->claim;
	struct interval range = { .low = claim->low, .high = claim->high };
	CLEANUP(buf_release) struct buf text = { 0 };
	enum claim_result result = CLAIM_UNKNOWN;
	/* A time that is not bounded above is no figure of the attempt count beside it. */
	bool in_steps = draft->expectation->kind == EXPECT_REACH && draft->expectation->within_ns < 0;
	if (!claim->present)
		return CLAIM_NONE;
	if (draft->has_claimed || (draft->has_measured && !in_steps)) {
		struct interval figure = draft->has_claimed ? draft->claimed : draft->measured;
		if (is_told_faster(draft, speed))
			add_told_time(draft, figure, speed, &text);
		else
			add_figure(draft, figure, &text);
		switch (interval_inside(figure, range)) {
		case ANSWER_YES:
			result = CLAIM_HOLDS;
			break;
		case ANSWER_NO:
			result = CLAIM_DIFFERS;
			break;
		case ANSWER_UNKNOWN:
			break;
		}
	} else {
		buf_add_string(&text, "not measured");
	}
	*ret_text = buf_steal(&text);
	return result;
}

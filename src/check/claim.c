/* claim: what a document promises, compared with what was measured. Reported, never gating. */
#include "check/judge.h"

#include <inttypes.h>

static void add_figure(const struct draft *draft, struct interval figure, struct buf *out)
{
	struct interval low = { figure.low, figure.low };
	switch (draft->expectation->kind) {
	case EXPECT_REACH:
	case EXPECT_BACKOFF:
	case EXPECT_RESPOND:
		text_add_interval(out, figure, TEXT_ALONE);
		return;
	case EXPECT_MEMORY:
		text_add_bytes(out, figure.low);
		return;
	case EXPECT_MATCHES:
	case EXPECT_SEQUENCE:
	case EXPECT_NEVER:
	case EXPECT_ALWAYS:
		text_add_count(out, figure.high == INT64_MAX ? low : figure);
		return;
	}
}

enum claim_result claim_compare(const struct draft *draft, char **ret_text)
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

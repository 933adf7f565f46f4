#include "check/line.h"

enum answer line_matches_pattern(const struct event *line, struct pattern *pattern)
{
	const struct text *text = &line->log.line;
	enum pattern_result result =
	    text->bytes ? pattern_match(pattern, text->bytes, text->length) : PATTERN_NO_MATCH;
	if (result == PATTERN_MATCH)
		return ANSWER_YES;
	return result == PATTERN_LIMIT || line->log.cut ? ANSWER_UNKNOWN : ANSWER_NO;
}

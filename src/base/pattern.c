#define PCRE2_CODE_UNIT_WIDTH 8
#include "base/pattern.h"

#include <pcre2.h>
#include <string.h>

/* Far above what an honest pattern needs on a log line, far below what is felt. */
enum { MATCH_LIMIT = 200000, DEPTH_LIMIT = 1000, HEAP_LIMIT_KIB = 4096 };

struct pattern {
	pcre2_code *code;
	pcre2_match_data *match;
	pcre2_match_context *limits;
	size_t group_count;
};

struct pattern *pattern_compile(const char *expression, struct err *err)
{
	int error;
	PCRE2_SIZE offset;
	pcre2_code *code = pcre2_compile((PCRE2_SPTR)expression, strlen(expression),
	    PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C, &error, &offset, NULL);
	if (!code) {
		char reason[160];
		pcre2_get_error_message(error, (PCRE2_UCHAR *)reason, sizeof(reason));
		err_set(err, ERR_INVALID, "the pattern `%.120s` is not valid at character %zu: %s",
		    expression, (size_t)offset + 1, reason);
		return NULL;
	}
	struct pattern *pattern = xcalloc(1, sizeof(*pattern));
	uint32_t groups = 0;
	pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &groups);
	pattern->code = code;
	pattern->group_count = groups;
	pattern->match = pcre2_match_data_create_from_pattern(code, NULL);
	pattern->limits = pcre2_match_context_create(NULL);
	pcre2_set_match_limit(pattern->limits, MATCH_LIMIT);
	pcre2_set_depth_limit(pattern->limits, DEPTH_LIMIT);
	pcre2_set_heap_limit(pattern->limits, HEAP_LIMIT_KIB);
	return pattern;
}

void pattern_free(struct pattern *pattern)
{
	if (!pattern)
		return;
	pcre2_match_data_free(pattern->match);
	pcre2_match_context_free(pattern->limits);
	pcre2_code_free(pattern->code);
	free(pattern);
}

enum pattern_result pattern_match(struct pattern *pattern, const char *text, size_t length)
{
	int count =
	    pcre2_match(pattern->code, (PCRE2_SPTR)text, length, 0, 0, pattern->match, pattern->limits);
	if (count >= 0)
		return PATTERN_MATCH;
	return count == PCRE2_ERROR_NOMATCH ? PATTERN_NO_MATCH : PATTERN_LIMIT;
}

size_t pattern_group_count(const struct pattern *pattern)
{
	return pattern->group_count;
}

int pattern_group(const struct pattern *pattern, size_t group, size_t *ret_start, size_t *ret_length)
{
	if (group > pattern->group_count)
		return -1;
	const PCRE2_SIZE *offsets = pcre2_get_ovector_pointer(pattern->match);
	if (offsets[2 * group] == PCRE2_UNSET)
		return -1;
	*ret_start = offsets[2 * group];
	*ret_length = offsets[2 * group + 1] - offsets[2 * group];
	return 0;
}

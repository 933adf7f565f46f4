/*
 * testing: short stories for the fold's tests.
 *
 * A story is told in the agent's own lines, shortened: times are milliseconds ("1.5"), `#5001` is the
 * client's socket 10.0.0.2:5001, `@3` is 10.0.0.3:6379 (`@3` to `@5` are addresses of the dependency, `@9` is
 * not), `@v6` is [2001:db8::3]:6379; in an answer, `3` is 10.0.0.3 and `v6` 2001:db8::3. What the fold tells
 * is written down as one line an event, and compared.
 */
#ifndef WIRE_TESTING_H
#define WIRE_TESTING_H

#include "base/buf.h"
#include "base/duration.h"
#include "wire/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define STORY_BEGIN_NS (1000 * NS_PER_MS)

struct story {
	struct fold *fold;
	struct buf told;
};

static inline double in_ms(int64_t at_ns)
{
	return (double)(at_ns - STORY_BEGIN_NS) / (double)NS_PER_MS;
}

/* "1 refused 0..12 look 0.2 x3 @3 #5001 open 1 (detail)": x3 packets, if not 1. */
static inline void write_attempt(struct buf *out, const struct event *event)
{
	buf_addf(out, "%d %s %g..", event->attempt.number, event->attempt.outcome, in_ms(event->from_ns));
	if (event->attempt.ended_after_ns)
		buf_addf(out, "[%g..]", in_ms(event->attempt.ended_after_ns));
	buf_addf(out, "%g", in_ms(event->to_ns));
	if (event->attempt.lookup_ns)
		buf_addf(out, " look %g", (double)event->attempt.lookup_ns / (double)NS_PER_MS);
	if (event->attempt.address && event->attempt.packets != 1)
		buf_addf(out, " x%d", event->attempt.packets);
	if (event->attempt.address)
		buf_addf(out, " %s", event->attempt.address);
	if (event->attempt.connection)
		buf_addf(out, " #%d", event->attempt.connection);
	if (event->attempt.open)
		buf_addf(out, " open %d", event->attempt.open);
	if (event->attempt.detail)
		buf_addf(out, " (%s)", event->attempt.detail);
	buf_add_char(out, '\n');
}

static inline void write_down(void *owner, const struct event *event)
{
	struct story *story = owner;
	if (event->kind == EVENT_ATTEMPT) {
		assert_string_equal(event->attempt.source, "wire");
		assert_true(event->attempt.began_known);
		write_attempt(&story->told, event);
		return;
	}
	assert_int_equal(event->kind, EVENT_LOST);
	buf_addf(&story->told, "lost %g", in_ms(event->from_ns));
	if (event->to_ns != event->from_ns)
		buf_addf(&story->told, "..%g", in_ms(event->to_ns));
	buf_addf(&story->told, " %s %s #%d open %d\n", event->lost.how,
	    event->lost.by ? event->lost.by : "somebody", event->lost.connection, event->lost.open);
}

static inline struct story *story_of(bool speaks, const char *const *addresses, size_t address_count)
{
	static const char *const names[] = { "redis", "cache.example.com" };
	struct fold_target target = { .names = names,
		.name_count = ARRAY_LENGTH(names),
		.addresses = addresses,
		.address_count = address_count,
		.port = 6379,
		.speaks = speaks };
	struct story *story = xcalloc(1, sizeof(*story));
	story->fold = fold_new(&target, write_down, story);
	return story;
}

static inline void expand_address(struct buf *out, const char *word)
{
	if (strcmp(word, "v6") == 0)
		buf_add_string(out, "2001:db8::3");
	else
		buf_addf(out, "10.0.0.%s", word);
}

static inline void expand(struct buf *out, const char *word, size_t place, bool is_answer)
{
	if (place == 1)
		buf_addf(out, "%lld", (long long)(STORY_BEGIN_NS + (int64_t)(strtod(word, NULL) * 1e6)));
	else if (*word == '#')
		buf_addf(out, "10.0.0.2:%s", word + 1);
	else if (strcmp(word, "@v6") == 0)
		buf_add_string(out, "[2001:db8::3]:6379");
	else if (*word == '@')
		buf_addf(out, "10.0.0.%s:6379", word + 1);
	else if (is_answer && place > 6)
		expand_address(out, word);
	else
		buf_add_string(out, word);
}

/* Lines separated by "; ". */
static inline void say(struct story *story, const char *lines)
{
	char *copy OWNED = xstrdup(lines);
	char *next_line = NULL;
	for (char *line = strtok_r(copy, ";", &next_line); line; line = strtok_r(NULL, ";", &next_line)) {
		CLEANUP(buf_release) struct buf full = { 0 };
		char *next_word = NULL;
		bool is_answer = strstr(line, "answer") != NULL;
		size_t place = 0;
		for (char *word = strtok_r(line, " ", &next_word); word;
		     word = strtok_r(NULL, " ", &next_word)) {
			if (place > 0)
				buf_add_char(&full, ' ');
			expand(&full, word, place++, is_answer);
		}
		struct notice notice;
		struct err err = ERR_INIT;
		if (wire_parse(full.bytes, full.length, &notice, &err) < 0)
			fail_msg("%s", err.message);
		fold_feed(story->fold, &notice);
	}
}

static inline void advance(struct story *story, double to_ms)
{
	fold_advance(story->fold, STORY_BEGIN_NS + (int64_t)(to_ms * 1e6));
}

/* What was told since it was asked last. */
static inline void expect_told(struct story *story, const char *expected)
{
	if (strcmp(buf_string(&story->told), expected) != 0)
		fail_msg("told:\n%s\nexpected:\n%s", buf_string(&story->told), expected);
	buf_clear(&story->told);
}

static inline void story_free(struct story *story)
{
	fold_free(story->fold);
	buf_release(&story->told);
	free(story);
}

/* The world ends; what is told then, and what was told and not asked for yet. */
static inline void story_end(struct story *story, double at_ms, const char *expected)
{
	fold_end(story->fold, STORY_BEGIN_NS + (int64_t)(at_ms * 1e6));
	expect_told(story, expected);
	story_free(story);
}

#endif

/* Notices in any order, with any times: no crash, attempts numbered one after the other, intervals that are
 * intervals, and as many connections open as could be. */
#include "wire/wire.h"

#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BYTES_EACH = 5 };

struct seen {
	int number;
};

static void check_event(void *owner, const struct event *event)
{
	struct seen *seen = owner;
	if (event->from_ns < 0 || event->from_ns > event->to_ns)
		BUG("an event ends before it begins");
	if (event->kind == EVENT_LOST) {
		if (!event->lost.how || event->lost.open < 0)
			BUG("a loss that says nothing");
		return;
	}
	if (event->kind != EVENT_ATTEMPT || event->attempt.number != ++seen->number)
		BUG("attempt %d follows %d", event->attempt.number, seen->number);
	int64_t after_ns = event->attempt.ended_after_ns;
	if (!event->attempt.outcome || event->attempt.lookup_ns < 0 || event->attempt.packets < 0 ||
	    event->attempt.open < 0 ||
	    (after_ns != 0 && (after_ns < event->from_ns || after_ns >= event->to_ns)))
		BUG("attempt %d makes no sense", event->attempt.number);
}

static const char *pick(const char *const *words, size_t count, uint8_t byte)
{
	return words[byte % count];
}

static struct notice notice_of(const uint8_t *bytes, int64_t *now_ns)
{
	static const char *const types[] = { "A", "AAAA", "15" };
	static const char *const names[] = { "redis", "redis.lan", "redis.example.com", "other", "" };
	static const char *const rcodes[] = { "noerror", "nxdomain", "servfail", "refused" };
	static const char *const said[] = { "connected", "loading", "denied", "tls", "unknown" };
	static const char *const whos[] = { "client", "server" };
	static const char *const addresses[] = { "10.0.0.3", "10.0.0.4", "2001:db8::3", "10.0.0.9" };
	static const int64_t steps_ns[] = { 0, 1000, 1000000, 4000000, 20000000, 90000000, 2000000000,
		-3000000, -50000000, INT64_MAX / 8 };
	struct notice notice = { .kind = (enum notice_kind)(bytes[0] % (NOTICE_PHASE + 1)) };
	int64_t step_ns = steps_ns[bytes[1] % ARRAY_LENGTH(steps_ns)];
	if (__builtin_add_overflow(*now_ns, step_ns, now_ns))
		*now_ns = INT64_MAX;
	notice.at_ns = *now_ns;
	notice.number = bytes[2] % 3;
	notice.local.port = 1000 + bytes[2] % 16;
	notice.remote.port = bytes[3] & 0x80 ? 5432 : 6379;
	snprintf(notice.local.address, sizeof(notice.local.address), "10.0.0.2");
	snprintf(notice.remote.address, sizeof(notice.remote.address), "%s",
	    pick(addresses, ARRAY_LENGTH(addresses), bytes[3]));
	snprintf(notice.type, sizeof(notice.type), "%s", pick(types, ARRAY_LENGTH(types), bytes[3]));
	snprintf(notice.name, sizeof(notice.name), "%s", pick(names, ARRAY_LENGTH(names), bytes[4]));
	const char *word = notice.kind == NOTICE_ANSWER ? pick(rcodes, ARRAY_LENGTH(rcodes), bytes[4] / 8)
			   : notice.kind == NOTICE_SAID ? pick(said, ARRAY_LENGTH(said), bytes[4])
							: pick(whos, ARRAY_LENGTH(whos), bytes[4]);
	snprintf(notice.word, sizeof(notice.word), "%s", word);
	if (notice.kind == NOTICE_ANSWER)
		for (; notice.address_count < bytes[4] % 4; notice.address_count++)
			snprintf(notice.addresses[notice.address_count], 46, "%s",
			    addresses[notice.address_count]);
	return notice;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "redis", "redis.example.com" };
	static const char *const addresses[] = { "10.0.0.3", "10.0.0.4" };
	if (size == 0)
		return 0;
	struct fold_target target = { .names = names,
		.name_count = ARRAY_LENGTH(names),
		.addresses = addresses,
		.address_count = data[0] % 3,
		.port = 6379,
		.speaks = data[0] & 0x80 };
	struct seen seen = { 0 };
	struct fold *fold = fold_new(&target, check_event, &seen);
	int64_t now_ns = 1;
	int started = 0;
	for (size_t i = 1; i + BYTES_EACH <= size; i += BYTES_EACH) {
		struct notice notice = notice_of(data + i, &now_ns);
		started += notice.kind == NOTICE_SYN;
		fold_feed(fold, &notice);
		if (fold_open(fold) < 0 || fold_open(fold) > started)
			BUG("%d connections are open of %d", fold_open(fold), started);
		if (data[i] & 0x80 && fold_due_ns(fold) < INT64_MAX)
			fold_advance(fold, fold_due_ns(fold));
	}
	fold_end(fold, now_ns);
	if (fold_due_ns(fold) != INT64_MAX)
		BUG("something is left after the end");
	fold_free(fold);
	return 0;
}

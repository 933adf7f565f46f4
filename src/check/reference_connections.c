/* What is said of how many connections are open at once: connections. */
#include "check/reference.h"

enum { CHANGES_MAX = 400 };

/* Something that changes how many are open, or says how many there are. */
struct change {
	const struct event *event;
	struct span at;
	bool is_end; /* of the attempt; else its beginning, or a loss */
};

struct changes {
	struct change items[CHANGES_MAX];
	size_t count;
};

static bool is_one_of(const struct event *attempt, const char *words)
{
	char word[64];
	snprintf(word, sizeof(word), " %s ", attempt->attempt.outcome);
	return strstr(words, word) != NULL;
}

static bool may_connect(const struct event *attempt)
{
	return !is_one_of(attempt, " nxdomain servfail dns-timeout refused timeout unreachable ");
}

static bool is_loss(const struct change *change)
{
	return change->event->kind == EVENT_LOST;
}

static bool is_beginning(const struct change *change)
{
	return !is_loss(change) && !change->is_end;
}

static bool is_turned_away(const struct change *change)
{
	return change->is_end && is_one_of(change->event, " loading denied ");
}

/* How many there are, behind it. A beginning says how many there are beside it. */
static int said_of(const struct change *change)
{
	return is_loss(change) ? change->event->lost.open : change->event->attempt.open;
}

static void gather(const struct facts *facts, const char *watch, struct changes *changes)
{
	changes->count = 0;
	for_each(event, facts)
	{
		bool is_attempt = event->kind == EVENT_ATTEMPT;
		if ((!is_attempt && event->kind != EVENT_LOST) || strcmp(event->of, watch) != 0)
			continue;
		changes->items[changes->count++] = (struct change){ .event = event,
			.at = is_attempt ? (struct span){ event->from_ns, event->from_ns } : span_of(event) };
		if (is_attempt && may_connect(event) && !is_under_way(event))
			changes->items[changes->count++] =
			    (struct change){ .event = event, .at = end_of(event), .is_end = true };
	}
}

/* At the same time ends come first, then losses, then beginnings, then the ends of those that ended at once.
 */
static int place_of(const struct change *change)
{
	bool is_at_once = change->is_end && change->event->from_ns == change->event->to_ns;
	return is_loss(change) ? 1 : is_beginning(change) ? 2 : is_at_once ? 3 : 0;
}

/* Each happened no later than told. */
static bool comes_before(const struct change *a, const struct change *b)
{
	if (a->at.high != b->at.high)
		return a->at.high < b->at.high;
	if (place_of(a) != place_of(b))
		return place_of(a) < place_of(b);
	return a->event < b->event; /* as they were told */
}

/* Of those up to `last` (which may be NULL: none), so many came after `since`; `since` NULL: all of them. */
struct balance {
	int worked; /* came to a connection that works, less those that were lost */
	int ended;  /* without one, or were lost */
	int began;  /* may come to one */
};

static struct balance balance_of(
    const struct changes *changes, const struct change *since, const struct change *last)
{
	struct balance balance = { 0 };
	for (size_t i = 0; i < changes->count && last; i++) {
		const struct change *change = &changes->items[i];
		if (comes_before(last, change) || (since && !comes_before(since, change)))
			continue;
		bool works = change->is_end && has_worked(change->event);
		balance.worked += works - is_loss(change);
		balance.ended += is_loss(change) || (change->is_end && !works && !is_turned_away(change));
		balance.began += is_beginning(change) && may_connect(change->event);
	}
	return balance;
}

/* Those of them that worked and are not told to be lost. */
static int not_lost(const struct changes *changes, const struct change *last)
{
	int count = 0;
	for (size_t i = 0; i < changes->count && last; i++) {
		const struct change *made = &changes->items[i];
		bool is_lost = false;
		if (!made->is_end || !has_worked(made->event) || comes_before(last, made))
			continue;
		for (size_t k = 0; k < changes->count; k++)
			is_lost = is_lost || (is_loss(&changes->items[k]) &&
						 changes->items[k].event->lost.connection ==
						     made->event->attempt.connection &&
						 !comes_before(last, &changes->items[k]));
		count += !is_lost;
	}
	return count;
}

/* Attempts that had begun by then and not ended, and may have a connection or come to one. */
static int under_way_at(const struct changes *changes, const struct change *at)
{
	int under_way = 0;
	for (size_t i = 0; i < changes->count; i++) {
		const struct change *change = &changes->items[i];
		if (!comes_before(change, at))
			continue;
		under_way += is_beginning(change) && may_connect(change->event);
		under_way -= change->is_end;
	}
	return under_way;
}

/* How many are open behind `last`: what is known since the world began, when there was none, and since each
 * time that a figure was said, taken together. */
static struct span open_behind(const struct changes *changes, const struct change *last)
{
	struct balance all = balance_of(changes, NULL, last);
	struct span open = { not_lost(changes, last), all.began - all.ended };
	for (size_t i = 0; i < changes->count && last; i++) {
		const struct change *said = &changes->items[i];
		if (said->is_end || comes_before(last, said))
			continue;
		struct balance since = balance_of(changes, said, last);
		int own = is_beginning(said) && may_connect(said->event);
		int64_t least = said_of(said) + since.worked;
		int64_t most = said_of(said) + own + under_way_at(changes, said) + since.began - since.ended;
		open.low = least < open.low ? least : open.low;
		open.high = most < open.high ? most : open.high;
	}
	open.low = open.low > 0 ? open.low : 0;
	open.high = open.high < open.low ? open.low : open.high;
	return open;
}

/* ---- counts in the window ---- */

struct counts {
	const struct range *range;
	const struct stretch_of_time *stretch;
	bool is_whole; /* of a trace that was cut short, more may have come than was told */
	bool is_wrong, is_doubtful, was_open;
	int64_t wrong_ns;
};

static void add_count(
    struct counts *counts, struct span open, bool is_sure, bool is_possible, int64_t known_ns)
{
	const struct range *range = counts->range;
	if (!is_possible)
		return;
	counts->was_open = counts->was_open || open.high > 0;
	if (is_sure && (open.low > range->high || (open.high < range->low && counts->is_whole))) {
		if (!counts->is_wrong || known_ns < counts->wrong_ns)
			counts->wrong_ns = known_ns;
		counts->is_wrong = true;
	} else if (open.high > range->high || open.low < range->low) {
		counts->is_doubtful = true;
	}
}

static void count_at(struct counts *counts, struct span open, struct span at)
{
	add_count(counts, open, is_inside(counts->stretch, at), is_near(counts->stretch, at), at.high);
}

/* As long as nothing changes. What ends as the window begins, or begins as it ends, is not in it. */
static void count_between(struct counts *counts, struct span open, int64_t from_ns, int64_t to_ns)
{
	const struct stretch_of_time *stretch = counts->stretch;
	bool is_sure =
	    stretch->from.high <= stretch->to.low && to_ns > stretch->from.high && from_ns < stretch->to.low;
	bool is_possible = to_ns > stretch->from.low && from_ns < stretch->to.high;
	add_count(
	    counts, open, is_sure, is_possible, from_ns > stretch->from.high ? from_ns : stretch->from.high);
}

/* The last of all that have surely happened by then; NULL: none. */
static const struct change *last_by(const struct changes *changes, int64_t at_ns)
{
	const struct change *last = NULL;
	for (size_t i = 0; i < changes->count; i++)
		if (changes->items[i].at.high <= at_ns && (!last || comes_before(last, &changes->items[i])))
			last = &changes->items[i];
	return last;
}

/* The end of an attempt that the window begins with: in the window it is over. */
static bool is_behind_window(const struct counts *counts, const struct change *change)
{
	return change->is_end && has_worked(change->event) && change->at.low == counts->stretch->from.low &&
	       change->at.high == counts->stretch->from.high;
}

/* From one point at which anything may happen to the next, in the world in which nothing has happened so far
 * that may have been later. In others there are no more for it, and less for each that may have been lost. */
static void count_stretches(const struct facts *facts, const struct changes *changes, struct counts *counts)
{
	for (int64_t from_ns = 0, to_ns; from_ns < facts->end_ns; from_ns = to_ns) {
		bool is_over = false; /* what the window begins with */
		struct span open = open_behind(changes, last_by(changes, from_ns));
		to_ns = facts->end_ns;
		for (size_t i = 0; i < changes->count; i++) {
			struct span at = changes->items[i].at;
			to_ns = at.low > from_ns && at.low < to_ns ? at.low : to_ns;
			to_ns = at.high > from_ns && at.high < to_ns ? at.high : to_ns;
		}
		for (size_t i = 0; i < changes->count; i++) {
			const struct change *change = &changes->items[i];
			if (change->at.high <= from_ns || change->at.low >= to_ns)
				continue;
			open.low -= is_loss(change);
			is_over = is_over || is_behind_window(counts, change);
		}
		open.low = open.low + is_over > 0 ? open.low + is_over : 0;
		open.high = open.high < open.low ? open.low : open.high;
		count_between(counts, open, from_ns, to_ns);
	}
}

struct opinion opine_connections(const struct facts *facts, const struct expectation *expectation)
{
	static struct changes changes;
	struct stretch_of_time stretch = find_stretch(facts, expectation);
	struct counts counts = {
		.range = &expectation->connections, .stretch = &stretch, .is_whole = *facts->end
	};
	if (stretch.is_empty)
		return opinion(VERDICT_INCONCLUSIVE, 0);
	gather(facts, name_of_watch(facts, expectation->watch), &changes);
	for (size_t i = 0; i < changes.count; i++) {
		const struct change *change = &changes.items[i];
		struct span open = { said_of(change), said_of(change) };
		if (is_turned_away(change)) {
			/* Its own is open now; how long it stays so is not told. */
			open = open_behind(&changes, change);
			open.low++;
			open.high = open.high < open.low ? open.low : open.high;
		} else if (change->is_end) {
			continue;
		}
		count_at(&counts, open, change->at);
		if (is_loss(change))
			count_at(&counts, (struct span){ open.low + 1, open.high + 1 }, change->at);
	}
	count_stretches(facts, &changes, &counts);
	if (counts.is_wrong)
		return (struct opinion){
			.verdict = VERDICT_FAIL, .decided_ns = counts.wrong_ns, .by_absence = true
		};
	bool is_known = counts.was_open && !counts.is_doubtful && stretch.is_over;
	return (struct opinion){ .verdict = is_known ? VERDICT_PASS : VERDICT_INCONCLUSIVE,
		.decided_ns = facts->end_ns,
		.by_absence = true };
}

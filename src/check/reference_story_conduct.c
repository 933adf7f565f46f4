/* Random stories of how a client behaves: work beside its health, a pool, gaps that are drawn by chance. */
#include "check/reference_narrator.h"

/* ---- work ---- */

/* It mostly goes on as it is, long enough for health to lie about it. */
void tell_work(struct narrator *narrator)
{
	static const int statuses[] = { 200, 204, 299, 300, 503, 0, 0 };
	enum { WORKING = 3, REFUSED = 5, HANGS = 6 };
	int64_t at_ns = some_time(narrator, 0, 100), how = draw(narrator, 0, WORKING - 1);
	for (int64_t left = one_in(narrator, 20)  ? 0
			    : one_in(narrator, 2) ? draw(narrator, 30, 50)
						  : draw(narrator, 3, 36);
	     left > 0; left--) {
		if (one_in(narrator, how < WORKING ? 8 : 3))
			how = one_in(narrator, 2) ? draw(narrator, 0, WORKING - 1)
						  : draw(narrator, WORKING, HANGS);
		bool answered = how < REFUSED;
		int64_t took_ns = how == HANGS ? 50 * MS : pick(narrator, 0, 0, 2, 25, 50) * MS;
		tell(narrator, (struct event){ .kind = EVENT_SAMPLE,
				   .of = "work",
				   .from_ns = at_ns,
				   .to_ns = at_ns + took_ns,
				   .sample = { .outcome = answered       ? "answered"
							  : how == HANGS ? "timeout"
									 : "refused",
				       .status = statuses[how],
				       .state = answered       ? "answer"
						: how == HANGS ? "timeout"
							       : "refused",
				       .detail = "" } });
		at_ns += one_in(narrator, 25) ? some_time(narrator, 75, 300) : 50 * MS;
	}
}

/* ---- a pool ---- */

enum { PLACES = 12 };

/* One place of the pool, and what becomes of the connection that is made there. */
struct place {
	struct event attempt;
	int64_t open_ns, shut_ns; /* the network knows of a connection between the two */
	bool is_lost;             /* and the client lost it, which is told */
};

static struct place some_place(struct narrator *narrator, int number, int64_t at_ns)
{
	const char *outcome = pick_word(narrator, "connected", "connected", "accepted", "accepted", "refused",
	    "timeout", "hung", "closed", "loading", "denied", "pending");
	struct place place = { .attempt = { .kind = EVENT_ATTEMPT,
				   .of = "pool",
				   .from_ns = at_ns,
				   .to_ns = at_ns + pick(narrator, 0, 25, 25, 50, 75, 100, 200) * MS,
				   .attempt = { .number = number,
				       .outcome = outcome,
				       .source = "wire",
				       .began_known = true,
				       .packets = 1,
				       .connection = number,
				       .detail = "" } } };
	struct event *attempt = &place.attempt;
	bool works = strcmp(outcome, "connected") == 0 || strcmp(outcome, "accepted") == 0;
	bool is_turned_away = strcmp(outcome, "loading") == 0 || strcmp(outcome, "denied") == 0;
	bool never_opens = strcmp(outcome, "refused") == 0 || strcmp(outcome, "timeout") == 0;
	bool is_pending = strcmp(outcome, "pending") == 0;
	/* An attempt that was given up shows it only later. */
	int64_t ended_ns = draw(narrator, at_ns / MS / 25, attempt->to_ns / MS / 25) * 25 * MS;
	if (one_in(narrator, 3) && !is_pending && ended_ns > 0)
		attempt->attempt.ended_after_ns = ended_ns;
	else
		ended_ns = attempt->to_ns;
	place.open_ns =
	    never_opens ? INT64_MAX : draw(narrator, at_ns / MS / 25, ended_ns / MS / 25) * 25 * MS;
	place.shut_ns = is_pending ? INT64_MAX : attempt->to_ns;
	if (works || is_turned_away)
		place.shut_ns =
		    one_in(narrator, 2) ? INT64_MAX : attempt->to_ns + some_time(narrator, 25, 600);
	place.is_lost = works && place.shut_ns < INT64_MAX;
	return place;
}

/* As an attempt begins, or when a connection is lost: at the same time ends come first, then losses. */
static int count_open(
    const struct place *places, size_t count, const struct place *except, int64_t at_ns, bool is_loss)
{
	int open = 0;
	for (size_t i = 0; i < count; i++) {
		const struct place *place = &places[i];
		bool is_made =
		    place->open_ns < at_ns || (place->open_ns == at_ns && place->attempt.from_ns < at_ns);
		/* One of those that are lost at the same time is the first. */
		bool is_shut = place->shut_ns < at_ns ||
			       (place->shut_ns == at_ns && !(place > except && place->is_lost && is_loss));
		open += place != except && is_made && !is_shut;
	}
	return open;
}

/* Now and then a loss is not told, although what is open is. */
void tell_pool(struct narrator *narrator)
{
	struct place places[PLACES];
	size_t count = (size_t)draw(narrator, 0, PLACES);
	int64_t at_ns = some_time(narrator, 0, 200);
	for (size_t i = 0; i < count; i++) {
		places[i] = some_place(narrator, (int)i + 1, at_ns);
		at_ns += some_time(narrator, 0, one_in(narrator, 3) ? 400 : 75);
	}
	for (size_t i = 0; i < count; i++) {
		struct event attempt = places[i].attempt;
		attempt.attempt.open = count_open(places, count, &places[i], attempt.from_ns, false);
		tell(narrator, attempt);
	}
	for (size_t i = 0; i < count; i++) {
		int64_t lost_ns = places[i].shut_ns;
		if (places[i].is_lost && !one_in(narrator, 15))
			tell(narrator,
			    (struct event){ .kind = EVENT_LOST,
				.of = "pool",
				.from_ns =
				    one_in(narrator, 4) && lost_ns >= 25 * MS ? lost_ns - 25 * MS : lost_ns,
				.to_ns = lost_ns,
				.lost = { .how = "closed",
				    .by = "server",
				    .connection = (int)i + 1,
				    .open = count_open(places, count, &places[i], lost_ns, true) } });
	}
}

/* ---- gaps that are drawn ---- */

/* Of a schedule of 100 ms, doubled up to 400 ms, drawn from the half of each to the whole: by chance, always
 * the same share, or nearly so. */
void tell_spread(struct narrator *narrator)
{
	int64_t at_ns = some_time(narrator, 0, 100), delay_ns = 100 * MS;
	int64_t percent = draw(narrator, 50, 100), how = draw(narrator, 0, 6);
	int count = (int)draw(narrator, 0, 18);
	for (int number = 1; number <= count; number++) {
		int64_t took_ns = pick(narrator, 0, 0, 5, 25) * MS;
		bool works = number == count ? !one_in(narrator, 4) : one_in(narrator, 30),
		     is_vague = one_in(narrator, 6) && took_ns > 0;
		int64_t ended_ns = at_ns + took_ns;
		tell(narrator, (struct event){ .kind = EVENT_ATTEMPT,
				   .of = "spread",
				   .from_ns = at_ns,
				   .to_ns = ended_ns,
				   .attempt = { .number = number,
				       .outcome = works         ? "connected"
						  : took_ns > 0 ? "timeout"
								: "refused",
				       .source = "wire",
				       .began_known = true,
				       .packets = 1,
				       .ended_after_ns = is_vague && !works && at_ns > 0 ? at_ns : 0,
				       .connection = works ? number : 0,
				       .detail = "" } });
		if (how <= 3)
			percent = draw(narrator, 50, 100);
		int64_t gap_ns = delay_ns / 100 * percent;
		if (how == 4)
			gap_ns += draw(narrator, -4, 4) * MS;
		if (one_in(narrator, 100))
			gap_ns = some_time(narrator, 0, 600);
		/* When it really ended, nobody knows; two at once would be two connections. */
		at_ns = ended_ns - (is_vague && !works ? took_ns / 2 : 0) + gap_ns;
		at_ns = at_ns > ended_ns ? at_ns : ended_ns;
		delay_ns = delay_ns < 400 * MS ? 2 * delay_ns : delay_ns;
		if (!works)
			continue;
		if (one_in(narrator, 2))
			return;
		if (number == count)
			return;
		at_ns = ended_ns + some_time(narrator, 25, 100);
		tell(narrator, (struct event){ .kind = EVENT_LOST,
				   .of = "spread",
				   .from_ns = at_ns,
				   .to_ns = at_ns,
				   .lost = { .how = "reset", .by = "server", .connection = number } });
		delay_ns = 100 * MS;
	}
}

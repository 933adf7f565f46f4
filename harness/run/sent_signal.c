#include "run/sent_signal.h"

#include "base/duration.h"
#include "base/number.h"

#include <signal.h>
#include <string.h>

/* What dies of a signal dies at once; the engine tells of it within this. */
static const int64_t TOLD_NS = NS_PER_S;

static const char *without_prefix(const char *name)
{
	return strncasecmp(name, "SIG", 3) == 0 ? name + 3 : name;
}

/* "SIGTERM", "term" or "15", as the engine takes it; 0 if it is none of those that have a name. */
static int signal_number(const char *name)
{
	int64_t number;
	if (number_parse(name, 1, NSIG - 1, &number) == 0)
		return (int)number;
	for (int i = 1; i < NSIG; i++) {
		const char *known = sigabbrev_np(i);
		if (known && strcasecmp(known, without_prefix(name)) == 0)
			return i;
	}
	return 0;
}

bool signal_is_deadly(const char *name)
{
	return signal_number(name) == SIGKILL;
}

static bool asks_to_end(const char *name, const char *stop_signal)
{
	int number = signal_number(name);
	return number == SIGTERM || number == SIGINT || number == SIGQUIT ||
	       (stop_signal && number && number != SIGKILL && number == signal_number(stop_signal));
}

void sent_signal_begin(
    struct sent_signal *sent, const char *name, const char *stop_signal, int64_t grace_ns, int64_t now_ns)
{
	bool asks = asks_to_end(name, stop_signal);
	if (!asks && sent->grace_ns && now_ns < sent->until_ns)
		return;
	int number = signal_number(name);
	*sent = (struct sent_signal){
		.sent_ns = now_ns,
		.until_ns = INT64_MAX,
		.grace_ns = !asks                ? 0
			    : grace_ns > TOLD_NS ? grace_ns
						 : TOLD_NS,
		.exit_status = number ? 128 + number : 0,
	};
}

void sent_signal_finish(struct sent_signal *sent, int64_t now_ns)
{
	if (sent->has_ended_it)
		*sent = (struct sent_signal){ 0 };
	else if (sent->until_ns == INT64_MAX)
		sent->until_ns = now_ns + (sent->grace_ns ? sent->grace_ns : TOLD_NS);
}

bool sent_signal_explains(const struct sent_signal *sent, int exit_status, int64_t at_ns)
{
	if (sent->until_ns == 0 || at_ns > sent->until_ns)
		return false;
	return sent->grace_ns || exit_status < 0 || exit_status == sent->exit_status;
}

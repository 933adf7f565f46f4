#include "agent/lateness.h"
#include "agent/output.h"
#include "agent/reactor.h"

#define TICK_NS INT64_C(50000000)
#define REPORT_NS INT64_C(250000000)
#define WORTH_SAYING_NS INT64_C(2000000)

static int64_t worst_ns, report_due_ns;

static void report(int64_t now)
{
	if (worst_ns > WORTH_SAYING_NS) {
		struct line line = { 0 };
		line_text(&line, "late");
		line_number(&line, now);
		line_number(&line, worst_ns);
		line_send(&line);
	}
	worst_ns = 0;
	report_due_ns = now + REPORT_NS;
}

static void tick(struct timeout *timeout)
{
	int64_t now = now_ns();
	if (now - timeout->due_ns > worst_ns)
		worst_ns = now - timeout->due_ns;
	if (now >= report_due_ns)
		report(now);
	timeout_set(timeout, now + TICK_NS);
}

static struct timeout ticks = { .fire = tick };

void lateness_begin(void)
{
	if (ticks.active)
		return;
	int64_t now = now_ns();
	worst_ns = 0;
	report_due_ns = now + REPORT_NS;
	timeout_set(&ticks, now + TICK_NS);
}

#include "run/phase_command.h"

#include "base/duration.h"

#include <inttypes.h>
#include <string.h>

static long long microseconds(int64_t ns)
{
	return (long long)(ns / NS_PER_US);
}

/* Bytes that would end a field, as %XX. */
static void add_escaped(struct buf *line, const char *text)
{
	for (; *text; text++) {
		unsigned char byte = (unsigned char)*text;
		if (byte > ' ' && byte < 0x7f && byte != '%')
			buf_add(line, text, 1);
		else
			buf_addf(line, "%%%02X", byte);
	}
}

static void add_spoken(struct buf *line, const struct service *service, const struct phase_step *step)
{
	buf_addf(line, " protocol=%s", service->protocol);
	if (!step->say)
		return;
	buf_add_string(line, " say=");
	add_escaped(line, step->say);
}

static void add_delays(struct buf *line, const struct phase_step *step, int64_t seed)
{
	buf_addf(line, " latency=%lld jitter=%lld close=%lld", microseconds(step->latency_ns),
	    microseconds(step->jitter_ns), microseconds(step->close_ns));
	if (step->bandwidth)
		buf_addf(line, " bandwidth=%" PRId64, step->bandwidth);
	if (step->jitter_ns)
		buf_addf(line, " seed=%" PRId64, seed);
}

static void add_step(
    struct buf *line, const struct service *service, const struct phase_step *step, int64_t seed)
{
	buf_addf(line, " %s", phase_names[step->phase]);
	switch (step->phase) {
	case PHASE_CLOSING:
		buf_addf(line, " how=%s", step->reset ? "reset" : "fin");
		break;
	case PHASE_LOADING:
	case PHASE_DENIED:
		add_spoken(line, service, step);
		break;
	case PHASE_SLOW:
		add_delays(line, step, seed);
		break;
	case PHASE_ABSENT:
	case PHASE_UNRESOLVABLE:
		BUG("phase `%s` is not a gate's", phase_names[step->phase]);
	case PHASE_UNREACHABLE:
	case PHASE_REFUSED:
	case PHASE_HUNG:
	case PHASE_READY:
		break;
	}
	if (step->attempts)
		buf_addf(line, " attempts=%d", step->attempts);
	if (step->for_ns)
		buf_addf(line, " for=%lld", microseconds(step->for_ns));
}

void phase_gate_command(struct buf *line, const struct service *service, const struct phase_step *steps,
    size_t count, int64_t seed)
{
	buf_addf(line, "gate %d", service->protocol_port);
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buf_add_string(line, " then");
		add_step(line, service, &steps[i], seed);
	}
}

void phase_resolve_command(
    struct buf *line, const char *name, const struct phase_step *step, const char *nobody)
{
	buf_addf(line, "resolve %s ", name);
	if (!step) {
		buf_add_string(line, "answer");
		return;
	}
	if (step->phase == PHASE_ABSENT) {
		buf_add_string(line, "nxdomain");
	} else {
		switch (step->unresolvable) {
		case UNRESOLVABLE_SERVFAIL:
			buf_add_string(line, "servfail");
			break;
		case UNRESOLVABLE_SILENT:
			buf_add_string(line, "silent");
			break;
		case UNRESOLVABLE_LATE:
			buf_addf(line, "late %lld", (long long)(step->late_ns / NS_PER_MS));
			break;
		case UNRESOLVABLE_STALE:
			buf_addf(line, "stale %s", step->stale ? step->stale : nobody);
			break;
		}
	}
	if (step->attempts)
		buf_addf(line, " attempts=%d stays", step->attempts);
}

const char *phase_made(const struct phase_step *step)
{
	switch (step->phase) {
	case PHASE_ABSENT:
	case PHASE_UNRESOLVABLE:
		return "names";
	case PHASE_LOADING:
	case PHASE_DENIED:
		return "spoken";
	case PHASE_UNREACHABLE:
	case PHASE_REFUSED:
	case PHASE_HUNG:
	case PHASE_CLOSING:
	case PHASE_SLOW:
	case PHASE_READY:
		return "gate";
	}
	BUG("phase %d", (int)step->phase);
}

static void add_delay(struct buf *out, const char *what, int64_t ns)
{
	char text[DURATION_TEXT_MAX];
	if (ns > 0)
		buf_addf(out, "%s%s %s", out->length ? ", " : "", what, duration_format(ns, text));
}

static void describe_resolution(struct buf *out, const struct phase_step *step)
{
	char text[DURATION_TEXT_MAX];
	switch (step->unresolvable) {
	case UNRESOLVABLE_SERVFAIL:
		buf_add_string(out, "servfail");
		return;
	case UNRESOLVABLE_SILENT:
		buf_add_string(out, "silent");
		return;
	case UNRESOLVABLE_LATE:
		buf_addf(out, "%s late", duration_format(step->late_ns, text));
		return;
	case UNRESOLVABLE_STALE:
		buf_add_string(out, "a stale address");
		return;
	}
}

void phase_describe(struct buf *out, const struct phase_step *step)
{
	if (step->phase == PHASE_UNRESOLVABLE)
		describe_resolution(out, step);
	if (step->phase == PHASE_CLOSING && step->reset)
		buf_add_string(out, "by reset");
	if (step->say)
		buf_add_string(out, step->say);
	add_delay(out, "latency", step->latency_ns);
	add_delay(out, "jitter", step->jitter_ns);
	add_delay(out, "close", step->close_ns);
	if (step->bandwidth)
		buf_addf(out, "%s%" PRId64 " bytes/s", out->length ? ", " : "", step->bandwidth);
}

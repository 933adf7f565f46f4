/* `phases:` of a scenario and the step `phase`: what dependencies look like, one phase after the other. */
#include "base/duration.h"
#include "plan/nearest.h"
#include "plan/references.h"
#include "plan/scalars.h"

#include <arpa/inet.h>
#include <string.h>

const char *const phase_names[] = {
	[PHASE_ABSENT] = "absent",
	[PHASE_UNRESOLVABLE] = "unresolvable",
	[PHASE_UNREACHABLE] = "unreachable",
	[PHASE_REFUSED] = "refused",
	[PHASE_HUNG] = "hung",
	[PHASE_CLOSING] = "closing",
	[PHASE_LOADING] = "loading",
	[PHASE_DENIED] = "denied",
	[PHASE_SLOW] = "slow",
	[PHASE_READY] = "ready",
};

bool phase_find(const char *name, enum phase *ret_phase)
{
	for (size_t i = 0; i < ARRAY_LENGTH(phase_names); i++) {
		if (strcmp(phase_names[i], name) != 0)
			continue;
		*ret_phase = (enum phase)i;
		return true;
	}
	return false;
}

bool phase_is_probed(enum phase phase)
{
	return phase != PHASE_ABSENT && phase != PHASE_UNRESOLVABLE && phase != PHASE_SLOW;
}

static bool is_made_by(const struct phase_script *scripts, size_t count, size_t service, enum phase phase)
{
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; scripts[i].service == service && j < scripts[i].step_count; j++)
			if (scripts[i].steps[j].phase == phase)
				return true;
	return false;
}

bool phase_is_made(const struct reader *reader, size_t service, enum phase phase)
{
	const struct plan *plan = reader->plan;
	bool made = is_made_by(plan->phases, plan->phase_count, service, phase);
	for (size_t i = 0; i < reader->current && !made; i++)
		made = is_made_by(plan->steps[i].scripts, plan->steps[i].script_count, service, phase);
	return made;
}

void phase_scripts_release(struct phase_script *scripts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < scripts[i].step_count; j++) {
			free(scripts[i].steps[j].stale);
			free(scripts[i].steps[j].say);
		}
		free(scripts[i].steps);
	}
	free(scripts);
}

/* ---- parameters: `into` is the struct phase_step ---- */

static int read_nothing(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	const struct phase_step *step = into;
	if (node->kind == NODE_NULL)
		return 0;
	return refuse(reader, node, err, "`%s` takes no parameters", phase_names[step->phase]);
}

/* The agent counts up to a day. */
static int check_day(struct reader *reader, const struct node *node, int64_t ns, struct err *err)
{
	return ns <= 24 * 3600 * NS_PER_S
		   ? 0
		   : refuse(reader, node, err, "`%s` is longer than a day at this speed", SHOW(node->text));
}

/* int64_t: a delay, which may be none */
static int read_delay(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	return read_duration(reader, node, into, err) < 0 ? -1
							  : check_day(reader, node, *(int64_t *)into, err);
}

/* int64_t */
static int read_time(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	return read_period(reader, node, into, err) < 0 ? -1 : check_day(reader, node, *(int64_t *)into, err);
}

static int read_stale(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct phase_step *step = into;
	unsigned char address[sizeof(struct in6_addr)];
	if (read_text(reader, node, &step->stale, err) < 0)
		return -1;
	step->unresolvable = UNRESOLVABLE_STALE;
	if (inet_pton(AF_INET, step->stale, address) != 1 && inet_pton(AF_INET6, step->stale, address) != 1)
		return refuse(reader, node, err, "`%s` is not an address, as in 192.0.2.1 or 2001:db8::1",
		    SHOW(step->stale));
	return 0;
}

static int read_late(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct phase_step *step = into;
	step->unresolvable = UNRESOLVABLE_LATE;
	return read_time(reader, node, &step->late_ns, err);
}

/* servfail, silent, stale, { late: 2s } or { stale: 192.0.2.1 } */
static int read_unresolvable(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	static const struct field fields[] = {
		{ .key = "late", .read = read_late },
		{ .key = "stale", .read = read_stale },
	};
	static const struct {
		const char *name;
		enum unresolvable how;
	} hows[] = { { "servfail", UNRESOLVABLE_SERVFAIL }, { "silent", UNRESOLVABLE_SILENT },
		{ "stale", UNRESOLVABLE_STALE } };
	struct phase_step *step = into;
	if (node->kind == NODE_NULL)
		return 0;
	if (node->kind == NODE_MAPPING && node->entry_count != 1)
		return refuse(reader, node, err,
		    "a name is unresolvable in one way: `late` or `stale` is the one key here");
	if (node->kind == NODE_MAPPING)
		return fields_read(reader, node, "`unresolvable`", fields, ARRAY_LENGTH(fields), step, err);
	const char *text = scalar_text(reader, node, "servfail, silent, stale or { late: 2s }", err);
	if (!text)
		return -1;
	struct nearest nearest = nearest_to(text);
	for (size_t i = 0; i < ARRAY_LENGTH(hows); i++) {
		nearest_offer(&nearest, hows[i].name);
		if (strcmp(hows[i].name, text) != 0)
			continue;
		step->unresolvable = hows[i].how;
		return 0;
	}
	if (strcmp(text, "late") == 0)
		return refuse(reader, node, err, "how late? Write { unresolvable: { late: 2s } }");
	char *hint OWNED = suggest(&nearest);
	return refuse(reader, node, err, "a name cannot be unresolvable by `%s`%s", SHOW(text),
	    hint[0] ? hint : "; ways are servfail, silent, stale and { late: 2s }");
}

static int read_closing(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct phase_step *step = into;
	if (node->kind == NODE_NULL)
		return 0;
	const char *text = scalar_text(reader, node, "fin or reset", err);
	if (!text)
		return -1;
	step->reset = strcmp(text, "reset") == 0;
	if (!step->reset && strcmp(text, "fin") != 0)
		return refuse(
		    reader, node, err, "a connection is closed by fin or reset, not by `%s`", SHOW(text));
	return 0;
}

/* Its words are for read_element(), which knows the service. */
static int read_say(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	(void)into;
	return node->kind == NODE_NULL ? 0 : scalar_text(reader, node, "what the server says", err) ? 0 : -1;
}

static const int64_t BANDWIDTH_MAX = INT64_C(100000000000);

static int read_bandwidth(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct phase_step *step = into;
	if (read_bytes(reader, node, &step->bandwidth, err) < 0)
		return -1;
	if (step->bandwidth < 1)
		return refuse(reader, node, err,
		    "`%s` a second lets nothing through; the phase for that is `hung`", SHOW(node->text));
	if (step->bandwidth > BANDWIDTH_MAX)
		return refuse(reader, node, err,
		    "`%s` a second is more than any network gives; write less than 100GB, as in 1MB",
		    SHOW(node->text));
	return 0;
}

#define AT(member) .offset = offsetof(struct phase_step, member)

static int read_slow(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	static const struct field fields[] = {
		{ .key = "latency", .read = read_delay, AT(latency_ns) },
		{ .key = "jitter", .read = read_delay, AT(jitter_ns) },
		{ .key = "bandwidth", .read = read_bandwidth },
		{ .key = "close", .read = read_delay, AT(close_ns) },
	};
	if (node->kind == NODE_NULL || (node->kind == NODE_MAPPING && node->entry_count == 0))
		return refuse(reader, node, err,
		    "`slow` needs at least one of `latency`, `jitter`, `bandwidth` and `close`, as in "
		    "{ slow: { latency: 100ms } }");
	return fields_read(reader, node, "`slow`", fields, ARRAY_LENGTH(fields), into, err);
}

static field_read *const parameters[] = {
	[PHASE_ABSENT] = read_nothing,
	[PHASE_UNRESOLVABLE] = read_unresolvable,
	[PHASE_UNREACHABLE] = read_nothing,
	[PHASE_REFUSED] = read_nothing,
	[PHASE_HUNG] = read_nothing,
	[PHASE_CLOSING] = read_closing,
	[PHASE_LOADING] = read_say,
	[PHASE_DENIED] = read_say,
	[PHASE_SLOW] = read_slow,
	[PHASE_READY] = read_nothing,
};

/* ---- one phase ---- */

static const struct choice choice = {
	.in = "a phase",
	.one = "a service looks one way at a time",
	.needs = "this map needs the name of a phase",
	.keys = phase_names,
	.stride = sizeof(phase_names[0]),
	.count = ARRAY_LENGTH(phase_names),
};

/* "refused" */
static int read_phase_name(
    struct reader *reader, const struct node *node, struct phase_step *step, struct err *err)
{
	const char *text = scalar_text(reader, node, "a phase, as in refused,", err);
	if (!text)
		return -1;
	if (phase_find(text, &step->phase)) {
		/* As { refused: }: with nothing said of it. */
		const struct node nothing = { .kind = NODE_NULL, .position = node->position };
		return parameters[step->phase](reader, &nothing, step, err);
	}
	struct nearest nearest = nearest_to(text);
	for (size_t i = 0; i < ARRAY_LENGTH(phase_names); i++)
		nearest_offer(&nearest, phase_names[i]);
	char *hint OWNED = suggest(&nearest);
	return refuse(reader, node, err, "`%s` is not a phase%s", SHOW(text),
	    hint[0] ? hint
		    : "; phases are absent, unresolvable, unreachable, refused, hung, closing, loading, "
		      "denied, slow and ready");
}

/* { refused, attempts: 3 } */
static int read_phase_map(
    struct reader *reader, const struct node *node, struct phase_step *step, struct err *err)
{
	int phase = choice_find(reader, node, &choice, err);
	if (phase < 0)
		return -1;
	step->phase = (enum phase)phase;
	const struct field fields[] = {
		{ .key = phase_names[phase], .read = parameters[phase] },
		{ .key = "attempts", .read = read_count, AT(attempts) },
		{ .key = "for", .read = read_time, AT(for_ns) },
	};
	if (fields_read(reader, node, "a phase", fields, ARRAY_LENGTH(fields), step, err) < 0)
		return -1;
	if (step->attempts && step->for_ns)
		return refuse(reader, node_get(node, "for"), err,
		    "a phase is over after `attempts` or after `for`; this one has both");
	return 0;
}

/* Is there something of this service that can be made to look so? */
static int check_fits(struct reader *reader, const struct node *node, const struct service *service,
    enum phase phase, struct err *err)
{
	if (phase == PHASE_ABSENT || phase == PHASE_UNRESOLVABLE)
		return 0;
	if (!service->protocol || service->protocol_port == 0)
		return refuse(reader, node, err,
		    "`%s` is of a port, and that of `%s` is not known: its image `%s` says none; give the "
		    "service `x-falsestart: { protocol: tcp, port: … }`",
		    phase_names[phase], service->name, SHOW(service->image));
	if (phase != PHASE_LOADING && phase != PHASE_DENIED)
		return 0;
	if (strcmp(service->protocol, "redis") == 0 || strcmp(service->protocol, "postgres") == 0)
		return 0;
	return refuse(reader, node, err, "`%s` is an answer of redis or postgres; `%s` speaks %s",
	    phase_names[phase], service->name, service->protocol);
}

static int read_element(struct reader *reader, const struct node *node, const struct service *service,
    struct phase_step *step, struct err *err)
{
	step->position = node->position;
	bool map = node->kind == NODE_MAPPING;
	if ((map ? read_phase_map : read_phase_name)(reader, node, step, err) < 0 ||
	    check_fits(reader, node, service, step->phase, err) < 0)
		return -1;
	bool says = step->phase == PHASE_LOADING || step->phase == PHASE_DENIED;
	const struct node *words = map && says ? node_get(node, phase_names[step->phase]) : NULL;
	if (!words || words->kind == NODE_NULL)
		return 0;
	return read_words(reader, words, service, step->phase, &step->say, err);
}

/* ---- scripts ---- */

/* Each phase but the last must come to an end, or none behind it is ever seen. */
static int check_limit(
    struct reader *reader, const struct node *node, const struct phase_step *step, bool last, struct err *err)
{
	bool limited = step->attempts || step->for_ns;
	if (last && limited)
		return refuse(reader, node, err,
		    "the last phase lasts: `%s` needs a phase behind this one, as in "
		    "[{ refused, attempts: 3 }, ready]",
		    step->attempts ? "attempts" : "for");
	if (!last && !limited)
		return refuse(reader, node, err,
		    "`%s` would last for ever, so that what is behind it never comes; give it `attempts` or "
		    "`for`",
		    phase_names[step->phase]);
	return 0;
}

static int read_script(
    struct reader *reader, const struct node *node, struct phase_script *script, struct err *err)
{
	const struct service *service = &reader->plan->stack->services[script->service];
	bool list = node->kind == NODE_SEQUENCE;
	size_t count = list ? node->item_count : 1;
	if (count == 0)
		return refuse(reader, node, err, "this script has no phase; write `ready` for none");
	if (count > PHASE_STEPS_MAX)
		return refuse(reader, node->items[PHASE_STEPS_MAX], err, "a script has at most %d phases",
		    PHASE_STEPS_MAX);
	for (size_t i = 0; i < count; i++) {
		const struct node *item = list ? node->items[i] : node;
		struct phase_step *step = array_push(script->steps, script->step_count);
		if (read_element(reader, item, service, step, err) < 0 ||
		    check_limit(reader, item, step, i + 1 == count, err) < 0)
			return -1;
	}
	return 0;
}

/* A map of services to scripts. */
static int read_scripts(struct reader *reader, const struct node *node, struct phase_script **scripts,
    size_t *count, struct err *err)
{
	if (node->kind != NODE_MAPPING)
		return refuse_kind(
		    reader, node, err, "a map of services to phases, as in { redis: refused },");
	if (node->entry_count == 0)
		return refuse(reader, node, err, "this map of services to phases is empty");
	for (size_t i = 0; i < node->entry_count; i++) {
		const struct node *key = node->entries[i].key;
		struct phase_script *script = array_push(*scripts, *count);
		script->position = key->position;
		if (resolve_service(reader, key, &script->service, err) < 0)
			return -1;
		if (script->service == reader->plan->subject)
			return refuse(reader, key, err,
			    "`%s` is the subject; phases are what its dependencies look like to it",
			    key->text);
		if (read_script(reader, node->entries[i].value, script, err) < 0)
			return -1;
	}
	return 0;
}

int read_phases(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct plan *plan = into;
	return read_scripts(reader, node, &plan->phases, &plan->phase_count, err);
}

int read_step_phases(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct step *step = into;
	return read_scripts(reader, node, &step->scripts, &step->script_count, err);
}

/*
 * The table of a port. Its chains:
 *
 *   arriving  every packet; a SYN for the port goes to `steps`
 *   steps     which step of the script does this connection meet? The first whose set has room
 *   meet-N    what step N does with it: drop it, hand it over to the agent's listener, or mark it
 *   input     resets what is marked refused, and treats what was open before the phase
 *   open      packets of connections, not SYNs: whose are left alone, and what the phase does to the others
 *   output    silences what was open before the phase
 *
 * Packets on loopback meet nothing: a health check inside of the container sees the real server.
 */
#include "agent/gate_private.h"
#include "agent/nft.h"

#include <netinet/in.h>
#include <string.h>

/* Behind connection tracking (-200), which the marks of connections need. */
#define PRIORITY_ARRIVING (-150)
#define PRIORITY_FILTER 0

bool gate_phase_listens(enum gate_phase phase)
{
	switch (phase) {
	case GATE_HUNG:
	case GATE_CLOSING:
	case GATE_LOADING:
	case GATE_DENIED:
	case GATE_SLOW:
		return true;
	case GATE_UNREACHABLE:
	case GATE_REFUSED:
	case GATE_READY:
		return false;
	}
	return false;
}

bool gate_phase_resets(enum gate_phase phase)
{
	return phase == GATE_REFUSED || phase == GATE_CLOSING || phase == GATE_LOADING ||
	       phase == GATE_DENIED;
}

bool gate_phase_silences(enum gate_phase phase)
{
	return phase == GATE_UNREACHABLE || phase == GATE_HUNG;
}

bool gate_step_is_over(const struct script *script, const struct listener *listener)
{
	if (listener->generation != script->generation)
		return true;
	return listener->index < script->current && !script->was_counted_out[listener->index];
}

static uint32_t mark_of(const struct script *script, int index)
{
	return STEP_MARK_OF(script->generation, index);
}

/* "WORD-12" */
struct name {
	char text[BELL_NAME_BYTES];
};
static struct name numbered(const char *word, int index)
{
	struct name name = { 0 };
	size_t length = strlen(word);
	memcpy(name.text, word, length);
	if (index > 9)
		name.text[length++] = (char)('0' + index / 10);
	name.text[length] = (char)('0' + index % 10);
	return name;
}

/* The connections a step has met: all but the last, and the last, which rings. */
static struct name first_set(int index)
{
	return numbered("first-", index);
}
static struct name last_set(int index)
{
	return numbered("last-", index);
}
static struct name meeting(int index)
{
	return numbered("meet-", index);
}

static void add_objects(const struct nft *nft, const struct script *script)
{
	nft_chain_hooked(nft, "arriving", "filter", HOOK_PREROUTING, PRIORITY_ARRIVING);
	nft_chain_hooked(nft, "input", "filter", HOOK_INPUT, PRIORITY_FILTER);
	nft_chain_hooked(nft, "output", "filter", HOOK_OUTPUT, PRIORITY_FILTER);
	nft_chain(nft, "steps");
	nft_chain(nft, "open");
	for (int i = 0; i < script->count; i++) {
		nft_chain(nft, meeting(i).text);
		if (!script->steps[i].attempts)
			continue;
		if (script->steps[i].attempts > 1)
			nft_set(nft, first_set(i).text, (uint32_t)script->steps[i].attempts - 1);
		nft_set(nft, last_set(i).text, 1);
		char bell[BELL_NAME_BYTES];
		gate_bell_name(bell, script->generation, i);
		nft_bell(nft, bell);
	}
}

static void accept_rule(struct nft *nft)
{
	nft_verdict(nft, VERDICT_ACCEPT, NULL);
	nft_rule_end(nft);
}

static void add_arriving(struct nft *nft, const struct gate *gate)
{
	nft_rule(nft, "arriving");
	nft_arrives_on_loopback(nft);
	accept_rule(nft);
	nft_rule(nft, "arriving");
	nft_protocol(nft, IPPROTO_TCP);
	nft_port_to(nft, gate->port);
	nft_begins_connection(nft);
	nft_verdict(nft, VERDICT_GOTO, "steps");
	nft_rule_end(nft);
}

/* A step that has met all its connections: their retransmissions must not count as another's. */
static void add_past_step(struct nft *nft, const struct script *script, int index)
{
	const struct gate_step *step = &script->steps[index];
	struct name sets[] = { last_set(index), first_set(index) };
	for (int i = 0; i < (step->attempts > 1 ? 2 : 1); i++) {
		nft_rule(nft, "steps");
		nft_is_in(nft, sets[i].text);
		nft_verdict(nft, VERDICT_GOTO, meeting(index).text);
		nft_rule_end(nft);
	}
}

static void add_counted_step(struct nft *nft, const struct script *script, int index)
{
	if (script->steps[index].attempts > 1) {
		nft_rule(nft, "steps");
		nft_fits_in(nft, first_set(index).text);
		nft_verdict(nft, VERDICT_GOTO, meeting(index).text);
		nft_rule_end(nft);
	}
	char bell[BELL_NAME_BYTES];
	gate_bell_name(bell, script->generation, index);
	nft_rule(nft, "steps");
	nft_fits_in(nft, last_set(index).text);
	nft_ring(nft, bell);
	nft_verdict(nft, VERDICT_GOTO, meeting(index).text);
	nft_rule_end(nft);
}

static void add_steps(struct nft *nft, const struct script *script)
{
	for (int i = 0; i < script->current; i++) {
		if (script->was_counted_out[i])
			add_past_step(nft, script, i);
	}
	int ignored_count;
	const struct sockaddr_storage *ignored = gate_ignored(&ignored_count);
	for (int i = 0; i < ignored_count; i++) {
		nft_rule(nft, "steps");
		nft_comes_from(nft, &ignored[i]);
		nft_verdict(nft, VERDICT_GOTO, meeting(script->current).text);
		nft_rule_end(nft);
	}
	for (int i = script->current; i < script->count; i++) {
		if (script->steps[i].attempts) {
			add_counted_step(nft, script, i);
			continue;
		}
		nft_rule(nft, "steps");
		nft_verdict(nft, VERDICT_GOTO, meeting(i).text);
		nft_rule_end(nft);
		return; /* the steps behind it wait for the timer */
	}
}

static void add_meeting(struct nft *nft, const struct script *script, int index)
{
	enum gate_phase phase = script->steps[index].phase;
	uint32_t mark = mark_of(script, index);
	nft_rule(nft, meeting(index).text);
	if (phase == GATE_UNREACHABLE) {
		nft_verdict(nft, VERDICT_DROP, NULL);
		nft_rule_end(nft);
		return;
	}
	bool is_silent = gate_phase_silences(script->steps[script->current].phase);
	/* A refusal is of the connection that it refuses: spare_others() lets it out. */
	if (phase == GATE_READY || (phase == GATE_REFUSED && is_silent))
		nft_set_connection_mark(nft, mark);
	if (phase == GATE_REFUSED)
		nft_set_mark(nft, mark);
	else if (phase != GATE_READY)
		nft_hand_over(nft, script->listeners[index]->port);
	accept_rule(nft);
	if (phase != GATE_REFUSED)
		return;
	nft_rule(nft, "input");
	nft_mark_is(nft, mark);
	nft_reject(nft);
	nft_rule_end(nft);
}

/* Connections that a later step lets through or refuses are not "open before", though the agent does not know
 * yet that the kernel has got there; and those that a step has counted stay in it. */
static void spare_others(struct nft *nft, const struct script *script, const char *chain)
{
	for (int i = 0; i < script->count; i++) {
		enum gate_phase phase = script->steps[i].phase;
		if ((phase != GATE_READY && phase != GATE_REFUSED) ||
		    (i < script->current && !script->was_counted_out[i]))
			continue;
		nft_rule(nft, chain);
		nft_connection_mark_is(nft, mark_of(script, i));
		accept_rule(nft);
	}
}

/* Connections made through `slow` before work, as those to the server itself do. */
static void silence_relays(struct nft *nft, const struct gate *gate, const struct script *script)
{
	for (int i = 0; listener_at(i); i++) {
		const struct listener *listener = listener_at(i);
		if (listener->gate_port != gate->port || listener->step.phase != GATE_SLOW ||
		    !gate_step_is_over(script, listener))
			continue;
		uint32_t mark = STEP_MARK_OF(listener->generation, listener->index);
		nft_rule(nft, "input");
		nft_socket_mark_is(nft, mark);
		nft_verdict(nft, VERDICT_DROP, NULL);
		nft_rule_end(nft);
		nft_rule(nft, "output");
		nft_mark_is(nft, mark);
		nft_verdict(nft, VERDICT_DROP, NULL);
		nft_rule_end(nft);
	}
}

static void silence_output(struct nft *nft, const struct gate *gate, const struct script *script)
{
	nft_rule(nft, "output");
	nft_mark_is_like(nft, STEP_MARK, STEP_MARK_MASK); /* the agent's own */
	accept_rule(nft);
	spare_others(nft, script, "output");
	nft_rule(nft, "output");
	nft_protocol(nft, IPPROTO_TCP);
	nft_port_from(nft, gate->port);
	nft_verdict(nft, VERDICT_DROP, NULL);
	nft_rule_end(nft);
}

static void treat_open(struct nft *nft, const struct gate *gate, const struct script *script)
{
	enum gate_phase phase = script->steps[script->current].phase;
	bool is_silent = gate_phase_silences(phase);
	if (!gate_phase_resets(phase) && !is_silent)
		return;
	nft_rule(nft, "output");
	nft_leaves_on_loopback(nft);
	accept_rule(nft);
	if (is_silent)
		silence_relays(nft, gate, script);
	if (is_silent)
		silence_output(nft, gate, script);
	nft_rule(nft, "input");
	nft_protocol(nft, IPPROTO_TCP);
	nft_port_to(nft, gate->port);
	nft_verdict(nft, VERDICT_GOTO, "open");
	nft_rule_end(nft);
	/* SYNs have met their step. */
	nft_rule(nft, "open");
	nft_protocol(nft, IPPROTO_TCP);
	nft_begins_connection(nft);
	accept_rule(nft);
	nft_rule(nft, "open");
	nft_socket_is_transparent(nft); /* the agent's own */
	accept_rule(nft);
	spare_others(nft, script, "open");
	/* Nearly all are reset already (socket_destroy): the rule is for one that was just being made, and
	 * for kernels that cannot. */
	nft_rule(nft, "open");
	if (is_silent)
		nft_verdict(nft, VERDICT_DROP, NULL);
	else
		nft_reject(nft);
	nft_rule_end(nft);
}

int gate_rules_set(const struct gate *gate, const struct script *script, enum rules_scope scope)
{
	static struct batch batch;
	char table[GATE_TABLE_BYTES];
	gate_table_name(table, gate->port);
	struct nft nft = { .batch = &batch, .family = FAMILY_INET, .table = table };
	batch_begin(&batch);
	if (scope == RULES_NEW_SCRIPT) {
		nft_table_anew(&nft);
		add_objects(&nft, script);
	} else {
		nft_rules_remove(&nft);
	}
	add_arriving(&nft, gate);
	add_steps(&nft, script);
	nft_rule(&nft, "input");
	nft_arrives_on_loopback(&nft);
	accept_rule(&nft);
	for (int i = 0; i < script->count; i++)
		add_meeting(&nft, script, i);
	treat_open(&nft, gate, script);
	return batch_send(&batch);
}

int gate_rules_remove(const struct gate *gate)
{
	static struct batch batch;
	char table[GATE_TABLE_BYTES];
	gate_table_name(table, gate->port);
	struct nft nft = { .batch = &batch, .family = FAMILY_INET, .table = table };
	batch_begin(&batch);
	nft_table_remove(&nft);
	return batch_send(&batch);
}

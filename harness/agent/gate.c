/* Scripts: which step a port is in, and what belongs to a move. */
#include "agent/gate_private.h"
#include "agent/output.h"

#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

#define NS_PER_S INT64_C(1000000000)
/* How long a client goes on sending a SYN (6 retransmissions: 127 s), and so must be recognised. */
#define SYN_LIFE_NS (130 * NS_PER_S)

static struct gate gates[GATES_MAX];
static struct sockaddr_storage ignored[IGNORED_MAX];
static int ignored_count;

static const char *phase_word(enum gate_phase phase)
{
	static const char *const words[] = {
		[GATE_UNREACHABLE] = "unreachable",
		[GATE_REFUSED] = "refused",
		[GATE_HUNG] = "hung",
		[GATE_CLOSING] = "closing",
		[GATE_LOADING] = "loading",
		[GATE_DENIED] = "denied",
		[GATE_SLOW] = "slow",
		[GATE_READY] = "ready",
	};
	return words[phase];
}

static struct gate *find_gate(uint16_t port)
{
	for (int i = 0; i < GATES_MAX; i++) {
		if (gates[i].is_used && gates[i].port == port)
			return &gates[i];
	}
	return NULL;
}

static struct gate *free_gate(void)
{
	for (int i = 0; i < GATES_MAX; i++) {
		if (!gates[i].is_used)
			return &gates[i];
	}
	return NULL;
}

static const char *rules_failure(void)
{
	switch (errno) {
	case EPERM:
	case EACCES:
		return "the kernel refused the rules: the agent needs CAP_NET_ADMIN";
	case EMSGSIZE:
		return "the script is too long for the kernel's rules: fewer steps";
	default:
		return "the kernel refused the rules: it needs nf_tables with the family inet, tproxy, "
		       "socket, reject, quota objects and conntrack marks";
	}
}

static const struct gate_step *current_step(const struct gate *gate)
{
	return &gate->script.steps[gate->script.current];
}

/* Nothing needs the rules any more. Connections made meanwhile go on without them. */
static void remove_gate(struct gate *gate)
{
	timeout_cancel(&gate->over);
	timeout_cancel(&gate->linger);
	gate->is_used = false;
	(void)gate_rules_remove(gate); /* fails only where making them would have */
	for (int i = 0; listener_at(i); i++) {
		struct listener *listener = listener_at(i);
		if (listener->gate_port != gate->port)
			continue;
		if (listener->is_last_word)
			listener_close_later(listener);
		else
			listener_close(listener);
	}
}

static void settle(struct gate *gate)
{
	if (gate->script.current == gate->script.count - 1 && current_step(gate)->phase == GATE_READY &&
	    !gate->linger.active)
		remove_gate(gate);
}

static struct gate *gate_of(struct timeout *timeout, size_t offset)
{
	return (struct gate *)(void *)((char *)timeout - offset);
}

static void linger_over(struct timeout *timeout)
{
	settle(gate_of(timeout, offsetof(struct gate, linger)));
}

static void linger(struct gate *gate)
{
	gate->linger.fire = linger_over;
	timeout_set(&gate->linger, now_ns() + SYN_LIFE_NS);
}

/* What was open before the step that has just begun. */
static void treat_open(struct gate *gate)
{
	const struct script *script = &gate->script;
	enum gate_phase phase = current_step(gate)->phase;
	for (int i = 0; listener_at(i); i++) {
		struct listener *listener = listener_at(i);
		if (listener->gate_port == gate->port && gate_step_is_over(script, listener))
			listener_end(listener, phase);
	}
	bool keeps_counted = false;
	for (int i = 0; i < script->current; i++)
		keeps_counted |= script->was_counted_out[i] && script->steps[i].phase == GATE_READY;
	/* sock_diag cannot tell the counted ones from others, the rules can: they reset the others' next
	 * packets. So they do where the kernel has no SOCK_DESTROY. */
	if (gate_phase_resets(phase) && !keeps_counted)
		(void)socket_destroy(gate->port);
}

static void step_over(struct timeout *timeout);

static void begin_step(struct gate *gate)
{
	treat_open(gate);
	timeout_cancel(&gate->over);
	gate->over.fire = step_over;
	if (current_step(gate)->for_ns)
		timeout_set(&gate->over, now_ns() + current_step(gate)->for_ns);
}

static void tell_move(const struct gate *gate, int64_t at_ns)
{
	struct line line = { 0 };
	line_text(&line, "phase");
	line_number(&line, at_ns);
	line_number(&line, gate->port);
	line_word(&line, phase_word(current_step(gate)->phase));
	line_number(&line, gate->script.current);
	line_send_move(&line);
}

/* `at_ns` 0: as soon as the rules are in force. */
static void move_on(struct gate *gate, int64_t at_ns)
{
	gate->script.current++;
	/* Whatever the kernel has counted stays counted. Should it refuse, which it has no reason to, the
	 * rules of before go on as far as the kernel moves by itself. */
	if (gate_rules_set(gate, &gate->script, RULES_MOVED) < 0)
		output_count_lost(1);
	tell_move(gate, at_ns ? at_ns : now_ns());
	begin_step(gate);
}

static void step_over(struct timeout *timeout)
{
	struct gate *gate = gate_of(timeout, offsetof(struct gate, over));
	move_on(gate, 0);
	settle(gate);
}

void gate_counted_out(uint16_t port, uint16_t generation, int index)
{
	int64_t at_ns = now_ns();
	struct gate *gate = find_gate(port);
	if (!gate || gate->script.generation != generation || index < gate->script.current ||
	    index >= gate->script.count - 1)
		return; /* of a script that was replaced, or a step the timer has ended meanwhile */
	while (gate->script.current <= index) {
		int past = gate->script.current;
		gate->script.was_counted_out[past] = true;
		if (gate->script.steps[past].phase == GATE_UNREACHABLE)
			linger(gate);
		if (gate->script.listeners[past])
			gate->script.listeners[past]->is_last_word = true;
		move_on(gate, at_ns);
	}
	settle(gate);
}

static const char *check_steps(const struct gate_step *steps, int count)
{
	if (count < 1 || count > GATE_STEPS_MAX)
		return "a script has 1 to 16 phases";
	for (int i = 0; i < count - 1; i++) {
		if (!steps[i].attempts && !steps[i].for_ns)
			return "only the last phase of a script can go without attempts= and for=";
	}
	if (steps[count - 1].attempts || steps[count - 1].for_ns)
		return "the last phase of a script has no end: neither attempts= nor for=";
	return NULL;
}

/* Those of this script, or of all others for the port. */
static void close_listeners(uint16_t port, uint16_t generation, bool others)
{
	for (int i = 0; listener_at(i); i++) {
		struct listener *listener = listener_at(i);
		if (listener->gate_port == port && (listener->generation != generation) == others)
			listener_close(listener);
	}
}

static const char *open_script(uint16_t port, struct script *script, const struct gate_step *steps, int count)
{
	static uint16_t generation;
	generation++;
	*script = (struct script){ .count = count, .generation = generation };
	memcpy(script->steps, steps, (size_t)count * sizeof(*steps));
	for (int i = 0; i < count; i++) {
		if (!gate_phase_listens(steps[i].phase))
			continue;
		script->listeners[i] = listener_open(port, &steps[i], script->generation, i);
		if (!script->listeners[i]) {
			close_listeners(port, script->generation, false);
			return "no socket for the phase's listener: too many open files or listeners";
		}
	}
	return NULL;
}

const char *gate_script(uint16_t port, const struct gate_step *steps, int count)
{
	static struct script script;
	const char *failure = check_steps(steps, count);
	if (failure)
		return failure;
	struct gate *gate = find_gate(port);
	if (!gate && !(gate = free_gate()))
		return "16 ports have a gate already; make one of them ready first";
	if (gate_bell_open() < 0)
		return "no netlink socket for the kernel's notices";
	gate->port = port;
	failure = open_script(port, &script, steps, count);
	if (failure)
		return failure;
	bool is_plain_ready = count == 1 && steps[0].phase == GATE_READY;
	if ((is_plain_ready ? gate_rules_remove(gate) : gate_rules_set(gate, &script, RULES_NEW_SCRIPT)) <
	    0) {
		failure = rules_failure();
		close_listeners(port, script.generation, false);
		return failure;
	}
	gate->is_used = true;
	gate->script = script;
	timeout_cancel(&gate->linger);
	begin_step(gate);
	close_listeners(port, script.generation, true);
	settle(gate);
	return NULL;
}

const struct sockaddr_storage *gate_ignored(int *ret_count)
{
	*ret_count = ignored_count;
	return ignored;
}

static bool same_host(const struct sockaddr_storage *one, const struct sockaddr_storage *other)
{
	if (one->ss_family != other->ss_family)
		return false;
	if (one->ss_family == AF_INET6)
		return memcmp(&((const struct sockaddr_in6 *)one)->sin6_addr,
			   &((const struct sockaddr_in6 *)other)->sin6_addr, sizeof(struct in6_addr)) == 0;
	return ((const struct sockaddr_in *)one)->sin_addr.s_addr ==
	       ((const struct sockaddr_in *)other)->sin_addr.s_addr;
}

const char *gate_ignore(const struct sockaddr_storage *source)
{
	if (source->ss_family != AF_INET && source->ss_family != AF_INET6)
		return "only IPv4 and IPv6 addresses can be ignored";
	for (int i = 0; i < ignored_count; i++) {
		if (same_host(&ignored[i], source))
			return NULL;
	}
	if (ignored_count == IGNORED_MAX)
		return "16 addresses are ignored already";
	ignored[ignored_count++] = *source;
	const char *failure = NULL;
	for (int i = 0; i < GATES_MAX && !failure; i++) {
		if (gates[i].is_used && gate_rules_set(&gates[i], &gates[i].script, RULES_MOVED) < 0)
			failure = rules_failure();
	}
	if (failure)
		ignored_count--;
	return failure;
}

void gate_close_all(void)
{
	for (int i = 0; i < GATES_MAX; i++) {
		if (gates[i].is_used)
			remove_gate(&gates[i]);
	}
	for (int i = 0; listener_at(i); i++)
		listener_drop(listener_at(i));
	ignored_count = 0;
}

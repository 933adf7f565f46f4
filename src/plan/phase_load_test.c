/* What a plan holds of phases, of attempts seen on the wire, and of a log that has to agree with them. */
#include "base/duration.h"
#include "plan/plan_private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#define EVERY_PHASE "fixtures/scenarios/valid/every-phase/scenario.yaml"

static const struct plan *load(void **state, double speed)
{
	struct err err = ERR_INIT;
	struct plan *plan = plan_load(EVERY_PHASE, speed, &err);
	if (!plan)
		BUG("%s", err.message);
	*state = plan;
	return plan;
}

static int teardown(void **state)
{
	plan_free(*state);
	return 0;
}

static const struct phase_script *script_of(
    const struct plan *plan, const struct phase_script *scripts, size_t count, const char *service)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(plan->stack->services[scripts[i].service].name, service) == 0)
			return &scripts[i];
	fail_msg("no script for `%s`", service);
	return NULL;
}

static const struct phase_script *armed(const struct plan *plan, const char *service)
{
	return script_of(plan, plan->phases, plan->phase_count, service);
}

static const struct step *step(const struct plan *plan, const char *id)
{
	int index = plan_find_step(plan, id);
	if (index < 0)
		fail_msg("no step `%s`", id);
	return &plan->steps[index];
}

static void test_a_script(void **state)
{
	const struct plan *plan = load(state, 1);
	static const enum phase expected[] = { PHASE_ABSENT, PHASE_UNRESOLVABLE, PHASE_UNRESOLVABLE,
		PHASE_UNRESOLVABLE, PHASE_UNREACHABLE, PHASE_REFUSED, PHASE_HUNG, PHASE_CLOSING,
		PHASE_CLOSING, PHASE_LOADING, PHASE_DENIED, PHASE_DENIED, PHASE_SLOW, PHASE_READY };
	const struct phase_script *script = armed(plan, "redis");
	assert_int_equal(script->step_count, ARRAY_LENGTH(expected));
	for (size_t i = 0; i < script->step_count; i++)
		assert_int_equal(script->steps[i].phase, expected[i]);
	const struct phase_step *steps = script->steps;
	assert_int_equal(steps[1].unresolvable, UNRESOLVABLE_SERVFAIL);
	assert_int_equal(steps[1].attempts, 2);
	assert_int_equal(steps[1].for_ns, 0);
	assert_int_equal(steps[2].unresolvable, UNRESOLVABLE_SILENT);
	assert_int_equal(steps[3].unresolvable, UNRESOLVABLE_LATE);
	assert_false(steps[7].reset);
	assert_true(steps[8].reset);
	assert_null(steps[9].say);
	assert_int_equal(steps[12].bandwidth, 1000000);
	assert_int_equal(steps[13].attempts, 0);
	assert_int_equal(steps[13].for_ns, 0);
	assert_int_equal(steps[5].position.line, 22);
}

static void test_a_phase_alone(void **state)
{
	const struct plan *plan = load(state, 1);
	assert_int_equal(plan->phase_count, 5);
	const struct phase_script *broker = armed(plan, "broker");
	assert_int_equal(broker->step_count, 1);
	assert_int_equal(broker->steps[0].phase, PHASE_SLOW);
	assert_int_equal(broker->steps[0].latency_ns, 0);
	const struct phase_step *mail = armed(plan, "mail")->steps;
	assert_int_equal(mail->unresolvable, UNRESOLVABLE_STALE);
	assert_null(mail->stale);
	assert_int_equal(armed(plan, "api")->steps[0].phase, PHASE_UNREACHABLE);
}

static void test_speed_divides_what_is_not_real(void **state)
{
	const struct plan *plan = load(state, 10);
	const struct phase_step *steps = armed(plan, "redis")->steps;
	assert_int_equal(steps[0].for_ns, 200 * NS_PER_MS);
	assert_int_equal(steps[2].for_ns, 500 * NS_PER_MS);
	assert_int_equal(steps[3].late_ns, 200 * NS_PER_MS);
	assert_int_equal(steps[12].latency_ns, 10 * NS_PER_MS);
	assert_int_equal(steps[12].jitter_ns, 2 * NS_PER_MS);
	assert_int_equal(steps[12].close_ns, 200 * NS_PER_MS);
	assert_int_equal(steps[12].bandwidth, 1000000);
}

static void test_what_servers_say(void **state)
{
	const struct plan *plan = load(state, 1);
	const struct phase_step *redis = armed(plan, "redis")->steps;
	const struct phase_step *postgres = armed(plan, "postgres")->steps;
	assert_string_equal(redis[10].say, "ERR max number of clients reached");
	assert_string_equal(redis[11].say, "NOAUTH Who are you?");
	assert_string_equal(postgres[0].say, "57P03 the database system is in recovery mode");
	assert_null(postgres[1].say); /* the agent's words, which name the user */
	assert_string_equal(postgres[2].say, "53300 sorry, too many clients already");
	const struct step *own = step(plan, "phase-postgres-2");
	assert_string_equal(
	    own->scripts[0].steps[0].say, "28P01 password authentication failed for user \"app\"");
}

static void test_phase_steps(void **state)
{
	const struct plan *plan = load(state, 1);
	const struct step *refuses = step(plan, "phase-redis");
	assert_int_equal(refuses->kind, STEP_PHASE);
	assert_int_equal(refuses->service_count, 0);
	assert_int_equal(refuses->script_count, 1);
	assert_int_equal(refuses->scripts[0].steps[0].phase, PHASE_REFUSED);
	const struct step *closes = step(plan, "closes");
	assert_int_equal(closes->after.kind, MOMENT_ATTEMPT);
	assert_int_equal(closes->script_count, 2);
	const struct phase_script *redis = script_of(plan, closes->scripts, closes->script_count, "redis");
	assert_int_equal(redis->step_count, 3);
	assert_int_equal(redis->steps[1].for_ns, NS_PER_S);
	const struct phase_script *mail = script_of(plan, closes->scripts, closes->script_count, "mail");
	assert_string_equal(mail->steps[0].stale, "2001:db8::1");
	assert_int_equal(step(plan, "phase-redis-postgres")->script_count, 2);
}

static void test_phases_are_moments(void **state)
{
	const struct plan *plan = load(state, 1);
	const struct step *wait = step(plan, "wait-2");
	assert_int_equal(wait->until.kind, MOMENT_SERVICE);
	assert_string_equal(wait->until.name, "redis");
	assert_string_equal(wait->until.what, "slow");
	assert_string_equal(plan->steps[0].after.what, "absent");
	assert_string_equal(plan->expectations[0].after.what, "refused");
	for (size_t i = 0; i <= PHASE_READY; i++) {
		size_t event = 0;
		while (service_events[event] && strcmp(service_events[event], phase_names[i]) != 0)
			event++;
		assert_non_null(service_events[event]);
	}
}

static void test_attempts_of_the_wire(void **state)
{
	const struct plan *plan = load(state, 1);
	const struct watch *dial = &plan->watches[plan_find_watch(plan, "dial")];
	assert_false(dial->from_log);
	assert_null(dial->fails);
	assert_int_equal(dial->to_port, 6379);
	assert_false(plan->watches[plan_find_watch(plan, "query")].from_log);
	const struct watch *said = &plan->watches[plan_find_watch(plan, "said")];
	assert_true(said->from_log);
	assert_string_equal(said->succeeds, "connected");
}

static void test_agrees(void **state)
{
	const struct plan *plan = load(state, 10);
	const struct expectation *first = &plan->expectations[1], *second = &plan->expectations[2];
	int log = plan_find_watch(plan, "gateway.log");
	assert_string_equal(first->id, "dial-agrees");
	assert_int_equal(first->kind, EXPECT_AGREES);
	assert_int_equal(first->watch, plan_find_watch(plan, "dial"));
	assert_int_equal(first->agrees.log_watch, log);
	assert_string_equal(first->agrees.pattern, "retrying in (\\d+)ms");
	assert_int_equal(first->agrees.unit_ns, NS_PER_MS);
	assert_true(first->agrees.tolerance > 0.0499 && first->agrees.tolerance < 0.0501);
	assert_int_equal(first->agrees.floor_ns, NS_PER_MS);
	assert_true(first->has_until);
	assert_int_equal(second->agrees.log_watch, log); /* the client's own */
	assert_int_equal(second->agrees.unit_ns, NS_PER_S);
	assert_true(second->agrees.tolerance > 0.0999 && second->agrees.tolerance < 0.1001);
	assert_int_equal(second->agrees.floor_ns, 20 * NS_PER_MS);
}

#define test(function) cmocka_unit_test_teardown(function, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_a_script),
		test(test_a_phase_alone),
		test(test_speed_divides_what_is_not_real),
		test(test_what_servers_say),
		test(test_phase_steps),
		test(test_phases_are_moments),
		test(test_attempts_of_the_wire),
		test(test_agrees),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Which worlds of a run keep what they showed. */
#include "cli/worlds.h"

#include "report/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define RIGHT "fixtures/traces/wire-right"
#define WRONG "fixtures/traces/wire-hasty"

enum { REPEAT = 4 };

struct scene {
	struct plan *plans[2];
	struct selection selection;
	struct worlds worlds;
};

static int setup(void **state)
{
	struct err err = ERR_INIT;
	struct scene *scene = xcalloc(1, sizeof(*scene));
	scene->plans[0] = plan_load(RIGHT "/scenario.yaml", 1, &err);
	scene->plans[1] = plan_load(WRONG "/scenario.yaml", 1, &err);
	scene->selection = (struct selection){ .plans = scene->plans, .count = 2 };
	worlds_init(&scene->worlds, &scene->selection, "reports/r1", 7, REPEAT);
	*state = scene;
	return scene->plans[0] && scene->plans[1] ? 0 : -1;
}

static int teardown(void **state)
{
	struct scene *scene = *state;
	worlds_release(&scene->worlds);
	plan_free(scene->plans[0]);
	plan_free(scene->plans[1]);
	free(scene);
	return 0;
}

/* A world by its scenario and number, as if it had left this trace. */
static struct run_world *world_with(struct scene *scene, size_t plan, int repetition, const char *trace)
{
	struct err err = ERR_INIT;
	struct run_world *world = scene->worlds.items[(size_t)(repetition - 1) * 2 + plan];
	assert_int_equal(world->plan, plan);
	assert_int_equal(world->repetition, repetition);
	assert_int_equal(judge_file(&world->judged, scene->plans[plan], trace, &err), 0);
	worlds_reduce(&scene->worlds, world);
	return world;
}

/* The first that passes is kept whole, the first repetition or not; each scenario has one. */
static void test_first_pass_is_whole(void **state)
{
	struct scene *scene = *state;
	const struct run_world *failed = world_with(scene, 0, 1, WRONG "/trace.ndjson");
	assert_int_equal(failed->judged.judgement->verdict, VERDICT_FAIL);
	assert_false(failed->reduced);
	assert_true(failed->judged.trace->event_count > 1);
	const struct run_world *first = world_with(scene, 0, 2, RIGHT "/trace.ndjson");
	assert_int_equal(first->judged.judgement->verdict, VERDICT_PASS);
	assert_false(first->reduced);
	assert_true(first->judged.trace->event_count > 1);
	const struct run_world *second = world_with(scene, 0, 3, RIGHT "/trace.ndjson");
	assert_true(second->reduced);
	assert_int_equal(second->judged.trace->event_count, 1);
	assert_false(world_with(scene, 0, 4, WRONG "/trace.ndjson")->reduced);
	assert_int_equal(
	    world_with(scene, 1, 4, WRONG "/trace.ndjson")->judged.judgement->verdict, VERDICT_FAIL);
	assert_false(world_with(scene, 1, 3, RIGHT "/trace.ndjson")->reduced);
	assert_true(world_with(scene, 1, 2, RIGHT "/trace.ndjson")->reduced);
}

static void test_single_worlds_are_whole(void **state)
{
	struct scene *scene = *state;
	worlds_release(&scene->worlds);
	worlds_init(&scene->worlds, &scene->selection, "reports/r1", 7, 1);
	assert_false(world_with(scene, 0, 1, RIGHT "/trace.ndjson")->reduced);
	assert_false(world_with(scene, 1, 1, RIGHT "/trace.ndjson")->reduced);
	/* A further try of it. */
	worlds_add_retry(&scene->worlds, scene->worlds.items[0]);
	struct run_world *retry = scene->worlds.items[2];
	struct err err = ERR_INIT;
	assert_int_equal(judge_file(&retry->judged, scene->plans[0], RIGHT "/trace.ndjson", &err), 0);
	worlds_reduce(&scene->worlds, retry);
	assert_false(retry->reduced);
}

/* What is reduced still knows when it was decided. */
static void test_reduced_keeps_times(void **state)
{
	struct scene *scene = *state;
	const struct judged *whole = &world_with(scene, 0, 1, RIGHT "/trace.ndjson")->judged;
	const struct judged *reduced = &world_with(scene, 0, 2, RIGHT "/trace.ndjson")->judged;
	size_t decided = 0;
	assert_null(whole->decided_ns);
	assert_non_null(reduced->decided_ns);
	assert_int_equal(whole->judgement->finding_count, reduced->judgement->finding_count);
	for (size_t i = 0; i < reduced->judgement->finding_count; i++) {
		int64_t wanted = report_decided_ns(whole->trace, &whole->judgement->findings[i]);
		assert_int_equal(reduced->judgement->findings[i].evidence_count, 0);
		assert_int_equal(reduced->decided_ns[i], wanted);
		decided += wanted > 0;
	}
	assert_true(decided > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_first_pass_is_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(test_single_worlds_are_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reduced_keeps_times, setup, teardown),
	};
	return cmocka_run_group_tests_name("worlds", tests, NULL, NULL);
}

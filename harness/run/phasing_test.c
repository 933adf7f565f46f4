/* When a phase was made, as far as it takes no agent. */
#include "run/phasing.h"

#include "base/duration.h"
#include "run/container.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static char name[] = "redis";

struct made {
	struct event phase;
	int done;
};

static void heard(void *owner, const struct event *event)
{
	if (event->kind == EVENT_PHASE)
		((struct made *)owner)->phase = *event;
}

static void done(void *owner, const struct err *err)
{
	struct made *made = owner;
	assert_null(err);
	made->done++;
}

/* Nobody is there whose names would have to change: it is so at once, and was not at the world's beginning.
 */
static void test_a_phase_that_nobody_meets(void **state)
{
	(void)state;
	struct service service = { .name = name };
	struct stack stack = { .services = &service, .service_count = 1 };
	struct plan plan = { .name = name, .stack = &stack };
	struct container *containers[1];
	struct sandbox *sandboxes[1] = { NULL };
	struct loop *loop = loop_new();
	struct world world = { .config = { .loop = loop, .plan = &plan, .run = "r" },
		.identity = { .run = "r", .number = 1 },
		.containers = containers,
		.sandboxes = sandboxes,
		.began_ns = loop_now_ns(loop) - NS_PER_S };
	struct err err = ERR_INIT;
	struct made made = { 0 };
	char path[64];
	int trace = memfd_create("trace", 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", trace);
	world.recorder = recorder_open(path, world.began_ns, NULL, &err);
	assert_non_null(world.recorder);
	recorder_listen(world.recorder, heard, &made);
	containers[0] = container_new(&world, 0);
	world.phasing = phasing_new(&world);

	struct phase_step step = { .phase = PHASE_ABSENT };
	struct phase_script script = { .service = 0, .steps = &step, .step_count = 1 };
	phasing_begin(world.phasing, &script, 1, done, &made);
	assert_int_equal(made.done, 1);
	assert_int_equal(made.phase.kind, EVENT_PHASE);
	assert_true(made.phase.from_ns >= NS_PER_S);
	assert_true(made.phase.to_ns >= made.phase.from_ns);

	phasing_free(world.phasing);
	container_free(containers[0]);
	assert_int_equal(recorder_close(world.recorder, NULL), 0);
	close(trace);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_phase_that_nobody_meets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

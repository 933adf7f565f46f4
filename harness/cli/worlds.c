#include "cli/worlds.h"

#include "base/random.h"

#include <inttypes.h>
#include <stdio.h>

/* The first repetition has the seed that was asked for; so whoever gives a repetition's own seed has it back.
 * Ten digits at most: somebody may have to type it. */
static int64_t seed_of(int64_t seed, int repetition)
{
	char number[16];
	snprintf(number, sizeof(number), "%d", repetition);
	const char *const words[] = { "repetition", number, NULL };
	struct random_stream stream = random_stream(seed, words);
	return repetition == 1 ? seed : 1 + random_up_to(&stream, UINT32_MAX);
}

/* delayed-redis.ndjson; delayed-redis.007.ndjson of many; delayed-redis.007.retry-1.ndjson. No name of a
 * scenario has a dot. */
static char *name_trace(const struct worlds *worlds, const struct run_world *world)
{
	char repetition[24] = "", retry[24] = "";
	int width = worlds->repeat > 9999 ? 5 : worlds->repeat > 999 ? 4 : 3;
	if (worlds->repeat > 1)
		snprintf(repetition, sizeof(repetition), ".%0*d", width, world->repetition);
	if (world->retry)
		snprintf(retry, sizeof(retry), ".retry-%d", world->retry);
	return xasprintf("%s/%s%s%s.ndjson", worlds->folder, worlds->selection->plans[world->plan]->name,
	    repetition, retry);
}

static void add(struct worlds *worlds, size_t plan, int repetition, int retry)
{
	struct run_world *world = xcalloc(1, sizeof(*world));
	world->plan = plan;
	world->repetition = repetition;
	world->retry = retry;
	world->seed = seed_of(worlds->seed, repetition);
	world->trace_path = name_trace(worlds, world);
	*array_push(worlds->items, worlds->count) = world;
}

void worlds_init(
    struct worlds *worlds, const struct selection *selection, const char *folder, int64_t seed, int repeat)
{
	*worlds = (struct worlds){ .selection = selection, .folder = folder, .seed = seed, .repeat = repeat };
	worlds->has_whole = xcalloc(selection->count, sizeof(*worlds->has_whole));
	for (int repetition = 1; repetition <= repeat; repetition++)
		for (size_t plan = 0; plan < selection->count; plan++)
			add(worlds, plan, repetition, 0);
}

void worlds_add_retry(struct worlds *worlds, const struct run_world *failed)
{
	add(worlds, failed->plan, failed->repetition, failed->retry + 1);
}

void worlds_reduce(struct worlds *worlds, struct run_world *world)
{
	if (worlds->repeat == 1 || world->judged.judgement->verdict != VERDICT_PASS)
		return;
	if (!worlds->has_whole[world->plan]) {
		worlds->has_whole[world->plan] = true;
		return;
	}
	judged_reduce(&world->judged);
	world->reduced = true;
}

static int by_place(const void *left, const void *right)
{
	const struct run_world *a = *(struct run_world *const *)left, *b = *(struct run_world *const *)right;
	if (a->plan != b->plan)
		return (a->plan > b->plan) - (a->plan < b->plan);
	if (a->repetition != b->repetition)
		return (a->repetition > b->repetition) - (a->repetition < b->repetition);
	return (a->retry > b->retry) - (a->retry < b->retry);
}

void worlds_sort(struct worlds *worlds)
{
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers is meant */
	qsort(worlds->items, worlds->count, sizeof(*worlds->items), by_place);
}

void worlds_release(struct worlds *worlds)
{
	for (size_t i = 0; i < worlds->count; i++) {
		judged_release(&worlds->items[i]->judged);
		free(worlds->items[i]->trace_path);
		free(worlds->items[i]);
	}
	free(worlds->items);
	free(worlds->has_whole);
	*worlds = (struct worlds){ 0 };
}

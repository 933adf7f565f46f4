#include "cli/command.h"
#include "cli/session.h"
#include "loop/interruption.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static struct run_world *world_at(const struct session *session, size_t index)
{
	return session->worlds.items[session->round_first + index];
}

/* ---- while it runs ---- */

static void on_image(void *owner, const char *image, const char *status, int64_t current, int64_t total)
{
	struct session *session = owner;
	progress_image(session->progress, image, status, current, total);
}

static void on_world_started(void *owner, size_t index, struct world *world)
{
	(void)world;
	struct session *session = owner;
	progress_world_started(session->progress, world_at(session, index)->plan);
}

static void on_world_heard(void *owner, size_t index, const struct event *event)
{
	struct session *session = owner;
	progress_event(session->progress, world_at(session, index)->plan, event);
}

static void on_world_ended(void *owner, size_t index, const struct world_outcome *outcome)
{
	struct session *session = owner;
	struct run_world *world = world_at(session, index);
	if (err_is_set(&outcome->leftover)) {
		print_error(&outcome->leftover);
		session->has_leftover = true;
	}
	world->ended = true;
	world->took_ns = outcome->took_ns;
	progress_world_ended(session->progress, world->plan, world_end_names[outcome->end], world->retry > 0);
}

static void on_done(void *owner, const struct err *err)
{
	struct session *session = owner;
	if (err && !err_is_set(&session->failure))
		session->failure = *err;
	loop_stop(session->loop);
}

/* ---- signals ---- */

int interruption_status(int signal_number)
{
	return signal_number == SIGTERM  ? EXIT_TERMINATED
	       : signal_number == SIGHUP ? EXIT_HUNG_UP
					 : EXIT_INTERRUPTED;
}

static void on_signal(void *owner, int signal_number)
{
	struct session *session = owner;
	session->signal_number = signal_number;
	if (++session->signals == 1) {
		fputs("\nfalsestart: interrupted; removing the worlds (once more to leave that to the "
		      "reaper)\n",
		    stderr);
		runner_interrupt(session->runner);
		return;
	}
	/* The reaper sees the pipe break and cleans up. */
	_exit(interruption_status(signal_number));
}

/* Under nohup(1) a terminal that is hung up is none of our business. */
static bool is_ignored(int signal_number)
{
	struct sigaction action;
	return sigaction(signal_number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static void heed_signals(struct session *session, void (*heed)(void *owner, int signal_number))
{
	loop_on_signal(session->loop, SIGINT, heed, session);
	loop_on_signal(session->loop, SIGTERM, heed, session);
	if (!is_ignored(SIGHUP))
		loop_on_signal(session->loop, SIGHUP, heed, session);
}

/* From whoever held them while nothing ran. One that came just now is as one that comes in a moment. */
static void take_signals(struct session *session)
{
	interruption_defer();
	int noted = interruption_release();
	heed_signals(session, on_signal);
	if (noted)
		raise(noted);
	interruption_resume();
}

/* What is judged and written from now on is not to be lost by one signal. */
static void leave_signals(struct session *session)
{
	if (!session->farewell)
		session->farewell = xasprintf(
		    "\nfalsestart: interrupted again; not all reports were written. The traces are in "
		    "%s; `falsestart check SCENARIO TRACE` judges one\n",
		    session->folder);
	interruption_defer();
	heed_signals(session, NULL);
	interruption_hold(
	    "\nfalsestart: interrupted; no world is running, and the reports are finished first (once more "
	    "to leave without them)\n",
	    session->farewell);
	interruption_resume();
}

/* ---- the round ---- */

/* What the runner is told of each world, side by side. */
struct lists {
	const struct plan **plans;
	const struct redactor **redactors;
	const char **trace_paths;
	int64_t *seeds;
};

static void lists_init(struct lists *lists, const struct session *session)
{
	size_t count = session->round_count;
	/* NOLINTBEGIN(bugprone-sizeof-expression): arrays of pointers are meant */
	lists->plans = xcalloc(count, sizeof(*lists->plans));
	lists->redactors = xcalloc(count, sizeof(*lists->redactors));
	lists->trace_paths = xcalloc(count, sizeof(*lists->trace_paths));
	/* NOLINTEND(bugprone-sizeof-expression) */
	lists->seeds = xcalloc(count, sizeof(*lists->seeds));
	for (size_t i = 0; i < count; i++) {
		const struct run_world *world = world_at(session, i);
		lists->plans[i] = session->selection.plans[world->plan];
		lists->redactors[i] = session->redactors[world->plan];
		lists->trace_paths[i] = world->trace_path;
		lists->seeds[i] = world->seed;
	}
}

static void lists_release(struct lists *lists)
{
	free(lists->plans);
	free(lists->redactors);
	free(lists->trace_paths);
	free(lists->seeds);
}

static void keep_what_runner_knows(struct session *session)
{
	int64_t lateness_ns = runner_lateness_ns(session->runner);
	session->lateness_ns = lateness_ns > session->lateness_ns ? lateness_ns : session->lateness_ns;
	free(session->engine_version);
	session->engine_version = xstrdup(runner_engine_version(session->runner));
	runner_free(steal_ptr(session->runner));
}

int round_run(struct session *session, struct err *err)
{
	struct lists lists CLEANUP(lists_release) = { 0 };
	lists_init(&lists, session);
	struct runner_config config = {
		.loop = session->loop,
		.engine = session->engine,
		.engine_address = session->options.engine,
		.run = session->run_id,
		.started_at = session->started_at,
		.plans = lists.plans,
		.redactors = lists.redactors,
		.trace_paths = lists.trace_paths,
		.seeds = lists.seeds,
		.plan_count = session->round_count,
		.first_number = (int)session->round_first + 1,
		.jobs = session->options.jobs,
		.image_progress = on_image,
		.world_started = on_world_started,
		.world_heard = on_world_heard,
		.world_ended = on_world_ended,
		.done = on_done,
		.owner = session,
	};
	session->runner = runner_start(&config, err);
	if (!session->runner)
		return -1;
	take_signals(session);
	loop_run(session->loop);
	leave_signals(session);
	keep_what_runner_knows(session);
	return 0;
}

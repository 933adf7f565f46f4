#include "base/random.h"
#include "cli/command.h"
#include "cli/files.h"
#include "cli/outputs.h"
#include "cli/session.h"
#include "loop/interruption.h"
#include "plan/secrets.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static void draw_bytes(void *bytes, size_t size)
{
	if (getrandom(bytes, size, 0) != (ssize_t)size)
		BUG("no randomness");
}

static void make_identity(struct session *session)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
	unsigned char bytes[8];
	draw_bytes(bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		session->run_id[i] = letters[bytes[i] % 32];
	time_t now = time(NULL);
	struct tm utc;
	gmtime_r(&now, &utc);
	strftime(session->started_at, sizeof(session->started_at), "%Y-%m-%dT%H:%M:%SZ", &utc);
	char stamp[24];
	strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &utc);
	snprintf(session->folder_name, sizeof(session->folder_name), "%s-%s", stamp, session->run_id);
}

/* Ten digits at most: somebody may have to type it. */
static int64_t draw_fresh_seed(void)
{
	uint32_t drawn;
	draw_bytes(&drawn, sizeof(drawn));
	return (int64_t)drawn + 1;
}

/* The folder is there. */
static int probe_in_folder(const struct session *session, struct err *err)
{
	const struct output outputs[] = {
		{ "--json", session->options.json },
		{ "--junit", session->options.junit },
	};
	size_t count = session->selection.count;
	const char **inputs OWNED = xcalloc(count, sizeof(*inputs));
	for (size_t i = 0; i < count; i++)
		inputs[i] = session->selection.plans[i]->file;
	char *latest OWNED = xasprintf("%s/latest", session->options.report);
	if (link_probe(latest, err) < 0)
		return err_wrap(err, "--report");
	return outputs_probe(outputs, ARRAY_LENGTH(outputs), inputs, count, err);
}

/* Before there is anything that could be lost; a file may be meant to be in the folder of reports, which the
 * run is going to make. */
static int probe_outputs(const struct session *session, struct err *err)
{
	const char *folder = session->options.report;
	if (!*folder)
		return err_set(err, ERR_USAGE, "--report takes the name of a folder, not an empty one");
	size_t there = folder_length_there(folder);
	int result = folder_make(folder, err) < 0 ? err_wrap(err, "--report") : probe_in_folder(session, err);
	folder_unmake(folder, there);
	return result;
}

static int prepare_reports(struct session *session, struct err *err)
{
	size_t count = session->selection.count;
	session->folder = xasprintf("%s/%s", session->options.report, session->folder_name);
	if (folder_make(session->folder, err) < 0)
		return err_wrap(err, "--report");
	session->redactors = xcalloc(count, sizeof(struct redactor *));
	for (size_t i = 0; i < count; i++) {
		session->redactors[i] = redactor_new();
		stack_add_secrets(session->selection.plans[i]->stack, session->redactors[i]);
	}
	worlds_init(&session->worlds, &session->selection, session->folder, session->options.seed,
	    session->options.repeat);
	return 0;
}

/* Two worlds that publish the same port of the host cannot run side by side. */
static int refuse_shared_ports(const struct session *session, struct err *err)
{
	size_t owner[65536] = { 0 };
	if (session->options.jobs == 1)
		return 0;
	for (size_t i = 0; i < session->selection.count; i++) {
		const struct stack *stack = session->selection.plans[i]->stack;
		for (size_t s = 0; s < stack->service_count; s++) {
			for (size_t p = 0; p < stack->services[s].port_count; p++) {
				int port = stack->services[s].ports[p].host_port;
				bool is_shared = port && owner[port] && owner[port] != i + 1;
				bool is_repeated = port && session->options.repeat > 1;
				if (is_shared || is_repeated)
					return err_set(err, ERR_INVALID,
					    "%s: service `%s` publishes port %d of the host, and so does %s: "
					    "they cannot "
					    "run side by side. Leave the host port out (`ports: [\"%d\"]`) "
					    "or use --jobs 1",
					    stack->file, stack->services[s].name, port,
					    is_shared ? session->selection.plans[owner[port] - 1]->file
						      : "every repetition of it",
					    stack->services[s].ports[p].container_port);
				owner[port] = i + 1;
			}
		}
	}
	return 0;
}

/* ---- rounds ---- */

/* Worlds of a round that ends when one of them has failed: those beside it are made for nothing. */
enum { UNTIL_FAIL_ROUND = 4 };

/* Takes the next worlds; false: there are none, or no more are wanted. */
static bool begin_round(struct session *session)
{
	if (!session->signal_number)
		session->signal_number = interruption_signal();
	if (session->signal_number || err_is_set(&session->failure) || session->stopped_by)
		return false;
	size_t left = session->worlds.count - session->next;
	session->round_first = session->next;
	size_t most = session->options.jobs ? session->options.jobs : UNTIL_FAIL_ROUND;
	session->round_count = session->options.until_fail && left > most ? most : left;
	session->next += session->round_count;
	return session->round_count > 0;
}

static void judge_world(struct session *session, struct run_world *world)
{
	struct err err = ERR_INIT;
	const struct plan *plan = session->selection.plans[world->plan];
	if (judge_file(&world->judged, plan, world->trace_path, &err) < 0) {
		if (!err_is_set(&session->failure))
			session->failure = err;
		return;
	}
	enum verdict verdict = world->judged.judgement->verdict;
	progress_world_judged(session->progress, world->plan, verdict_names[verdict]);
	worlds_reduce(&session->worlds, world);
	if (verdict == VERDICT_FAIL && session->options.until_fail && !session->stopped_by)
		session->stopped_by = world;
	if (verdict != VERDICT_PASS && world->retry < session->options.retries)
		worlds_add_retry(&session->worlds, world);
}

static void judge_round(struct session *session)
{
	for (size_t i = 0; i < session->round_count; i++) {
		struct run_world *world = session->worlds.items[session->round_first + i];
		if (world->ended)
			judge_world(session, world);
	}
}

static void release(struct session *session)
{
	interruption_release(); /* of a run that came to no report */
	runner_free(session->runner);
	progress_end(session->progress);
	engine_close(session->engine);
	loop_free(session->loop);
	if (session->folder)
		rmdir(session->folder); /* of a run that never began; what holds a trace or a report stays */
	for (size_t i = 0; i < session->selection.count; i++)
		if (session->redactors)
			redactor_free(session->redactors[i]);
	worlds_release(&session->worlds);
	free(session->redactors);
	free(session->engine_version);
	free(session->folder);
	free(session->farewell);
	selection_release(&session->selection);
}

static void list(const struct selection *selection)
{
	for (size_t i = 0; i < selection->count; i++) {
		const struct plan *plan = selection->plans[i];
		printf("%-24s %s\n", plan->name, plan->title ? plan->title : "");
	}
}

static int perform_rounds(struct session *session, struct err *err)
{
	session->progress = progress_start(&(struct progress_config){
	    .loop = session->loop,
	    .plans = (const struct plan *const *)session->selection.plans,
	    .plan_count = session->selection.count,
	    .repeat = session->options.repeat,
	    .quiet = session->options.quiet,
	});
	while (begin_round(session)) {
		if (round_run(session, err) < 0)
			return -1;
		judge_round(session);
	}
	progress_end(steal_ptr(session->progress));
	return 0;
}

static int perform(struct session *session, int argc, char **argv)
{
	struct err err = ERR_INIT;
	if (selection_load(&session->selection, session->options.paths, session->options.path_count,
		&session->options.filter, &err) < 0)
		return print_error(&err);
	if (session->selection.count == 0) {
		fprintf(stderr,
		    "falsestart: none of %zu scenarios is selected by --filter or --tag; --list without them "
		    "names "
		    "all\n",
		    session->selection.seen);
		return EXIT_NOTHING;
	}
	if (session->options.list) {
		list(&session->selection);
		return EXIT_PASSED;
	}
	if (refuse_shared_ports(session, &err) < 0 || probe_outputs(session, &err) < 0)
		return print_error(&err);
	make_identity(session);
	if (session->options.seed == 0)
		session->options.seed = draw_fresh_seed();
	session->loop = loop_new();
	session->began_ns = loop_now_ns(session->loop);
	session->engine = engine_open(session->loop, session->options.engine, &err);
	if (!session->engine || prepare_reports(session, &err) < 0 || perform_rounds(session, &err) < 0)
		return print_error(&err);
	return run_report(session, argc, argv);
}

int command_run(int argc, char **argv)
{
	struct session session = { 0 };
	int status;
	if (run_options_parse(&session.options, argc, argv, &status) < 0)
		return status;
	status = perform(&session, argc, argv);
	release(&session);
	return status;
}

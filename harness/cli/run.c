#include "cli/command.h"
#include "cli/files.h"
#include "cli/judging.h"
#include "cli/progress.h"
#include "cli/run_options.h"
#include "cli/terminal.h"
#include "plan/secrets.h"
#include "report/report.h"
#include "run/runner.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* One `falsestart run`, from its command line to its exit status. */
struct session {
	struct run_options options;
	struct selection selection;
	struct loop *loop;
	struct engine *engine;
	struct runner *runner;
	struct progress *progress;
	char run_id[16], started_at[32], folder_name[64];
	char *folder;
	struct redactor **redactors; /* one a plan, as are the three below */
	char **trace_paths;
	int64_t *seeds;
	struct judged *judged;
	struct report_result *results;
	struct err failure; /* the run did not happen */
	bool has_leftover;  /* something of it is still on the engine */
	int64_t began_ns;
	int signal_number;
	size_t signals;
};

static void make_identity(struct session *session)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
	unsigned char bytes[8];
	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		BUG("no randomness");
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

/* Ten digits at most: somebody will have to type it. */
static int64_t draw_fresh_seed(void)
{
	uint32_t drawn;
	if (getrandom(&drawn, sizeof(drawn), 0) != sizeof(drawn))
		BUG("no randomness");
	return (int64_t)drawn + 1;
}

static int prepare_reports(struct session *session, struct err *err)
{
	size_t count = session->selection.count;
	session->folder = xasprintf("%s/%s", session->options.report, session->folder_name);
	if (folder_make(session->folder, err) < 0)
		return -1;
	session->redactors = xcalloc(count, sizeof(struct redactor *));
	session->trace_paths = xcalloc(count, sizeof(char *));
	session->seeds = xcalloc(count, sizeof(int64_t));
	session->judged = xcalloc(count, sizeof(struct judged));
	session->results = xcalloc(count, sizeof(struct report_result));
	for (size_t i = 0; i < count; i++) {
		const struct plan *plan = session->selection.plans[i];
		session->redactors[i] = redactor_new();
		stack_add_secrets(plan->stack, session->redactors[i]);
		session->seeds[i] = session->options.seed;
		session->trace_paths[i] = xasprintf("%s/%s.ndjson", session->folder, plan->name);
	}
	return 0;
}

/* Two worlds that publish the same port of the host cannot run side by side. */
static int refuse_shared_ports(const struct session *session, struct err *err)
{
	int owner[65536] = { 0 };
	for (size_t i = 0; i < session->selection.count; i++) {
		const struct stack *stack = session->selection.plans[i]->stack;
		for (size_t s = 0; s < stack->service_count; s++) {
			for (size_t p = 0; p < stack->services[s].port_count; p++) {
				int port = stack->services[s].ports[p].host_port;
				if (port && owner[port] && owner[port] != (int)i + 1 &&
				    session->options.jobs != 1)
					return err_set(err, ERR_INVALID,
					    "%s: service `%s` publishes port %d of the host, and so does %s: "
					    "they cannot "
					    "run side by side. Leave the host port out (`ports: [\"%d\"]`) "
					    "or use --jobs 1",
					    stack->file, stack->services[s].name, port,
					    session->selection.plans[owner[port] - 1]->file,
					    stack->services[s].ports[p].container_port);
				owner[port] = (int)i + 1;
			}
		}
	}
	return 0;
}

/* ---- while it runs ---- */

static void on_image(void *owner, const char *image, const char *status, int64_t current, int64_t total)
{
	struct session *session = owner;
	progress_image(session->progress, image, status, current, total);
}

static void on_world_started(void *owner, size_t plan, struct world *world)
{
	(void)world;
	struct session *session = owner;
	progress_world_started(session->progress, plan);
}

static void on_world_heard(void *owner, size_t plan, const struct event *event)
{
	struct session *session = owner;
	progress_event(session->progress, plan, event);
}

static void on_world_ended(void *owner, size_t index, const struct world_outcome *outcome)
{
	struct session *session = owner;
	if (err_is_set(&outcome->leftover)) {
		print_error(&outcome->leftover);
		session->has_leftover = true;
	}
	session->results[index] = (struct report_result){ .plan = session->selection.plans[index],
		.trace_file = session->trace_paths[index],
		.run_id = session->run_id,
		.wall_ns = outcome->took_ns };
	progress_world_ended(session->progress, index, world_end_names[outcome->end]);
}

static void on_done(void *owner, const struct err *err)
{
	struct session *session = owner;
	if (err && !err_is_set(&session->failure))
		session->failure = *err;
	loop_stop(session->loop);
}

static int interruption_status(int signal_number)
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

static int run_worlds(struct session *session, struct err *err)
{
	const struct plan *const *plans = (const struct plan *const *)session->selection.plans;
	size_t count = session->selection.count;
	session->progress = progress_start(&(struct progress_config){
	    .loop = session->loop, .plans = plans, .plan_count = count, .quiet = session->options.quiet });
	struct runner_config config = {
		.loop = session->loop,
		.engine = session->engine,
		.engine_address = session->options.engine,
		.run = session->run_id,
		.started_at = session->started_at,
		.plans = plans,
		.redactors = (const struct redactor *const *)session->redactors,
		.trace_paths = (const char *const *)session->trace_paths,
		.seeds = session->seeds,
		.plan_count = count,
		.jobs = session->options.jobs ? session->options.jobs : JOBS_DEFAULT,
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
	heed_signals(session, on_signal);
	loop_run(session->loop);
	heed_signals(session, NULL);
	return 0;
}

/* ---- afterwards ---- */

static int write_reports(const struct session *session, const struct report *report, struct err *err)
{
	struct buf junit CLEANUP(buf_release) = { 0 }, json CLEANUP(buf_release) = { 0 };
	struct buf text CLEANUP(buf_release) = { 0 };
	report_junit(report, &junit);
	report_json(report, &json);
	report_text(
	    report, &(struct report_text_options){ .utf8 = true, .verbose = true, .width = 110 }, &text);
	const struct {
		const char *name;
		const struct buf *contents;
		const char *copy;
	} documents[] = {
		{ "junit.xml", &junit, session->options.junit },
		{ "report.json", &json, session->options.json },
		{ "report.txt", &text, NULL },
	};
	/* The first error is told, and costs none of the other documents. */
	int result = 0;
	for (size_t i = 0; i < ARRAY_LENGTH(documents); i++) {
		char *path OWNED = xasprintf("%s/%s", session->folder, documents[i].name);
		if (file_replace(path, documents[i].contents, err) < 0)
			result = -1;
	}
	/* `latest` leads to reports that are whole. */
	char *latest OWNED = xasprintf("%s/latest", session->options.report);
	if (result == 0)
		result = link_replace(latest, session->folder_name, err);
	for (size_t i = 0; i < ARRAY_LENGTH(documents); i++)
		if (documents[i].copy && file_replace(documents[i].copy, documents[i].contents, err) < 0)
			result = -1;
	return result;
}

static void show(const struct session *session, const struct report *report)
{
	struct buf text CLEANUP(buf_release) = { 0 };
	report_text(report,
	    &(struct report_text_options){ .colour = terminal_has_colour(STDOUT_FILENO),
		.utf8 = terminal_has_utf8(),
		.verbose = session->options.verbose,
		.width = terminal_width(STDOUT_FILENO) },
	    &text);
	fwrite(buf_string(&text), 1, text.length, stdout);
	fflush(stdout);
	fprintf(stderr, "traces and reports: %s, seed %" PRId64 "\n", session->folder, session->options.seed);
}

/* Afterwards and not while other worlds run: judging takes the processor that their clocks need. */
static void judge_worlds(struct session *session)
{
	for (size_t i = 0; i < session->selection.count; i++) {
		struct report_result *result = &session->results[i];
		struct judged *judged = &session->judged[i];
		struct err err = ERR_INIT;
		if (!result->plan)
			continue;
		if (judge_file(judged, result->plan, session->trace_paths[i], &err) < 0) {
			if (!err_is_set(&session->failure))
				session->failure = err;
			result->plan = NULL;
			continue;
		}
		result->trace = judged->trace;
		result->judgement = judged->judgement;
	}
}

/* Only worlds that have begun are in the report. */
static size_t pack_results(struct session *session)
{
	size_t kept = 0;
	for (size_t i = 0; i < session->selection.count; i++)
		if (session->results[i].plan)
			session->results[kept++] = session->results[i];
	return kept;
}

static int report_on(struct session *session, int argc, char **argv)
{
	struct buf command CLEANUP(buf_release) = { 0 };
	buf_add_string(&command, "falsestart");
	for (int i = 0; i < argc; i++)
		buf_addf(&command, " %s", argv[i]);
	struct report report = {
		.results = session->results,
		.result_count = pack_results(session),
		.started_at = session->started_at,
		.falsestart_version = FALSESTART_VERSION,
		.engine_version = runner_engine_version(session->runner),
		.command = buf_string(&command),
		.speed = session->options.filter.speed,
		.wall_ns = loop_now_ns(session->loop) - session->began_ns,
		.lateness_ns = runner_lateness_ns(session->runner),
	};
	struct err err = ERR_INIT;
	int status = report_exit_status(&report);
	/* What was seen to fail has failed, whatever became of the engine afterwards. */
	if (status != EXIT_FAILED && (err_is_set(&session->failure) || session->has_leftover))
		status = EXIT_ENVIRONMENT;
	if (report.result_count > 0) {
		show(session, &report);
		if (write_reports(session, &report, &err) < 0)
			status = print_error(&err);
	}
	if (err_is_set(&session->failure) && report_totals(&report).environment == 0)
		print_error(&session->failure);
	if (session->signal_number)
		status = interruption_status(session->signal_number);
	return status;
}

static void release(struct session *session)
{
	runner_free(session->runner);
	progress_end(session->progress);
	engine_close(session->engine);
	loop_free(session->loop);
	if (session->folder)
		rmdir(session->folder); /* of a run that never began; what holds a trace or a report stays */
	for (size_t i = 0; i < session->selection.count; i++) {
		if (session->judged)
			judged_release(&session->judged[i]);
		if (session->redactors)
			redactor_free(session->redactors[i]);
		if (session->trace_paths)
			free(session->trace_paths[i]);
	}
	free(session->redactors);
	free(session->trace_paths);
	free(session->seeds);
	free(session->judged);
	free(session->results);
	free(session->folder);
	selection_release(&session->selection);
}

static void list(const struct selection *selection)
{
	for (size_t i = 0; i < selection->count; i++) {
		const struct plan *plan = selection->plans[i];
		printf("%-24s %s\n", plan->name, plan->title ? plan->title : "");
	}
}

static int perform(struct session *session, int argc, char **argv)
{
	struct err err = ERR_INIT;
	if (selection_load(&session->selection, session->options.paths, session->options.path_count,
		&session->options.filter, &err) < 0)
		return print_error(&err);
	if (session->selection.count == 0) {
		fprintf(stderr, "falsestart: none of %zu scenarios is selected by the filter\n",
		    session->selection.seen);
		return EXIT_NOTHING;
	}
	if (session->options.list) {
		list(&session->selection);
		return EXIT_PASSED;
	}
	if (refuse_shared_ports(session, &err) < 0)
		return print_error(&err);
	make_identity(session);
	if (session->options.seed == 0)
		session->options.seed = draw_fresh_seed();
	session->loop = loop_new();
	session->began_ns = loop_now_ns(session->loop);
	session->engine = engine_open(session->loop, session->options.engine, &err);
	if (!session->engine || prepare_reports(session, &err) < 0 || run_worlds(session, &err) < 0)
		return print_error(&err);
	judge_worlds(session);
	progress_end(steal_ptr(session->progress));
	return report_on(session, argc, argv);
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

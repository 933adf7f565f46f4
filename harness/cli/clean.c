/* clean: what falsestart made and nothing else; and reap, the same for one run once its runner has died. */
#include "base/duration.h"
#include "cli/command.h"
#include "engine/engine.h"
#include "run/cleaning.h"
#include "run/reaper.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

/* An engine that was restarted under the runner is back within REAP_TRIES. And what the runner asked for last
 * may come into being only after the first look: the engine does it, whether or not anybody waits for the
 * answer. */
enum { REAP_TRIES = 30, REAP_LOOKS = 6 };
static const int64_t REAP_RETRY_NS = 2 * NS_PER_S;

struct clean {
	struct loop *loop;
	struct engine *engine;
	const char *run;
	struct cleaning *cleaning;
	struct engine_call *call;
	struct timer *timer;
	int tries_left; /* of the engine's failing */
	int looks_left; /* of its having done what was asked */
	struct cleaning_result result;
};

static void try_again(void *owner);

static void end_try(struct clean *clean)
{
	int *left = err_is_set(&clean->result.err) ? &clean->tries_left : &clean->looks_left;
	if (--*left <= 0) {
		loop_stop(clean->loop);
		return;
	}
	clean->timer = timer_start(clean->loop, loop_now_ns(clean->loop) + REAP_RETRY_NS, try_again, clean);
}

static void cleaned(void *owner, const struct cleaning_result *result)
{
	struct clean *clean = owner;
	clean->cleaning = NULL;
	clean->result.containers += result->containers;
	clean->result.networks += result->networks;
	clean->result.volumes += result->volumes;
	clean->result.err = result->err;
	end_try(clean);
}

static void negotiated(void *owner, json_t *reply, const struct err *err)
{
	(void)reply;
	struct clean *clean = owner;
	clean->call = NULL;
	if (err) {
		clean->result.err = *err;
		end_try(clean);
		return;
	}
	clean->cleaning = cleaning_start(clean->loop, clean->engine, clean->run, 0, cleaned, clean);
}

static void try_again(void *owner)
{
	struct clean *clean = owner;
	clean->timer = NULL;
	clean->call = engine_negotiate(clean->engine, negotiated, clean);
}

static void clean_close(struct clean *clean)
{
	engine_close(clean->engine);
	loop_free(clean->loop);
}

/* `run` NULL: all runs. */
static int clean_open(struct clean *clean, const char *run, const char *address, struct err *err)
{
	*clean = (struct clean){ .run = run, .loop = loop_new() };
	clean->engine = engine_open(clean->loop, address, err);
	if (clean->engine)
		return 0;
	loop_free(clean->loop);
	return -1;
}

/* Returns the exit status; clean->result tells what was removed. */
static int clean_engine(struct clean *clean, int tries, int looks)
{
	clean->tries_left = tries;
	clean->looks_left = looks;
	try_again(clean);
	loop_run(clean->loop);
	return err_is_set(&clean->result.err) ? print_error(&clean->result.err) : EXIT_PASSED;
}

struct clean_options {
	const char *run, *engine;
};

static int parse(struct clean_options *options, int argc, char **argv, const char *command, const char *help,
    int *ret_status)
{
	static const struct option long_options[] = {
		{ "run", required_argument, NULL, 'r' },
		{ "engine", required_argument, NULL, 'e' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	*ret_status = EXIT_USAGE;
	for (int option; (option = getopt_long(argc, argv, "h", long_options, NULL)) != -1;) {
		if (option == 'h') {
			puts(help);
			*ret_status = EXIT_PASSED;
			return -1;
		}
		if (option != 'r' && option != 'e') {
			option_error(command, long_options, argv);
			return -1;
		}
		*(option == 'r' ? &options->run : &options->engine) = optarg;
	}
	if (optind == argc)
		return 0;
	usage_error(command, "%s takes no argument `%s`", command, argv[optind]);
	return -1;
}

static const char help[] = "usage: falsestart clean [--run ID] [--engine ADDR]\n"
			   "\n"
			   "Removes the containers, networks and volumes that runs left behind (after a\n"
			   "power cut, say), found by their label io.falsestart.run; with --run only those\n"
			   "of one run. Runs under way lose theirs too.";

int command_clean(int argc, char **argv)
{
	struct clean_options options = { 0 };
	int status;
	if (parse(&options, argc, argv, "clean", help, &status) < 0)
		return status;
	struct clean clean;
	struct err err = ERR_INIT;
	if (clean_open(&clean, options.run, options.engine, &err) < 0)
		return print_error(&err);
	status = clean_engine(&clean, 1, 1);
	size_t removed = clean.result.containers + clean.result.networks + clean.result.volumes;
	/* Of an engine that did not answer nobody knows that there is nothing on it. */
	if (status == EXIT_PASSED || removed > 0)
		printf("removed %zu containers, %zu networks, %zu volumes\n", clean.result.containers,
		    clean.result.networks, clean.result.volumes);
	clean_close(&clean);
	return status;
}

int command_reap(int argc, char **argv)
{
	struct clean_options options = { 0 };
	int status;
	if (parse(&options, argc, argv, "reap",
		"usage: falsestart reap --run ID [--engine ADDR]\n\n"
		"Waits until standard input breaks without a farewell, then cleans up after the run. Started "
		"by `run`.",
		&status) < 0)
		return status;
	if (!options.run)
		return usage_error("reap", "reap takes --run ID; it is started by `falsestart run`");
	signal(SIGTERM, SIG_IGN); /* whoever ends the runner's process group means the runner */
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	/* Found while the runner has it: an engine that is being restarted has no socket to be found by. */
	struct clean clean;
	struct err err = ERR_INIT;
	if (clean_open(&clean, options.run, options.engine, &err) < 0)
		return print_error(&err);
	status = reaper_await(STDIN_FILENO) == 0 ? EXIT_PASSED : clean_engine(&clean, REAP_TRIES, REAP_LOOKS);
	clean_close(&clean);
	return status;
}

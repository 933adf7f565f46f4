/*
 * session: one `falsestart run`, from its command line to its exit status. run.c leads it through its rounds,
 * round.c runs the worlds of one, run_reports.c tells what came of all.
 *
 * A round is what runs side by side before anything is judged: judging takes the processor that clocks need.
 * Most runs have one; retries make further ones, and `--until fail` has to look after every few worlds.
 */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include "cli/progress.h"
#include "cli/run_options.h"
#include "cli/worlds.h"
#include "run/runner.h"

struct session {
	struct run_options options;
	struct selection selection;
	struct loop *loop;
	struct engine *engine;
	struct progress *progress;
	char run_id[16], started_at[32], folder_name[64];
	char *folder;
	struct redactor **redactors; /* one a plan */
	struct worlds worlds;
	size_t next; /* the first of `worlds` that no round has taken yet */
	size_t round_first, round_count;
	struct runner *runner; /* of the round under way, or the last */
	char *engine_version;
	int64_t lateness_ns;
	struct run_world *stopped_by; /* --until fail: the first world that failed */
	struct err failure;           /* the run did not happen */
	bool has_leftover;            /* something of it is still on the engine */
	int64_t began_ns;
	int signal_number;
	size_t signals;
	char *farewell; /* said when a second signal leaves the reports unwritten */
};

/* Runs worlds[round_first] and those behind it. -1: no runner could be had; other failures are the session's.
 */
int round_run(struct session *session, struct err *err) MUST_CHECK;

int interruption_status(int signal_number);

/* Shows and writes the reports of all worlds that were judged; returns the exit status. */
int run_report(struct session *session, int argc, char **argv);

#endif

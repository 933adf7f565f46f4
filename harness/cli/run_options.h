/* run_options: the command line of `falsestart run`. */
#ifndef CLI_RUN_OPTIONS_H
#define CLI_RUN_OPTIONS_H

#include "cli/selection.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct run_options {
	struct selection_filter filter;
	int64_t seed;    /* from 1; 0: one is to be drawn */
	size_t jobs;     /* 0: the runner chooses */
	int repeat;      /* every scenario so many times, from 1 */
	int retries;     /* a world that did not pass is tried again at most so often */
	bool until_fail; /* stop after the first world that failed; `repeat` is the limit */
	bool allow_flaky;
	bool list, verbose, quiet;
	const char *report;       /* folder */
	const char *junit, *json; /* further copies, or NULL */
	const char *engine;       /* address, or NULL */
	char *const *paths;
	size_t path_count;
};
/* Worlds mostly wait; what they cost is the engine's work at their beginning and end, which it does a few at
 * a time. */
enum { JOBS_MAX = 64 };
enum { REPEAT_MAX = 10000, REPEAT_UNTIL = 1000, RETRIES_MAX = 100 };

/* 0; or -1 when the program is to end with *ret_status (--help, or a usage error, which was said). */
int run_options_parse(struct run_options *options, int argc, char **argv, int *ret_status);

#endif

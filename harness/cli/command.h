/* command: the subcommands; each parses its own arguments and returns the exit status. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "base/err.h"

enum exit_status {
	EXIT_PASSED = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,       /* or an invalid scenario */
	EXIT_ENVIRONMENT = 3, /* engine, image, agent */
	EXIT_INCONCLUSIVE = 4,
	EXIT_NOTHING = 5, /* nothing was selected */
	EXIT_HUNG_UP = 129,
	EXIT_INTERRUPTED = 130,
	EXIT_TERMINATED = 143,
};

struct command {
	const char *name;
	const char *arguments; /* for --help */
	const char *summary;   /* NULL: not shown */
	int (*run)(int argc, char **argv);
};

extern const struct command commands[]; /* ends with a NULL name */

int command_run(int argc, char **argv);
int command_check(int argc, char **argv);
int command_compare(int argc, char **argv);
int command_doctor(int argc, char **argv);
int command_clean(int argc, char **argv);
int command_reap(int argc, char **argv);

/* "falsestart: <message>" on stderr; returns the exit status that belongs to the error. */
int print_error(const struct err *err);
/* Tells that a report could not be written; returns what the command ends with, which was to end with
 * `status`: what was seen to fail has failed, written down or not. */
int status_without_report(int status, const struct err *err);
/* Tells what getopt_long() has just refused, with what would be right; returns EXIT_USAGE. */
struct option;
int option_error(const char *command, const struct option *options, char *const *argv);
/* Tells that an option or argument is wrong and where help is; returns EXIT_USAGE. */
int usage_error(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif

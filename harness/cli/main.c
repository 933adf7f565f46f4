#include "cli/command.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const struct command commands[] = {
	{ "run", "[OPTION]… PATH…", "run scenarios (files or folders) and judge them", command_run },
	{ "check", "SCENARIO TRACE", "judge a recorded trace again, with no engine", command_check },
	{ "compare", "OLD NEW", "say what really changed between two sets of runs", command_compare },
	{ "doctor", "", "look at engine, rights, images, kernel; say how to mend what is wrong",
	    command_doctor },
	{ "clean", "[--run ID]", "remove what an earlier run left on the engine", command_clean },
	{ "reap", "--run ID", NULL, command_reap },
	{ NULL, NULL, NULL, NULL },
};

static void print_help(FILE *out)
{
	fputs("falsestart finds services that start before the gun: it runs them and their\n"
	      "dependencies in every wrong order on a real container engine, watches what they\n"
	      "do, and judges it.\n"
	      "\n"
	      "usage: falsestart COMMAND …\n"
	      "\n",
	    out);
	for (const struct command *command = commands; command->name; command++)
		if (command->summary)
			fprintf(out, "  %s%s%s\n          %s\n", command->name,
			    *command->arguments ? " " : "", command->arguments, command->summary);
	fputs("\n"
	      "falsestart COMMAND --help tells more. Exit status: 0 passed, 1 failed, 2 usage\n"
	      "or invalid scenario, 3 environment (engine, image, agent), 4 inconclusive,\n"
	      "5 nothing selected, 129/130/143 interrupted.\n",
	    out);
}

/* What is opened first would take the place of a standard stream that is closed, and get what is meant for
 * it. */
static void open_standard_streams(void)
{
	int fd;
	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

/* Of a pipe that is gone: its reader has read enough (head), which is none of our business. */
static bool is_read_by_a_program(void)
{
	struct stat status;
	return fstat(STDOUT_FILENO, &status) == 0 && (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode));
}

/* Results that nobody got are no success. */
static int finish_output(int status)
{
	bool is_lost = fflush(stdout) != 0 || ferror(stdout);
	if (!is_lost || is_read_by_a_program())
		return status;
	struct err err = ERR_INIT;
	err_set(&err, ERR_ENVIRONMENT,
	    "standard output took not all that was to be told; is there room where it goes?");
	int failed = print_error(&err);
	return status == EXIT_PASSED ? failed : status;
}

static const struct command *find_command(const char *name)
{
	for (const struct command *command = commands; command->name; command++)
		if (strcmp(command->name, name) == 0)
			return command;
	return NULL;
}

static int run_command(const char *name, int argc, char **argv)
{
	const struct command *command = find_command(name);
	if (!command)
		return usage_error("",
		    "there is no command `%s`; the commands are run, check, compare, doctor and clean", name);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	int status = command->run(argc, argv);
	curl_global_cleanup();
	return status;
}

static int dispatch(int argc, char **argv)
{
	if (argc < 2) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	char *name = argv[1];
	bool is_help = strcmp(name, "help") == 0;
	if (is_help && argc > 2) {
		char option[] = "--help", *asked[] = { argv[2], option, NULL };
		return run_command(argv[2], 2, asked);
	}
	if (is_help || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
		print_help(stdout);
		return EXIT_PASSED;
	}
	if (strcmp(name, "--version") == 0) {
		puts("falsestart " FALSESTART_VERSION);
		return EXIT_PASSED;
	}
	return run_command(name, argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	open_standard_streams();
	signal(SIGPIPE, SIG_IGN);
	opterr = 0; /* option_error() says more */
	return finish_output(dispatch(argc, argv));
}

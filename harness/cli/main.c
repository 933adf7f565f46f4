#include "base/buf.h"
#include "base/memory.h"
#include "cli/command.h"

#include <curl/curl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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

int print_error(const struct err *err)
{
	char text[ERR_FILE_MAX + ERR_MESSAGE_MAX + 64];
	struct buf visible CLEANUP(buf_release) = { 0 };
	err_format(err, text, sizeof(text));
	buf_add_visible(&visible, text, strlen(text), sizeof(text));
	fprintf(stderr, "falsestart: %s\n", buf_string(&visible));
	switch (err->kind) {
	case ERR_USAGE:
	case ERR_INVALID:
		return EXIT_USAGE;
	case ERR_INTERRUPTED:
		return EXIT_INTERRUPTED;
	case ERR_NONE:
	case ERR_NOT_FOUND:
	case ERR_ENVIRONMENT:
		return EXIT_ENVIRONMENT;
	}
	BUG("error kind %d", (int)err->kind);
}

int usage_error(const char *command, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	fputs("falsestart: ", stderr);
	vfprintf(stderr, format, arguments);
	fprintf(stderr, "\nTry `falsestart %s%s--help`.\n", command, *command ? " " : "");
	va_end(arguments);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (argc < 2) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	const char *name = argv[1];
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
		print_help(stdout);
		return EXIT_PASSED;
	}
	if (strcmp(name, "--version") == 0) {
		puts("falsestart " FALSESTART_VERSION);
		return EXIT_PASSED;
	}
	for (const struct command *command = commands; command->name; command++) {
		if (strcmp(command->name, name) != 0)
			continue;
		curl_global_init(CURL_GLOBAL_DEFAULT);
		int status = command->run(argc - 1, argv + 1);
		curl_global_cleanup();
		return status;
	}
	return usage_error(
	    "", "there is no command `%s`; the commands are run, check, compare, doctor and clean", name);
}

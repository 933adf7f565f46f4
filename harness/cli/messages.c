/* What the commands say on standard error when they cannot do what they were asked. */
#include "base/buf.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/terminal.h"
#include "plan/nearest.h"
#include "report/glyph.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Names of files, and what stands in them, may hold anything. */
static void say(const char *text)
{
	struct buf safe CLEANUP(buf_release) = { 0 };
	glyph_add_safe(&safe, text, strlen(text), ERR_FILE_MAX + ERR_MESSAGE_MAX + 64, !terminal_has_utf8());
	fprintf(stderr, "falsestart: %s\n", buf_string(&safe));
}

int print_error(const struct err *err)
{
	char text[ERR_FILE_MAX + ERR_MESSAGE_MAX + 64];
	err_format(err, text, sizeof(text));
	say(text);
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

int status_without_report(int status, const struct err *err)
{
	int trouble = print_error(err);
	return status == EXIT_FAILED ? status : trouble;
}

int usage_error(const char *command, const char *format, ...)
{
	struct buf text CLEANUP(buf_release) = { 0 };
	va_list arguments;
	va_start(arguments, format);
	buf_vaddf(&text, format, arguments);
	va_end(arguments);
	say(buf_string(&text));
	fprintf(stderr, "Try `falsestart %s%s--help`.\n", command, *command ? " " : "");
	return EXIT_USAGE;
}

static const struct option *option_of(const struct option *options, int value)
{
	for (; options->name; options++)
		if (options->val == value)
			return options;
	return NULL;
}

int option_error(const char *command, const struct option *options, char *const *argv)
{
	const struct option *known = optopt ? option_of(options, optopt) : NULL;
	if (known && known->has_arg == required_argument)
		return usage_error(command, "--%s takes a value", known->name);
	if (known)
		return usage_error(
		    command, "--%s takes no value, unlike `%s`", known->name, argv[optind - 1]);
	if (optopt)
		return usage_error(command, "there is no option `-%c`", optopt);
	const char *given = argv[optind - 1];
	char *word OWNED = xmemdup0(given, strcspn(given, "="));
	struct nearest nearest = nearest_to(word + strspn(word, "-"));
	for (; options->name; options++)
		nearest_offer(&nearest, options->name);
	const char *found = nearest_found(&nearest);
	return usage_error(command, "there is no option `%s`%s%s%s", word, found ? "; did you mean `--" : "",
	    found ? found : "", found ? "`?" : "");
}

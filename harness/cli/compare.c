#include "cli/command.h"
#include "cli/files.h"
#include "cli/outputs.h"
#include "cli/terminal.h"
#include "report/comparison.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const size_t REPORT_MAX = 512000000;
/* Below this no number of runs that anybody makes could tell anything. */
#define ALPHA_LEAST 1e-9

enum long_only { OPTION_ALPHA = 256, OPTION_JSON, OPTION_THRESHOLD };

struct compare_options {
	struct comparison_limits limits;
	bool verbose;
	const char *json, *old_path, *new_path;
};

static void print_help(void)
{
	puts("usage: falsestart compare [OPTION]… OLD NEW\n"
	     "\n"
	     "Says what really changed between two sets of runs, and what chance could have\n"
	     "done. OLD and NEW are reports of `falsestart run --repeat N --json FILE`, or\n"
	     "folders that hold a report.json (reports/latest).\n"
	     "\n"
	     "      --alpha P       how unlikely chance must be, over all figures together\n"
	     "                      (default 0.01)\n"
	     "      --threshold N%  by how much a median must have moved (default 10%)\n"
	     "      --json FILE     also write every figure here\n"
	     "  -v, --verbose       show what did not change, too\n"
	     "\n"
	     "Exit status: 0 nothing got worse, 1 something did, 2 usage or no such reports,\n"
	     "4 there were too few runs to tell anything, or a scenario of both was not judged\n"
	     "once in one of them.");
}

static int parse_share(
    const char *option, const char *text, double scale, double least, double most, double *ret)
{
	/* strtod() would take blanks, signs, hexadecimals and infinities, too. */
	const char *plain_end = text + strspn(text, "0123456789.eE+-");
	bool is_plain = isdigit((unsigned char)*text) || *text == '.';
	char *end;
	errno = 0;
	double number = strtod(text, &end);
	is_plain = is_plain && end != text && end == plain_end;
	if (scale != 1 && *end == '%')
		end++;
	if (errno || !is_plain || *end || number < least || number > most)
		return usage_error(
			   "compare", "%s takes a number from %g to %g, not `%s`", option, least, most, text),
		       -1;
	*ret = number / scale;
	return 0;
}

static int take_option(struct compare_options *options, int option)
{
	switch (option) {
	case OPTION_ALPHA:
		return parse_share("--alpha", optarg, 1, ALPHA_LEAST, 0.5, &options->limits.alpha);
	case OPTION_THRESHOLD:
		return parse_share("--threshold", optarg, 100, 0, 10000, &options->limits.threshold);
	case OPTION_JSON:
		options->json = optarg;
		return 0;
	case 'v':
		options->verbose = true;
		return 0;
	default:
		BUG("option %d", option);
	}
}

static char *report_at(const char *path)
{
	struct stat status;
	bool is_folder = stat(path, &status) == 0 && S_ISDIR(status.st_mode);
	return is_folder ? xasprintf("%s/report.json", path) : xstrdup(path);
}

static struct recorded *load(const char *file, struct err *err)
{
	struct buf contents CLEANUP(buf_release) = { 0 };
	if (file_load(file, REPORT_MAX, &contents, err) < 0)
		return NULL;
	return recorded_read(buf_string(&contents), contents.length, file, err);
}

static int show(const struct comparison *comparison, const struct compare_options *options, struct err *err)
{
	struct buf text CLEANUP(buf_release) = { 0 }, json CLEANUP(buf_release) = { 0 };
	comparison_text(comparison, &options->limits,
	    &(struct report_text_options){ .colour = terminal_has_colour(STDOUT_FILENO),
		.utf8 = terminal_has_utf8(),
		.verbose = options->verbose,
		.width = terminal_width(STDOUT_FILENO) },
	    &text);
	fwrite(buf_string(&text), 1, text.length, stdout);
	fflush(stdout); /* the file may be standard output, too */
	if (!options->json)
		return 0;
	comparison_json(comparison, &options->limits, &json);
	return file_replace(options->json, &json, err);
}

static int perform(const struct compare_options *options)
{
	struct err err = ERR_INIT;
	char *old_file OWNED = report_at(options->old_path), *new_file OWNED = report_at(options->new_path);
	const struct output json = { "--json", options->json };
	const char *const inputs[] = { old_file, new_file };
	if (outputs_probe(&json, 1, inputs, ARRAY_LENGTH(inputs), &err) < 0)
		return print_error(&err);
	struct recorded *old_runs = load(old_file, &err), *new_runs = NULL;
	struct comparison *comparison = NULL;
	if (old_runs)
		new_runs = load(new_file, &err);
	if (new_runs)
		comparison = compare(old_runs, new_runs, &options->limits, &err);
	int status = comparison ? comparison_exit_status(comparison) : 0;
	if (!comparison || show(comparison, options, &err) < 0)
		status = print_error(&err);
	comparison_free(comparison);
	recorded_free(old_runs);
	recorded_free(new_runs);
	return status;
}

int command_compare(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "alpha", required_argument, NULL, OPTION_ALPHA },
		{ "threshold", required_argument, NULL, OPTION_THRESHOLD },
		{ "json", required_argument, NULL, OPTION_JSON },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct compare_options options = { .limits = { .alpha = 0.01, .threshold = 0.1 } };
	for (int option; (option = getopt_long(argc, argv, "vh", long_options, NULL)) != -1;) {
		if (option == 'h') {
			print_help();
			return EXIT_PASSED;
		}
		if (option == '?')
			return option_error("compare", long_options, argv);
		if (take_option(&options, option) < 0)
			return EXIT_USAGE;
	}
	if (argc - optind != 2)
		return usage_error("compare", "compare takes two reports, the old one first");
	options.old_path = argv[optind];
	options.new_path = argv[optind + 1];
	return perform(&options);
}

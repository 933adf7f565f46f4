#include "cli/run_options.h"

#include "base/number.h"
#include "base/random.h"
#include "cli/command.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum long_only {
	OPTION_ALLOW_FLAKY = 256,
	OPTION_ENGINE,
	OPTION_JSON,
	OPTION_JUNIT,
	OPTION_LIST,
	OPTION_REPEAT,
	OPTION_REPORT,
	OPTION_RETRIES,
	OPTION_SEED,
	OPTION_UNTIL,
};

static void print_help(void)
{
	puts("usage: falsestart run [OPTION]… PATH…\n"
	     "\n"
	     "Runs the scenarios of PATH… (files, or folders of them), each in its own world.\n"
	     "\n"
	     "  -s, --speed N      tell the story N times faster (what is `real` is kept)\n"
	     "  -f, --filter TEXT  only scenarios whose name contains TEXT\n"
	     "  -t, --tag TAG      only scenarios with this tag\n"
	     "  -j, --jobs N       at most N worlds at a time (default: what processors bear)\n"
	     "      --seed N       draw every `jitter` from this seed (default: a fresh one)\n"
	     "      --repeat N     run every scenario N times: k of N, and how figures spread\n"
	     "      --until fail   stop after the first failure, or --repeat (default 1000)\n"
	     "      --retries N    run again what did not pass, at most N times; what passes\n"
	     "                     then, after a failure, is `flaky`\n"
	     "      --allow-flaky  do not count what is flaky as failed\n"
	     "      --list         name what would run, and stop\n"
	     "      --report DIR   where traces and reports go (default: reports)\n"
	     "      --junit FILE   also write JUnit XML here; --json FILE the same for JSON\n"
	     "      --engine ADDR  unix:///path or tcp://host:port (default: DOCKER_HOST)\n"
	     "  -v, --verbose      show every expectation and a timeline of each world\n"
	     "  -q, --quiet        no live progress\n"
	     "\n"
	     "The verdicts go to standard output, progress to standard error.");
}

static int parse_speed(const char *text, double *ret_speed)
{
	char *end;
	errno = 0;
	double speed = strtod(text, &end);
	if (errno || end == text || *end || !isfinite(speed) || speed < SPEED_MIN || speed > SPEED_MAX)
		return usage_error("run", "--speed takes a number from 0.01 to 1000, not `%s`", text), -1;
	*ret_speed = speed;
	return 0;
}

static int parse_whole(const char *option, const char *text, int64_t least, int64_t most, int64_t *ret_number)
{
	if (number_parse(text, least, most, ret_number) < 0)
		return usage_error("run", "%s takes a whole number from %" PRId64 " to %" PRId64 ", not `%s`",
			   option, least, most, text),
		       -1;
	return 0;
}

static int parse_int(const char *option, const char *text, int least, int most, int *ret_number)
{
	int64_t number;
	if (parse_whole(option, text, least, most, &number) < 0)
		return -1;
	*ret_number = (int)number;
	return 0;
}

/* What takes a number or a word. */
static int take_value(struct run_options *options, int option, const char *text)
{
	int64_t jobs;
	switch (option) {
	case 's':
		return parse_speed(text, &options->filter.speed);
	case 'j':
		if (parse_whole("--jobs", text, 1, JOBS_MAX, &jobs) < 0)
			return -1;
		options->jobs = (size_t)jobs;
		return 0;
	case OPTION_SEED:
		return parse_whole("--seed", text, 1, SEED_MAX, &options->seed);
	case OPTION_REPEAT:
		return parse_int("--repeat", text, 1, REPEAT_MAX, &options->repeat);
	case OPTION_RETRIES:
		return parse_int("--retries", text, 0, RETRIES_MAX, &options->retries);
	case OPTION_UNTIL:
		if (strcmp(text, "fail") != 0)
			return usage_error("run", "--until takes the word `fail`, not `%s`", text), -1;
		options->until_fail = true;
		return 0;
	default:
		BUG("option %d", option);
	}
}

static int take_option(struct run_options *options, int option, const char *text)
{
	switch (option) {
	case 'f':
		options->filter.name = text;
		return 0;
	case 't':
		options->filter.tag = text;
		return 0;
	case OPTION_ALLOW_FLAKY:
		options->allow_flaky = true;
		return 0;
	case OPTION_LIST:
		options->list = true;
		return 0;
	case OPTION_REPORT:
		options->report = text;
		return 0;
	case OPTION_JUNIT:
		options->junit = text;
		return 0;
	case OPTION_JSON:
		options->json = text;
		return 0;
	case OPTION_ENGINE:
		options->engine = text;
		return 0;
	case 'v':
		options->verbose = true;
		return 0;
	case 'q':
		options->quiet = true;
		return 0;
	default:
		return take_value(options, option, text);
	}
}

/* What makes sense alone only. */
static int check_together(struct run_options *options)
{
	if (options->until_fail && options->retries)
		return usage_error("run",
			   "--until fail looks for a failure and --retries forgives it; give one of them"),
		       -1;
	if (options->allow_flaky && !options->retries)
		return usage_error("run", "nothing is flaky without --retries, so --allow-flaky needs it"),
		       -1;
	if (options->repeat == 0)
		options->repeat = options->until_fail ? REPEAT_UNTIL : 1;
	if (options->path_count == 0)
		return usage_error("run", "no scenario is named; give files or folders, such as `scenarios`"),
		       -1;
	return 0;
}

int run_options_parse(struct run_options *options, int argc, char **argv, int *ret_status)
{
	static const struct option long_options[] = {
		{ "speed", required_argument, NULL, 's' },
		{ "filter", required_argument, NULL, 'f' },
		{ "tag", required_argument, NULL, 't' },
		{ "jobs", required_argument, NULL, 'j' },
		{ "seed", required_argument, NULL, OPTION_SEED },
		{ "repeat", required_argument, NULL, OPTION_REPEAT },
		{ "until", required_argument, NULL, OPTION_UNTIL },
		{ "retries", required_argument, NULL, OPTION_RETRIES },
		{ "allow-flaky", no_argument, NULL, OPTION_ALLOW_FLAKY },
		{ "list", no_argument, NULL, OPTION_LIST },
		{ "report", required_argument, NULL, OPTION_REPORT },
		{ "junit", required_argument, NULL, OPTION_JUNIT },
		{ "json", required_argument, NULL, OPTION_JSON },
		{ "engine", required_argument, NULL, OPTION_ENGINE },
		{ "verbose", no_argument, NULL, 'v' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	*options = (struct run_options){ .filter = { .speed = 1 }, .report = "reports" };
	*ret_status = EXIT_USAGE;
	for (int option; (option = getopt_long(argc, argv, "s:f:t:j:vqh", long_options, NULL)) != -1;) {
		if (option == 'h') {
			print_help();
			*ret_status = EXIT_PASSED;
			return -1;
		}
		if (option == '?')
			return option_error("run", long_options, argv), -1;
		if (take_option(options, option, optarg) < 0)
			return -1;
	}
	options->paths = argv + optind;
	options->path_count = (size_t)(argc - optind);
	return check_together(options);
}

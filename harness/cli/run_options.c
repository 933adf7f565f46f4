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

enum long_only { OPTION_ENGINE = 256, OPTION_JSON, OPTION_JUNIT, OPTION_LIST, OPTION_REPORT, OPTION_SEED };

static void print_help(void)
{
	puts(
	    "usage: falsestart run [OPTION]… PATH…\n"
	    "\n"
	    "Runs the scenarios of PATH… (files, or folders of them), each in a world of its own, side by "
	    "side.\n"
	    "\n"
	    "  -s, --speed N      tell the story N times faster (durations marked `real` are kept)\n"
	    "  -f, --filter TEXT  only scenarios whose name contains TEXT\n"
	    "  -t, --tag TAG      only scenarios with this tag\n"
	    "  -j, --jobs N       at most N worlds at a time (default: all, at most 12)\n"
	    "      --seed N       draw every `jitter:` from this seed (default: a fresh one, which is told)\n"
	    "      --list         name what would run, and stop\n"
	    "      --report DIR   where traces and reports go, each run in a folder of its own (default: "
	    "reports)\n"
	    "      --junit FILE   also write JUnit XML here; --json FILE the same for JSON\n"
	    "      --engine ADDR  unix:///path, tcp://host:port (default: DOCKER_HOST, then the usual "
	    "sockets)\n"
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
		return -1;
	*ret_speed = speed;
	return 0;
}

static int parse_jobs(const char *text, size_t *ret_jobs)
{
	char *end;
	errno = 0;
	long jobs = strtol(text, &end, 10);
	if (errno || end == text || *end || jobs < 1 || jobs > JOBS_MAX)
		return -1;
	*ret_jobs = (size_t)jobs;
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
		switch (option) {
		case 's':
			if (parse_speed(optarg, &options->filter.speed) < 0)
				return usage_error("run",
					   "--speed takes a number from 0.01 to 1000, not `%s`", optarg),
				       -1;
			break;
		case 'f':
			options->filter.name = optarg;
			break;
		case 't':
			options->filter.tag = optarg;
			break;
		case 'j':
			if (parse_jobs(optarg, &options->jobs) < 0)
				return usage_error("run",
					   "--jobs takes a whole number from 1 to %d, not `%s`", JOBS_MAX,
					   optarg),
				       -1;
			break;
		case OPTION_SEED:
			if (number_parse(optarg, 1, SEED_MAX, &options->seed) < 0)
				return usage_error("run",
					   "--seed takes a whole number from 1 to %" PRId64 ", not `%s`",
					   SEED_MAX, optarg),
				       -1;
			break;
		case OPTION_LIST:
			options->list = true;
			break;
		case OPTION_REPORT:
			options->report = optarg;
			break;
		case OPTION_JUNIT:
			options->junit = optarg;
			break;
		case OPTION_JSON:
			options->json = optarg;
			break;
		case OPTION_ENGINE:
			options->engine = optarg;
			break;
		case 'v':
			options->verbose = true;
			break;
		case 'q':
			options->quiet = true;
			break;
		case 'h':
			print_help();
			*ret_status = EXIT_PASSED;
			return -1;
		default:
			fputs("Try `falsestart run --help`.\n", stderr);
			return -1;
		}
	}
	options->paths = argv + optind;
	options->path_count = (size_t)(argc - optind);
	if (options->path_count == 0)
		return usage_error("run", "no scenario is named; give files or folders, such as `scenarios`"),
		       -1;
	return 0;
}

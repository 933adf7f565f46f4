#include "cli/command.h"
#include "cli/files.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "loop/interruption.h"
#include "report/describe.h"
#include "report/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int write_reports(const struct session *session, const struct report *report, struct err *err)
{
	struct buf junit CLEANUP(buf_release) = { 0 }, json CLEANUP(buf_release) = { 0 };
	struct buf text CLEANUP(buf_release) = { 0 };
	report_junit(report, &junit);
	report_json(report, &json);
	report_text(
	    report, &(struct report_text_options){ .utf8 = true, .verbose = true, .width = 110 }, &text);
	const struct {
		const char *name;
		const struct buf *contents;
		const char *copy;
	} documents[] = {
		{ "junit.xml", &junit, session->options.junit },
		{ "report.json", &json, session->options.json },
		{ "report.txt", &text, NULL },
	};
	/* The first error is told, and costs none of the other documents. */
	int result = 0;
	for (size_t i = 0; i < ARRAY_LENGTH(documents); i++) {
		char *path OWNED = xasprintf("%s/%s", session->folder, documents[i].name);
		if (file_replace(path, documents[i].contents, err) < 0)
			result = -1;
	}
	/* `latest` leads to reports that are whole. */
	char *latest OWNED = xasprintf("%s/latest", session->options.report);
	if (result == 0)
		result = link_replace(latest, session->folder_name, err);
	for (size_t i = 0; i < ARRAY_LENGTH(documents); i++)
		if (documents[i].copy && file_replace(documents[i].copy, documents[i].contents, err) < 0)
			result = -1;
	return result;
}

static void show(const struct session *session, const struct report *report)
{
	struct buf text CLEANUP(buf_release) = { 0 };
	report_text(report,
	    &(struct report_text_options){ .colour = terminal_has_colour(STDOUT_FILENO),
		.utf8 = terminal_has_utf8(),
		.verbose = session->options.verbose,
		.width = terminal_width(STDOUT_FILENO) },
	    &text);
	fwrite(buf_string(&text), 1, text.length, stdout);
	fflush(stdout);
}

/* --until fail: which one it was, and how to have it again. */
static void tell_stop(const struct session *session, const struct report *report)
{
	for (size_t i = 0; session->stopped_by && i < report->result_count; i++) {
		const struct report_result *result = &report->results[i];
		struct buf line CLEANUP(buf_release) = { 0 };
		if (result->judgement != session->stopped_by->judged.judgement)
			continue;
		buf_add_string(&line, "stopped: ");
		describe_world(&line, result);
		buf_add_string(&line, " failed; once more with its delays: ");
		describe_replay(&line, result);
		fprintf(stderr, "%s\n", buf_string(&line));
	}
}

static void tell_where(const struct session *session)
{
	fprintf(stderr, "traces and reports: %s, seed %" PRId64 "\n", session->folder, session->options.seed);
}

/* Only worlds that have begun, and could be judged, are in the report. */
static size_t collect_results(struct session *session, struct report_result *results)
{
	size_t count = 0;
	worlds_sort(&session->worlds);
	for (size_t i = 0; i < session->worlds.count; i++) {
		const struct run_world *world = session->worlds.items[i];
		if (!world->judged.judgement)
			continue;
		results[count++] = (struct report_result){
			.plan = session->selection.plans[world->plan],
			.trace = world->judged.trace,
			.judgement = world->judged.judgement,
			.trace_file = world->trace_path,
			.run_id = session->run_id,
			.wall_ns = world->took_ns,
			.attempt = world->repetition,
			.attempts = session->options.repeat,
			.retry = world->retry,
			.reduced = world->reduced,
			.decided_ns = world->judged.decided_ns,
		};
	}
	return count;
}

int run_report(struct session *session, int argc, char **argv)
{
	struct buf command CLEANUP(buf_release) = { 0 };
	buf_add_string(&command, "falsestart");
	for (int i = 0; i < argc; i++)
		buf_addf(&command, " %s", argv[i]);
	struct report_result *results OWNED = xcalloc(session->worlds.count, sizeof(*results));
	/* One that came since the last world was over; the reports are to know of it. */
	if (!session->signal_number)
		session->signal_number = interruption_signal();
	struct report report = {
		.results = results,
		.result_count = collect_results(session, results),
		.started_at = session->started_at,
		.falsestart_version = FALSESTART_VERSION,
		.engine_version = session->engine_version,
		.command = buf_string(&command),
		.speed = session->options.filter.speed,
		.wall_ns = loop_now_ns(session->loop) - session->began_ns,
		.lateness_ns = session->lateness_ns,
		.flaky_allowed = session->options.allow_flaky,
		.has_trouble = err_is_set(&session->failure) || session->has_leftover,
		.interrupted = session->signal_number ? interruption_status(session->signal_number) : 0,
	};
	struct err err = ERR_INIT;
	int status = report_exit_status(&report);
	if (report.result_count > 0) {
		show(session, &report);
		tell_stop(session, &report);
		tell_where(session);
		if (write_reports(session, &report, &err) < 0)
			status = status_without_report(status, &err);
	}
	if (err_is_set(&session->failure) && report_totals(&report).environment == 0)
		print_error(&session->failure);
	int noted = interruption_release();
	if (!session->signal_number)
		session->signal_number = noted;
	if (session->signal_number)
		status = interruption_status(session->signal_number);
	return status;
}

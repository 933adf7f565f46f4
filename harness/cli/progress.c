#include "cli/progress.h"

#include "base/buf.h"
#include "base/duration.h"
#include "cli/terminal.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const int64_t REDRAW_NS = 100 * NS_PER_MS;

enum world_stage { WORLD_STAGE_WAITING, WORLD_STAGE_RUNNING, WORLD_STAGE_ENDED };

/* The newest word of each watch and service, for the one line that a scenario has; or, where it is run again
 * and again, counts. */
struct world_line {
	size_t running, ended, passed, failed, inconclusive;
	enum world_stage stage;
	int64_t began_ns, took_ns;
	char step[64];
	char verdict[16];
	char (*watches)[32];  /* one a watch: the state, or the number of attempts */
	char (*services)[16]; /* one a service: the phase */
};

struct progress {
	struct progress_config config;
	struct world_line *lines;
	bool interactive, utf8, colour;
	int64_t began_ns;
	size_t drawn; /* lines on the terminal */
	struct timer *timer;
	char image[256];
};

static void redraw(void *owner);

struct progress *progress_start(const struct progress_config *config)
{
	struct progress *progress = xcalloc(1, sizeof(*progress));
	progress->config = *config;
	progress->began_ns = loop_now_ns(config->loop);
	progress->interactive = terminal_is_interactive(STDERR_FILENO);
	progress->utf8 = terminal_has_utf8();
	progress->colour = terminal_has_colour(STDERR_FILENO);
	progress->lines = xcalloc(config->plan_count, sizeof(*progress->lines));
	for (size_t i = 0; i < config->plan_count; i++) {
		const struct plan *plan = config->plans[i];
		progress->lines[i].watches = xcalloc(plan->watch_count, sizeof(*progress->lines[i].watches));
		progress->lines[i].services =
		    xcalloc(plan->stack->service_count, sizeof(*progress->lines[i].services));
	}
	if (progress->interactive && !config->quiet)
		progress->timer = timer_start(config->loop, 0, redraw, progress);
	return progress;
}

/* ---- on a terminal ---- */

static void add_colour(const struct progress *progress, struct buf *out, const char *code)
{
	if (progress->colour)
		buf_addf(out, "\033[%sm", code);
}

static const char *colour_of(const char *word)
{
	static const char *const good[] = { "ready", "healthy", "completed", "200", "running", "started" };
	static const char *const bad[] = { "trouble", "exited", "oom-killed", "unhealthy", "500" };
	for (size_t i = 0; i < ARRAY_LENGTH(good); i++)
		if (strcmp(good[i], word) == 0)
			return "32";
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
		if (strcmp(bad[i], word) == 0)
			return "31";
	return "33";
}

/* `columns` is what the line has left; escapes do not count. */
static void add_word(
    const struct progress *progress, struct buf *out, size_t *columns, const char *name, const char *word)
{
	size_t width = strlen(name) + strlen(word) + 3;
	if (!*word || width > *columns)
		return;
	*columns -= width;
	buf_addf(out, "  %s=", name);
	add_colour(progress, out, colour_of(word));
	buf_add_visible(out, word, strlen(word), 31);
	add_colour(progress, out, "0");
}

static bool is_repeated(const struct progress *progress)
{
	return progress->config.repeat > 1;
}

static void add_count(
    const struct progress *progress, struct buf *out, size_t count, const char *word, const char *code)
{
	if (count == 0)
		return;
	buf_add_string(out, "  ");
	add_colour(progress, out, code);
	buf_addf(out, "%zu %s", count, word);
	add_colour(progress, out, "0");
}

/* "delayed-redis            37 of 100, 12 running  36 passed  1 failed" */
static void add_count_line(const struct progress *progress, size_t index, struct buf *out)
{
	const struct world_line *line = &progress->lines[index];
	buf_addf(out, "  %-22.22s %4zu of %d", progress->config.plans[index]->name, line->ended,
	    progress->config.repeat);
	if (line->running)
		buf_addf(out, ", %zu running", line->running);
	add_count(progress, out, line->passed, "passed", "32");
	add_count(progress, out, line->failed, "failed", "31");
	add_count(progress, out, line->inconclusive, "inconclusive", "33");
}

static void add_world_line(const struct progress *progress, size_t index, size_t width, struct buf *out)
{
	const struct world_line *line = &progress->lines[index];
	const struct plan *plan = progress->config.plans[index];
	char took[DURATION_TEXT_MAX] = "";
	size_t columns = width > 46 ? width - 46 : 0;
	if (line->stage == WORLD_STAGE_ENDED) {
		duration_format(line->took_ns, took);
		buf_addf(out, "  %-22.22s ", plan->name);
		add_colour(progress, out, colour_of(line->verdict));
		buf_addf(out, "%s", line->verdict);
		add_colour(progress, out, "0");
		buf_addf(out, "  %s", took);
		return;
	}
	if (line->stage == WORLD_STAGE_RUNNING)
		snprintf(took, sizeof(took), "%.1fs",
		    (double)(loop_now_ns(progress->config.loop) - line->began_ns) / 1e9);
	buf_addf(out, "  %-22.22s %7s %-13.13s", plan->name, took,
	    line->stage == WORLD_STAGE_WAITING ? "waits" : line->step);
	for (size_t i = 0; i < plan->watch_count; i++)
		add_word(progress, out, &columns, plan->watches[i].name, line->watches[i]);
	for (size_t i = 0; i < plan->stack->service_count; i++)
		add_word(progress, out, &columns, plan->stack->services[i].name, line->services[i]);
}

static void write_out(const struct buf *out)
{
	ssize_t count = write(STDERR_FILENO, buf_string(out), out->length);
	(void)count; /* a terminal that is gone hinders nobody */
}

static void erase(struct progress *progress)
{
	struct buf out CLEANUP(buf_release) = { 0 };
	if (progress->drawn)
		buf_addf(&out, "\033[%zuA\033[J", progress->drawn);
	write_out(&out);
	progress->drawn = 0;
}

static void redraw(void *owner)
{
	struct progress *progress = owner;
	struct buf out CLEANUP(buf_release) = { 0 };
	size_t width = terminal_width(STDERR_FILENO), lines = 0;
	if (progress->drawn)
		buf_addf(&out, "\033[%zuA", progress->drawn);
	if (*progress->image) {
		buf_addf(&out, "\033[2K  %.*s\n", (int)width - 3, progress->image);
		lines++;
	}
	for (size_t i = 0; i < progress->config.plan_count; i++) {
		buf_add_string(&out, "\033[2K");
		if (is_repeated(progress))
			add_count_line(progress, i, &out);
		else
			add_world_line(progress, i, width, &out);
		buf_add_char(&out, '\n');
		lines++;
	}
	buf_add_string(&out, "\033[J");
	write_out(&out);
	progress->drawn = lines;
	progress->timer = timer_start(
	    progress->config.loop, loop_now_ns(progress->config.loop) + REDRAW_NS, redraw, progress);
}

/* ---- in a log ---- */

static void log_line(const struct progress *progress, size_t plan, const struct event *event,
    const char *what, const char *detail)
{
	if (progress->interactive || progress->config.quiet)
		return;
	struct buf line CLEANUP(buf_release) = { 0 };
	buf_addf(
	    &line, "%9.3fs  %-22s %s", (double)event->to_ns / 1e9, progress->config.plans[plan]->name, what);
	if (detail && *detail) {
		buf_add_string(&line, ": ");
		buf_add_visible(&line, detail, strlen(detail), 200);
	}
	buf_add_char(&line, '\n');
	write_out(&line);
}

/* ---- what happens ---- */

static void keep_word(char *slot, size_t size, const char *word)
{
	snprintf(slot, size, "%.*s", (int)size - 1, word);
}

static void on_sample(struct progress *progress, size_t plan, const struct event *event)
{
	int watch = plan_find_watch(progress->config.plans[plan], event->of);
	if (watch < 0)
		return;
	char *slot = progress->lines[plan].watches[watch], before[32], what[320];
	memcpy(before, slot, sizeof(before));
	keep_word(slot, sizeof(before), event->sample.state);
	if (strcmp(before, slot) == 0)
		return;
	snprintf(what, sizeof(what), "%s is ", event->of);
	struct buf text CLEANUP(buf_release) = { 0 };
	buf_add_string(&text, what);
	buf_add_visible(&text, slot, strlen(slot), 31);
	log_line(progress, plan, event, buf_string(&text), NULL);
}

static void on_attempt(struct progress *progress, size_t plan, const struct event *event)
{
	int watch = plan_find_watch(progress->config.plans[plan], event->of);
	if (watch < 0)
		return;
	char what[128];
	snprintf(progress->lines[plan].watches[watch], sizeof(progress->lines[plan].watches[watch]), "#%d",
	    event->attempt.number);
	snprintf(
	    what, sizeof(what), "%s attempt %d %s", event->of, event->attempt.number, event->attempt.outcome);
	log_line(progress, plan, event, what, NULL);
}

static void on_service(struct progress *progress, size_t plan, const struct event *event)
{
	int service = stack_find(progress->config.plans[plan]->stack, event->of);
	char what[128];
	if (service >= 0)
		keep_word(progress->lines[plan].services[service],
		    sizeof(progress->lines[plan].services[service]), event->service.event);
	if (event->service.exit_code >= 0)
		snprintf(what, sizeof(what), "%s %s with %d", event->of, event->service.event,
		    event->service.exit_code);
	else
		snprintf(what, sizeof(what), "%s %s", event->of, event->service.event);
	if (strcmp(event->service.event, "created") != 0)
		log_line(progress, plan, event, what, NULL);
}

static void on_step(struct progress *progress, size_t plan, const struct event *event)
{
	const struct plan *of = progress->config.plans[plan];
	int step = plan_find_step(of, event->of);
	char what[128];
	if (step >= 0)
		snprintf(progress->lines[plan].step, sizeof(progress->lines[plan].step), "%s",
		    (size_t)step + 1 < of->step_count ? of->steps[step + 1].id : "ends");
	snprintf(what, sizeof(what), "step %s %s", event->of, event->step.done ? "done" : "NOT DONE");
	log_line(progress, plan, event, what, event->step.done ? NULL : event->step.detail);
}

void progress_event(struct progress *progress, size_t plan, const struct event *event)
{
	if (is_repeated(progress))
		return; /* which of many it is of would not be seen */
	switch (event->kind) {
	case EVENT_SAMPLE:
		on_sample(progress, plan, event);
		return;
	case EVENT_ATTEMPT:
		on_attempt(progress, plan, event);
		return;
	case EVENT_SERVICE:
		on_service(progress, plan, event);
		return;
	case EVENT_STEP:
		on_step(progress, plan, event);
		return;
	case EVENT_LOST:
		log_line(progress, plan, event, "connection lost", NULL);
		return;
	case EVENT_PHASE:
		log_line(progress, plan, event, event->phase.phase, event->phase.detail);
		return;
	case EVENT_TROUBLE:
		log_line(progress, plan, event, "trouble", event->trouble.what);
		return;
	case EVENT_WORLD:
	case EVENT_LOG:
	case EVENT_RESPONSE:
	case EVENT_MEMORY:
	case EVENT_DESCRIPTORS:
	case EVENT_LATENESS:
	case EVENT_END:
		return;
	}
}

void progress_image(
    struct progress *progress, const char *image, const char *status, int64_t current, int64_t total)
{
	if (progress->config.quiet)
		return;
	char before[sizeof(progress->image)];
	memcpy(before, progress->image, sizeof(before));
	if (total > 0 && progress->interactive) {
		int done = (int)(20 * current / total);
		snprintf(progress->image, sizeof(progress->image), "pulling %s [%.*s%.*s] %.1f of %.1f MB",
		    image, done, "====================", 20 - done, "                    ",
		    (double)current / 1e6, (double)total / 1e6);
	} else {
		snprintf(progress->image, sizeof(progress->image), "pulling %s: %.100s", image, status);
	}
	if (!progress->interactive && strcmp(before, progress->image) != 0)
		fprintf(stderr, "%s\n", progress->image);
}

void progress_world_started(struct progress *progress, size_t plan)
{
	struct world_line *line = &progress->lines[plan];
	const struct plan *of = progress->config.plans[plan];
	progress->image[0] = '\0';
	line->running++;
	line->stage = WORLD_STAGE_RUNNING;
	line->began_ns = loop_now_ns(progress->config.loop);
	keep_word(line->step, sizeof(line->step), of->step_count ? of->steps[0].id : "");
}

void progress_world_ended(struct progress *progress, size_t plan, const char *word, bool is_retry)
{
	struct world_line *line = &progress->lines[plan];
	line->stage = WORLD_STAGE_ENDED;
	line->running--;
	line->ended += !is_retry;
	line->took_ns = loop_now_ns(progress->config.loop) - line->began_ns;
	keep_word(line->verdict, sizeof(line->verdict), word);
	struct event now = { .to_ns = line->took_ns };
	if (!is_repeated(progress)) {
		log_line(progress, plan, &now, word, NULL);
		return;
	}
	char what[64];
	now.to_ns = loop_now_ns(progress->config.loop) - progress->began_ns;
	snprintf(what, sizeof(what), "%zu of %d%s %s", line->ended, progress->config.repeat,
	    is_retry ? ", a retry" : "", word);
	log_line(progress, plan, &now, what, NULL);
}

void progress_world_judged(struct progress *progress, size_t plan, const char *word)
{
	struct world_line *line = &progress->lines[plan];
	line->passed += strcmp(word, "pass") == 0;
	line->failed += strcmp(word, "fail") == 0;
	line->inconclusive += strcmp(word, "inconclusive") == 0;
}

void progress_end(struct progress *progress)
{
	if (!progress)
		return;
	timer_cancel(progress->timer);
	erase(progress);
	for (size_t i = 0; i < progress->config.plan_count; i++) {
		free(progress->lines[i].watches);
		free(progress->lines[i].services);
	}
	free(progress->lines);
	free(progress);
}

/* Attachments to containers of the real engine. The container's program writes back what it reads. */
#include "engine/docker_fixture.h"

struct talk {
	struct fixture *fixture;
	struct engine_attachment *attachment;
	char name[NAME_MAX_LENGTH];
	int attached;
	struct buf text;
	size_t lines;
	struct outcome end;
	/* What a test does with each line beside. */
	void (*heard)(struct talk *talk, const struct engine_log_line *line);
	int64_t sent_ns;
	int64_t *took_ns;
	size_t wanted;
};

static void on_attached(void *owner)
{
	struct talk *talk = owner;
	talk->attached++;
	assert_int_equal(talk->lines, 0);
	loop_stop(talk->fixture->loop);
}

static void on_line(void *owner, const struct engine_log_line *line)
{
	struct talk *talk = owner;
	assert_int_equal(talk->attached, 1);
	assert_int_equal(line->engine_stamp_ns, 0);
	talk->lines++;
	if (talk->heard) {
		talk->heard(talk, line);
		return;
	}
	buf_addf(&talk->text, "%d%s ", line->output, line->cut ? "-" : "");
	buf_add_visible(&talk->text, line->text, line->length, 40);
	buf_add_char(&talk->text, '|');
	loop_stop(talk->fixture->loop);
}

static void on_attachment_end(void *owner, const struct err *err)
{
	struct talk *talk = owner;
	talk->attachment = NULL;
	on_end(&talk->end, err);
}

static void attach(struct talk *talk, const char *name)
{
	talk->end.loop = talk->fixture->loop;
	talk->attachment = engine_container_attach(
	    talk->fixture->engine, name, on_attached, on_line, on_attachment_end, talk);
	assert_int_equal(talk->attached + talk->end.ends, 0); /* never from inside the call */
}

static void make_talker(struct talk *talk, const char *stem, const char *verb, bool tty)
{
	snprintf(talk->name, sizeof(talk->name), "%s-%s", talk->fixture->name, stem);
	json_t *config = container_config(talk->fixture, (const char *const[]){ verb, NULL }, NULL);
	json_object_set_new(config, "OpenStdin", json_true());
	json_object_set_new(config, "StdinOnce", json_true());
	json_object_set_new(config, "Tty", json_boolean(tty));
	must(talk->fixture, engine_container_create, talk->name, config);
	json_decref(config);
}

/* Attached before the start, as an agent is. */
static void begin(struct talk *talk, const char *stem, const char *verb)
{
	make_talker(talk, stem, verb, false);
	attach(talk, talk->name);
	wait_until(talk->fixture->loop, talk->attached || talk->end.ends);
	if (err_is_set(&talk->end.err))
		fail_msg("%s", talk->end.err.message);
	must(talk->fixture, engine_container_start, talk->name);
}

static void say(struct talk *talk, const char *text)
{
	engine_attachment_write(talk->attachment, text, strlen(text));
}

static void wait_for_end(struct talk *talk)
{
	wait_until(talk->fixture->loop, talk->end.ends);
	assert_int_equal(talk->end.ends, 1);
	buf_release(&talk->text);
}

static int64_t exit_code(struct talk *talk)
{
	json_t *reply = must(talk->fixture, engine_container_wait, talk->name);
	return json_integer_value(json_object_get(reply, "StatusCode"));
}

static void test_a_talk(void **state)
{
	struct talk talk = { .fixture = *state };
	make_talker(&talk, "talk", "echo", false);
	attach(&talk, talk.name);
	say(&talk, "early\n"); /* kept until it is attached … */
	wait_until(talk.fixture->loop, talk.attached);
	say(&talk, "before the start\n"); /* … and by the engine until somebody reads */
	must(talk.fixture, engine_container_start, talk.name);
	wait_until(talk.fixture->loop, talk.lines == 2);
	say(&talk, "2024-05-06T07:08:09Z x\n"); /* looks like a stamp of the log, and is none */
	wait_until(talk.fixture->loop, talk.lines == 3);
	say(&talk, "!other\n");
	wait_until(talk.fixture->loop, talk.lines == 4);
	say(&talk, "half a ");
	say(&talk, "line\nlast\nquit 7\n");
	wait_until(talk.fixture->loop, talk.end.ends);
	assert_string_equal(buf_string(&talk.text),
	    "1 early|1 before the start|1 2024-05-06T07:08:09Z x|2 !other|1 half a line|1 last|");
	assert_false(err_is_set(&talk.end.err));
	assert_int_equal(exit_code(&talk), 7);
	wait_for_end(&talk);
}

#define ORDERED 10000

/* "000123 xxxx…": of all lengths up to 200 bytes. */
static int make_line(size_t number, char line[static 256])
{
	int padding = (int)(number * 7919 % 193);
	return snprintf(line, 256, "%06zu %.*s\n", number, padding,
	    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	    "xxxx");
}

static void check_order(struct talk *talk, const struct engine_log_line *line)
{
	char expected[256];
	int length = make_line(talk->lines - 1, expected);
	if (line->length != (size_t)length - 1 || memcmp(line->text, expected, line->length) != 0)
		fail_msg(
		    "line %zu: expected %s, got %.*s", talk->lines, expected, (int)line->length, line->text);
	if (talk->lines == ORDERED || talk->lines == ORDERED / 4 + 1)
		loop_stop(talk->fixture->loop);
}

static void test_order(void **state)
{
	struct talk talk = { .fixture = *state, .heard = check_order };
	begin(&talk, "order", "echo");
	int64_t begin_ns = loop_now_ns(talk.fixture->loop);
	for (size_t i = 0; i < ORDERED; i++) {
		char line[256];
		int length = make_line(i, line);
		/* Altogether more than fits into the queue. */
		if (i == ORDERED / 2)
			wait_until(talk.fixture->loop, talk.lines > ORDERED / 4);
		engine_attachment_write(talk.attachment, line, (size_t)length);
	}
	wait_until(talk.fixture->loop, talk.lines == ORDERED || talk.end.ends);
	assert_int_equal(talk.lines, ORDERED);
	char took[DURATION_TEXT_MAX];
	print_message("%d lines there and back in %s\n", ORDERED,
	    duration_format(loop_now_ns(talk.fixture->loop) - begin_ns, took));
	say(&talk, "quit 0\n");
	wait_for_end(&talk);
	assert_false(err_is_set(&talk.end.err));
}

static void test_long_lines(void **state)
{
	struct talk talk = { .fixture = *state };
	begin(&talk, "long", "echo");
	static char line[100000];
	memset(line, 'y', sizeof(line));
	line[ENGINE_LOG_LINE_MAX] = '\n';
	engine_attachment_write(talk.attachment, line, ENGINE_LOG_LINE_MAX + 1);
	wait_until(talk.fixture->loop, talk.lines == 1);
	line[ENGINE_LOG_LINE_MAX] = 'y';
	line[sizeof(line) - 1] = '\n';
	engine_attachment_write(talk.attachment, line, sizeof(line));
	say(&talk, "after\nquit 0\n");
	wait_until(talk.fixture->loop, talk.end.ends);
	assert_string_equal(buf_string(&talk.text),
	    "1 yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy…|1- yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy…|1 "
	    "after|");
	wait_for_end(&talk);
}

static void test_a_container_that_is_killed(void **state)
{
	struct talk talk = { .fixture = *state };
	begin(&talk, "killed", "echo");
	say(&talk, "alive\n");
	wait_until(talk.fixture->loop, talk.lines == 1);
	must(talk.fixture, engine_container_kill, talk.name, "SIGKILL");
	wait_for_end(&talk);
	assert_false(err_is_set(&talk.end.err));
	assert_int_equal(exit_code(&talk), 137);

	struct talk removed = { .fixture = *state };
	begin(&removed, "removed", "wait");
	wait_until(removed.fixture->loop, removed.lines == 2);
	must(removed.fixture, engine_container_remove, removed.name);
	wait_for_end(&removed);
	assert_false(err_is_set(&removed.end.err));
}

static void test_what_cannot_be_attached(void **state)
{
	struct talk nobody = { .fixture = *state };
	attach(&nobody, "nobody");
	wait_for_end(&nobody);
	check_refusal(&nobody.end, 404, "attach to container `nobody`: No such container: nobody");
	assert_int_equal(nobody.attached, 0);

	struct talk tty = { .fixture = *state };
	make_talker(&tty, "tty", "echo", true);
	attach(&tty, tty.name);
	wait_until(tty.fixture->loop, tty.attached);
	say(&tty, "some words\n");
	must(tty.fixture, engine_container_start, tty.name);
	wait_for_end(&tty);
	assert_int_equal(tty.end.err.kind, ERR_ENVIRONMENT);
	assert_non_null(strstr(tty.end.err.message, "was the container created with a terminal?"));

	struct talk paused = { .fixture = *state };
	make_talker(&paused, "paused", "wait", false);
	must(paused.fixture, engine_container_start, paused.name);
	must(paused.fixture, engine_container_pause, paused.name);
	attach(&paused, paused.name);
	wait_for_end(&paused);
	char expected[256];
	snprintf(expected, sizeof(expected), "attach to container `%s`: container %s is paused", paused.name,
	    paused.name);
	check_refusal(&paused.end, 409, expected);
}

/* It runs, and reads nothing. */
static void test_too_much_unread(void **state)
{
	struct talk talk = { .fixture = *state };
	begin(&talk, "deaf", "wait");
	wait_until(talk.fixture->loop, talk.lines == 2);
	static char block[65536];
	memset(block, 'z', sizeof(block));
	for (int i = 0; i < 256; i++)
		engine_attachment_write(talk.attachment, block, sizeof(block));
	assert_int_equal(talk.end.ends, 0); /* never from inside the call */
	wait_for_end(&talk);
	assert_non_null(strstr(talk.end.err.message,
	    "more than 1024 KiB wait to be written: the container does not read its input"));
}

/* As a program that closes its outputs and goes on: its end cannot be told, nor what it does. */
static void test_outputs_that_are_closed(void **state)
{
	struct talk talk = { .fixture = *state };
	begin(&talk, "mute", "echo");
	say(&talk, "mute\nanother\nquit 3\n");
	wait_for_end(&talk);
	assert_false(err_is_set(&talk.end.err));
	assert_int_equal(exit_code(&talk), 3);
}

#define ROUND_TRIPS 1000

static void note_round_trip(struct talk *talk, const struct engine_log_line *line)
{
	(void)line;
	int64_t now_ns = loop_now_ns(talk->fixture->loop);
	talk->took_ns[talk->lines - 1] = now_ns - talk->sent_ns;
	if (talk->lines == ROUND_TRIPS) {
		loop_stop(talk->fixture->loop);
		return;
	}
	talk->sent_ns = now_ns;
	say(talk, "ping\n");
}

static int compare_times(const void *one, const void *other)
{
	const int64_t *a = one, *b = other;
	return (*a > *b) - (*a < *b);
}

static void test_latency(void **state)
{
	int64_t took_ns[ROUND_TRIPS];
	struct talk talk = { .fixture = *state, .heard = note_round_trip, .took_ns = took_ns };
	begin(&talk, "latency", "echo");
	talk.sent_ns = loop_now_ns(talk.fixture->loop);
	say(&talk, "ping\n");
	wait_until(talk.fixture->loop, talk.lines == ROUND_TRIPS || talk.end.ends);
	assert_int_equal(talk.lines, ROUND_TRIPS);
	qsort(took_ns, ROUND_TRIPS, sizeof(took_ns[0]), compare_times);
	print_message("%d round trips: median %lld us, 99 %% under %lld us, fastest %lld us\n", ROUND_TRIPS,
	    (long long)(took_ns[ROUND_TRIPS / 2] / NS_PER_US),
	    (long long)(took_ns[ROUND_TRIPS * 99 / 100] / NS_PER_US), (long long)(took_ns[0] / NS_PER_US));
	/* A timer or Nagle's algorithm on the way would cost 40 ms. */
	assert_true(took_ns[ROUND_TRIPS / 2] < 20 * NS_PER_MS);
	engine_attachment_close(steal_ptr(talk.attachment));
	assert_int_equal(exit_code(&talk), 0); /* StdinOnce: it met the end of its input */
	assert_int_equal(talk.end.ends, 0);
}

/* curl looks through its kept connections whenever it makes another: ours, in use, must not be closed. */
static void test_other_calls_meanwhile(void **state)
{
	struct talk talk = { .fixture = *state };
	begin(&talk, "meanwhile", "echo");
	int64_t end_ns = loop_now_ns(talk.fixture->loop) + 3 * NS_PER_S;
	size_t said = 0;
	while (loop_now_ns(talk.fixture->loop) < end_ns) {
		say(&talk, "still there?\n");
		said++;
		must(talk.fixture, engine_ping);
		must(talk.fixture, engine_container_inspect, talk.name);
	}
	wait_until(talk.fixture->loop, talk.lines == said || talk.end.ends);
	assert_int_equal(talk.lines, said);
	say(&talk, "quit 0\n");
	wait_for_end(&talk);
}

static void close_itself(struct talk *talk, const struct engine_log_line *line)
{
	(void)line;
	engine_attachment_close(steal_ptr(talk->attachment));
	loop_stop(talk->fixture->loop);
}

static void close_engine(struct talk *talk, const struct engine_log_line *line)
{
	(void)line;
	engine_close(steal_ptr(talk->fixture->engine));
	loop_stop(talk->fixture->loop);
}

static void close_when_attached(void *owner)
{
	struct talk *talk = owner;
	talk->attached++;
	engine_attachment_close(steal_ptr(talk->attachment));
	loop_stop(talk->fixture->loop);
}

static void never(void *owner, const struct err *err)
{
	(void)owner;
	fail_msg("a closed attachment called back: %s", err ? err->message : "no error");
}

static void test_callbacks_may_close(void **state)
{
	struct fixture *fixture = *state;
	struct talk first = { .fixture = fixture };
	make_talker(&first, "closes", "echo", false);
	first.attachment =
	    engine_container_attach(fixture->engine, first.name, close_when_attached, on_line, never, &first);
	wait_until(fixture->loop, first.attached);
	assert_int_equal(first.lines, 0);
	/* Before it is made, and before it is answered. */
	engine_attachment_close(
	    engine_container_attach(fixture->engine, first.name, on_attached, on_line, never, &first));
	engine_attachment_close(NULL);

	void (*const closers[])(
	    struct talk *, const struct engine_log_line *) = { close_itself, close_engine };
	const char *const stems[] = { "itself", "engine" };
	for (size_t i = 0; i < ARRAY_LENGTH(closers); i++) {
		struct talk talk = { .fixture = fixture, .heard = closers[i] };
		begin(&talk, stems[i], "echo");
		say(&talk, "one\ntwo\nthree\n");
		wait_until(fixture->loop, talk.lines);
		struct err err = ERR_INIT;
		if (!fixture->engine)
			fixture->engine = engine_open(fixture->loop, NULL, &err);
		must(fixture, engine_ping);
		assert_int_equal(talk.lines, 1);
		assert_int_equal(talk.end.ends, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_a_talk, remove_all),
		cmocka_unit_test_teardown(test_order, remove_all),
		cmocka_unit_test_teardown(test_long_lines, remove_all),
		cmocka_unit_test_teardown(test_a_container_that_is_killed, remove_all),
		cmocka_unit_test_teardown(test_what_cannot_be_attached, remove_all),
		cmocka_unit_test_teardown(test_too_much_unread, remove_all),
		cmocka_unit_test_teardown(test_outputs_that_are_closed, remove_all),
		cmocka_unit_test_teardown(test_latency, remove_all),
		cmocka_unit_test_teardown(test_other_calls_meanwhile, remove_all),
		cmocka_unit_test_teardown(test_callbacks_may_close, remove_all),
	};
	return cmocka_run_group_tests(tests, docker_setup, docker_teardown);
}

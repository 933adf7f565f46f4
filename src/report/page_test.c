#include "report/page.h"

#include "report/glyph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
	struct buf out;
	struct page page;
};

static int setup(void **state)
{
	struct fixture *fixture = xcalloc(1, sizeof(*fixture));
	fixture->page = (struct page){ .out = &fixture->out, .width = 40 };
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	buf_release(&fixture->out);
	free(fixture);
	return 0;
}

static void test_columns(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		size_t columns;
	} cases[] = { { "", 0 }, { "abc", 3 }, { "µ…→", 3 }, { "日本", 4 }, { "e\xCC\x81", 1 },
		{ "\xFF\xFE", 2 }, { "🚀", 2 } };
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
		assert_int_equal(glyph_columns(cases[i].text, strlen(cases[i].text)), cases[i].columns);
}

static void check_safe(const char *text, size_t most, bool ascii, const char *wanted)
{
	struct buf out CLEANUP(buf_release) = { 0 };
	glyph_add_safe(&out, text, strlen(text), most, ascii);
	assert_string_equal(buf_string(&out), wanted);
}

static void test_safe(void **state)
{
	(void)state;
	check_safe("a\xE2\x80\xAE"
		   "b",
	    99, false, "a\\u202eb");
	check_safe("a\xE2\x80\x8B"
		   "b\xEF\xBB\xBF",
	    99, false, "a\\u200bb\\ufeff");
	check_safe("5µs → 3× ✗", 99, false, "5µs → 3× ✗");
	check_safe("5µs → 3× ✗", 99, true, "5us -> 3x x");
	check_safe("日", 99, true, "\\u65e5");
	check_safe("\033[1m", 99, true, "\\x1b[1m");
	check_safe("abcdef", 3, true, "abc...");
	/* Never in the middle of a character. */
	check_safe("ab→c", 3, false, "ab…");
	check_safe("ab→c", 5, false, "ab→…");
}

static void test_wrap(void **state)
{
	struct fixture *fixture = *state;
	const char *text = "Redis: Connection attempt 4/20 failed, retrying in 8000ms";
	page_pad(&fixture->page, 10);
	page_wrap(&fixture->page, INK_PLAIN, text, strlen(text), 5);
	assert_string_equal(fixture->out.bytes, "          Redis: Connection attempt 4/20\n"
						"          failed, retrying in 8000ms");
}

static void test_wrap_ends_in_an_ellipsis(void **state)
{
	struct fixture *fixture = *state;
	char text[200];
	memset(text, 'x', sizeof(text));
	page_wrap(&fixture->page, INK_PLAIN, text, sizeof(text), 2);
	assert_int_equal(fixture->out.bytes[40], '\n');
	assert_string_equal(fixture->out.bytes + fixture->out.length - 6, "xxx…");
	assert_int_equal(glyph_columns(fixture->out.bytes + 41, fixture->out.length - 41), 40);
}

static void test_clip(void **state)
{
	struct fixture *fixture = *state;
	page_clip(&fixture->page, INK_PLAIN, "日本語", strlen("日本語"), 5);
	page_add(&fixture->page, INK_PLAIN, "|");
	page_clip(&fixture->page, INK_PLAIN, "12345", 5, 5);
	assert_string_equal(fixture->out.bytes, "日本…|12345");
	assert_int_equal(fixture->page.column, 11);
}

static void test_colour(void **state)
{
	struct fixture *fixture = *state;
	fixture->page.colour = true;
	page_add(&fixture->page, INK_GOOD, "ok");
	page_add(&fixture->page, INK_GOOD, "");
	page_add(&fixture->page, INK_PLAIN, "plain");
	assert_string_equal(fixture->out.bytes, "\033[32mok\033[0mplain");
	assert_int_equal(fixture->page.column, 7);
}

static void test_pad_keeps_words_apart(void **state)
{
	struct fixture *fixture = *state;
	page_add(&fixture->page, INK_PLAIN, "long");
	page_pad(&fixture->page, 2);
	page_add(&fixture->page, INK_PLAIN, "x");
	assert_string_equal(fixture->out.bytes, "long x");
}

static void test_gap(void **state)
{
	struct fixture *fixture = *state;
	page_gap(&fixture->page);
	page_add(&fixture->page, INK_PLAIN, "a");
	page_newline(&fixture->page);
	page_gap(&fixture->page);
	page_gap(&fixture->page);
	page_add(&fixture->page, INK_PLAIN, "b");
	assert_string_equal(fixture->out.bytes, "a\n\nb");
}

static void test_text_is_bounded(void **state)
{
	struct fixture *fixture = *state;
	static char text[2 * PAGE_TEXT_MAX];
	memset(text, 'x', sizeof(text) - 1);
	page_add(&fixture->page, INK_PLAIN, text);
	assert_int_equal(fixture->page.column, PAGE_TEXT_MAX + 1);
}

/* A cut may not fall into a secret before it was seen. */
static void test_redacts_before_it_cuts(void **state)
{
	struct fixture *fixture = *state;
	struct redactor *redactor = redactor_new();
	redactor_add(redactor, "hunter2", 7);
	fixture->page.secrets = redactor;
	page_clip(&fixture->page, INK_PLAIN, "key hunter2", 11, 8);
	fixture->page.secrets = NULL;
	redactor_free(redactor);
	assert_string_equal(fixture->out.bytes, "key ***");
}

int main(void)
{
#define WITH_PAGE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_safe),
		WITH_PAGE(test_wrap),
		WITH_PAGE(test_wrap_ends_in_an_ellipsis),
		WITH_PAGE(test_clip),
		WITH_PAGE(test_colour),
		WITH_PAGE(test_pad_keeps_words_apart),
		WITH_PAGE(test_gap),
		WITH_PAGE(test_text_is_bounded),
		WITH_PAGE(test_redacts_before_it_cuts),
	};
	return cmocka_run_group_tests_name("page", tests, NULL, NULL);
}

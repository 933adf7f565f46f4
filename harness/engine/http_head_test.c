#include "engine/http_head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Fed in pieces of `size`; what is left behind the head in *ret_rest. */
static int take(struct http_head *head, const char *text, size_t size, const char **ret_rest, struct err *err)
{
	int got = 0;
	size_t length = strlen(text);
	http_head_init(head);
	for (size_t at = 0; at < length && got == 0; at += size) {
		const char *bytes = text + at;
		size_t count = length - at < size ? length - at : size;
		got = http_head_take(head, &bytes, &count, err);
		*ret_rest = bytes;
		assert_true(got != 0 || count == 0);
	}
	return got;
}

static void test_heads(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int got, status, length;
		bool is_raw;
	} cases[] = {
		{ "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: "
		  "Upgrade\r\nUpgrade: tcp\r\n\r\nrest",
		    1, 101, -1, true },
		{ "HTTP/1.0 200\r\n\r\nrest", 1, 200, -1, false },
		{ "HTTP/1.1 409 A conflict\ncontent-length:\t12 \ncontent-type: application/json\n\nrest", 1,
		    409, 12, false },
		{ "HTTP/1.1 404 No\r\nContent-Length: many\r\nContent-Length\r\n\r\nrest", 1, 404, -1,
		    false },
		{ "HTTP/1.1 404 No\r\nContent-Length: 99999999999999999999\r\n\r\nrest", 1, 404, -1, false },
		{ "HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\n", 0, 101, -1, false },
		{ "HTTP/1.1 1", 0, 0, -1, false },
		{ "HTTP/2 200\r\n\r\n", -1, 0, -1, false },
		{ "HTTP/1.1 99 Low\r\n\r\n", -1, 0, -1, false },
		{ "HTTP/1.1 200OK\r\n\r\n", -1, 0, -1, false },
		{ "HTTP/1.\r\n\r\n", -1, 0, -1, false },
		{ "\r\n\r\n", -1, 0, -1, false },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
		for (size_t size = 1; size < 100; size += 7) {
			struct http_head head;
			struct err err = ERR_INIT;
			const char *rest = "";
			assert_int_equal(take(&head, cases[i].text, size, &rest, &err), cases[i].got);
			assert_int_equal(head.status, cases[i].status);
			assert_int_equal(head.content_length, cases[i].length);
			assert_int_equal(head.is_raw, cases[i].is_raw);
			assert_int_equal(err_is_set(&err), cases[i].got < 0);
			if (cases[i].got > 0)
				assert_string_equal(rest, "rest");
			http_head_release(&head);
		}
}

static void test_it_is_bounded(void **state)
{
	(void)state;
	struct http_head head;
	struct err err = ERR_INIT;
	http_head_init(&head);
	char block[1024];
	memset(block, 'h', sizeof(block));
	int got = 0;
	size_t fed = 0;
	for (; got == 0 && fed < 4 * HTTP_HEAD_MAX; fed += sizeof(block)) {
		const char *bytes = block;
		size_t length = sizeof(block);
		got = http_head_take(&head, &bytes, &length, &err);
	}
	assert_int_equal(got, -1);
	assert_true(fed <= HTTP_HEAD_MAX + sizeof(block));
	assert_non_null(strstr(err.message, "longer than the 64 KiB allowed"));
	http_head_release(&head);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_heads),
		cmocka_unit_test(test_it_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

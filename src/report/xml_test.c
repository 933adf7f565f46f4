#include "report/xml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void check_text(const char *bytes, size_t length, const char *wanted)
{
	struct buf out CLEANUP(buf_release) = { 0 };
	xml_add_text(&out, NULL, bytes, length);
	assert_string_equal(buf_string(&out), wanted);
}

static void test_text(void **state)
{
	(void)state;
	check_text("a<b>&\"'", 7, "a&lt;b&gt;&amp;\"'");
	check_text("]]>", 3, "]]&gt;");
	check_text("a\n\tb\rc", 6, "a\n\tb&#13;c");
	check_text("\0\033", 2, "\xEF\xBF\xBD\xEF\xBF\xBD");
	check_text("\xFF\xC3", 2, "\xEF\xBF\xBD\xEF\xBF\xBD");
	check_text("\xEF\xBF\xBE\xEF\xBF\xBF", 6, "\xEF\xBF\xBD\xEF\xBF\xBD");
	check_text("µ日🚀", strlen("µ日🚀"), "µ日🚀");
}

static void test_attribute(void **state)
{
	(void)state;
	struct buf out CLEANUP(buf_release) = { 0 };
	xml_add_attribute(&out, NULL, "message", "a \"b\"\n<redis://:pw@h>");
	xml_add_attributef(&out, NULL, "n", "%d", 3);
	assert_string_equal(
	    buf_string(&out), " message=\"a &quot;b&quot;&#10;&lt;redis://:***@h&gt;\" n=\"3\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_text), cmocka_unit_test(test_attribute) };
	return cmocka_run_group_tests_name("xml", tests, NULL, NULL);
}

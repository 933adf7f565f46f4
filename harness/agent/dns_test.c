#include "agent/dns.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define FOLDER "fixtures/corpora/agent_dns_fuzz/"

static uint8_t file[4096];
static size_t file_length;

static int parse(const char *name, struct dns_query *query)
{
	char path[256];
	snprintf(path, sizeof(path), FOLDER "%s", name);
	FILE *stream = fopen(path, "rb");
	if (!stream)
		fail_msg("%s cannot be opened", path);
	file_length = fread(file, 1, sizeof(file), stream);
	fclose(stream);
	return dns_parse_query(file, file_length, query);
}

static void test_questions(void **state)
{
	(void)state;
	char longest[NAME_BYTES_MAX];
	memset(longest, 'x', sizeof(longest));
	longest[63] = longest[127] = longest[191] = '.';
	memset(longest + 192, 'y', 61);
	longest[253] = '\0';
	const struct {
		const char *file;
		int rcode;
		const char *name;
		uint16_t type, udp_size;
	} cases[] = {
		{ "a", DNS_NOERROR, "redis", 1, 512 },
		{ "aaaa-edns", DNS_NOERROR, "redis.example.com", 28, 1232 },
		{ "mx", DNS_NOERROR, "redis", 15, 512 },
		{ "root", DNS_NOERROR, "", 2, 512 },
		{ "longest", DNS_NOERROR, longest, 1, 512 },
		{ "dots-in-label", DNS_NOERROR,
		    "a\xff"
		    "b\xff"
		    "c",
		    1, 512 },
		{ "chaos", DNS_REFUSED, "version.bind", 16, 512 },
		{ "two-questions", DNS_FORMERR, NULL, 0, 0 },
		{ "too-long", DNS_FORMERR, NULL, 0, 0 },
		{ "compressed-question", DNS_FORMERR, NULL, 0, 0 },
		{ "status", DNS_NOTIMP, NULL, 0, 0 },
		{ "answer", -1, NULL, 0, 0 },
		{ "short", -1, NULL, 0, 0 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dns_query query;
		int rcode = parse(cases[i].file, &query);
		if (rcode != cases[i].rcode)
			fail_msg("%s: rcode %d, expected %d", cases[i].file, rcode, cases[i].rcode);
		if (!cases[i].name)
			continue;
		assert_string_equal(query.name, cases[i].name);
		assert_int_equal(query.type, cases[i].type);
		assert_int_equal(query.udp_size, cases[i].udp_size);
	}
}

/* Every message that is cut short is refused, and none is read past its end. */
static void test_cut_short(void **state)
{
	(void)state;
	struct dns_query query;
	assert_int_equal(parse("aaaa-edns", &query), DNS_NOERROR);
	for (size_t length = 0; length < file_length; length++)
		assert_int_equal(
		    dns_parse_query(file, length, &query), length < DNS_HEADER ? -1 : DNS_FORMERR);
}

static void fill(struct sockaddr_storage *addresses, int count)
{
	memset(addresses, 0, sizeof(*addresses) * (size_t)count);
	for (int i = 0; i < count; i++) {
		struct sockaddr_in *in = (struct sockaddr_in *)&addresses[i];
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&addresses[i];
		if (i % 2) {
			in6->sin6_family = AF_INET6;
			in6->sin6_addr.s6_addr[15] = (uint8_t)i;
		} else {
			in->sin_family = AF_INET;
			in->sin_addr.s_addr = htonl(0x0a000000u + (unsigned)i);
		}
	}
}

static void test_answer(void **state)
{
	(void)state;
	struct dns_query query;
	struct dns_answer answer;
	struct sockaddr_storage addresses[16];
	uint8_t out[DNS_MESSAGE_MAX];
	fill(addresses, 16);
	assert_int_equal(parse("aaaa-edns", &query), DNS_NOERROR);
	size_t length = dns_build(out, sizeof(out), &query, DNS_NOERROR, addresses, 16);
	assert_int_equal(dns_parse_answer(out, length, &answer), 0);
	assert_int_equal(answer.id, 0x1234);
	assert_int_equal(answer.rcode, DNS_NOERROR);
	assert_int_equal(answer.count, 8);
	assert_int_equal(answer.addresses[7].ss_family, AF_INET6);
	/* Letters come back as they were asked, for those who check that. */
	assert_memory_equal(out + DNS_HEADER, "\5ReDis\7Example\3com", 19);
	assert_int_equal(out[2] & 0x81, 0x81); /* an answer, recursion desired */
	assert_int_equal(out[3], 0x80);        /* recursion available: Go calls it lame otherwise */
	assert_int_equal(out[11], 1);          /* OPT comes back */
}

static void test_known_without_addresses(void **state)
{
	(void)state;
	struct dns_query query;
	struct dns_answer answer;
	struct sockaddr_storage address[1];
	uint8_t out[DNS_MESSAGE_MAX];
	fill(address, 1);
	assert_int_equal(parse("aaaa-edns", &query), DNS_NOERROR);
	size_t length = dns_build(out, sizeof(out), &query, DNS_NOERROR, address, 1);
	assert_int_equal(dns_parse_answer(out, length, &answer), 0);
	assert_int_equal(answer.count, 0);
	assert_int_equal(answer.rcode, DNS_NOERROR);
}

/* What does not fit is left out, and the answer says so: for every limit. */
static void test_truncated(void **state)
{
	(void)state;
	struct dns_query query;
	struct dns_answer answer;
	struct sockaddr_storage addresses[16];
	uint8_t out[DNS_MESSAGE_MAX];
	fill(addresses, 16);
	assert_int_equal(parse("a", &query), DNS_NOERROR);
	size_t whole = dns_build(out, sizeof(out), &query, DNS_NOERROR, addresses, 16);
	for (size_t limit = DNS_HEADER; limit <= whole; limit++) {
		memset(out, 0xee, sizeof(out));
		size_t length = dns_build(out, limit, &query, DNS_NOERROR, addresses, 16);
		assert_true(length <= limit);
		assert_int_equal(out[length], 0xee);
		assert_int_equal(dns_parse_answer(out, length, &answer), 0);
		bool has_question = limit >= (size_t)DNS_HEADER + query.question_length;
		assert_int_equal(answer.truncated, has_question && limit < whole);
	}
}

static void test_other_servers_answer(void **state)
{
	(void)state;
	struct dns_query query;
	struct dns_answer answer;
	assert_int_equal(parse("answer", &query), -1);
	assert_int_equal(dns_parse_answer(file, file_length, &answer), 0);
	assert_int_equal(answer.count, 2); /* CNAME, A, AAAA */
	assert_int_equal(answer.addresses[0].ss_family, AF_INET);
	assert_int_equal(answer.addresses[1].ss_family, AF_INET6);
	assert_int_equal(parse("a", &query), DNS_NOERROR);
	assert_int_equal(dns_parse_answer(file, file_length, &answer), -1);
}

static void test_names_of_lines(void **state)
{
	(void)state;
	char name[NAME_BYTES_MAX], label[65];
	assert_int_equal(dns_normalise("Redis.Example.COM.", name), 0);
	assert_string_equal(name, "redis.example.com");
	assert_int_equal(dns_normalise("*", name), 0);
	const char *const wrong[] = { "", ".", "..", "a..b", ".a", "a.." };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(dns_normalise(wrong[i], name), -1);
	memset(label, 'a', sizeof(label));
	label[64] = '\0';
	assert_int_equal(dns_normalise(label, name), -1);
	assert_int_equal(dns_normalise(label + 1, name), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_questions),
		cmocka_unit_test(test_cut_short),
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_known_without_addresses),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_other_servers_answer),
		cmocka_unit_test(test_names_of_lines),
	};
	return cmocka_run_group_tests_name("dns", tests, NULL, NULL);
}

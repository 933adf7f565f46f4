/* Whatever a message is: no crash, a question that is understood is answered with a message that can be read,
 * within its limit, and with the question that was asked. */
#include "agent/dns.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void answer(const struct dns_query *query, int rcode, size_t limit)
{
	struct sockaddr_storage addresses[DNS_ADDRESSES_MAX] = { 0 };
	uint8_t *out = malloc(limit);
	struct dns_answer read;
	for (int i = 0; i < DNS_ADDRESSES_MAX; i++)
		addresses[i].ss_family = i % 2 ? AF_INET : AF_INET6;
	if (!out)
		return;
	size_t length = dns_build(out, limit, query, rcode, addresses, DNS_ADDRESSES_MAX);
	if (length < DNS_HEADER || length > limit || dns_parse_answer(out, length, &read) < 0)
		abort();
	if (read.id != query->id || read.rcode != rcode)
		abort();
	bool typed = query->type == DNS_TYPE_A || query->type == DNS_TYPE_AAAA;
	if (query->question_length && typed && limit == DNS_MESSAGE_MAX &&
	    read.count != DNS_ADDRESSES_MAX / 2)
		abort();
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dns_query query;
	struct dns_answer read;
	int rcode = dns_parse_query(data, size, &query);
	if (rcode >= 0) {
		if (strlen(query.name) >= sizeof(query.name))
			abort();
		answer(&query, rcode, DNS_HEADER);
		answer(&query, rcode, DNS_UDP_MAX);
		answer(&query, rcode, DNS_MESSAGE_MAX);
	}
	if (dns_parse_answer(data, size, &read) == 0 && read.count > DNS_ADDRESSES_MAX)
		abort();
	return 0;
}

#include "agent/dns.h"

#include <netinet/in.h>
#include <string.h>

#define FLAG_ANSWER 0x8000
#define FLAG_OPCODE 0x7800
#define FLAG_TRUNCATED 0x0200
#define FLAG_RECURSION_DESIRED 0x0100
#define FLAG_RECURSION_AVAILABLE 0x0080
#define FLAG_CHECKING_DISABLED 0x0010

#define TYPE_OPT 41
#define CLASS_IN 1

/* A cursor that cannot leave the message; once it would have, it is broken and yields zeros. */
struct cursor {
	const uint8_t *message;
	size_t length, at;
	bool broken;
};

static const uint8_t *take(struct cursor *cursor, size_t count)
{
	if (cursor->broken || cursor->length - cursor->at < count) {
		cursor->broken = true;
		return NULL;
	}
	const uint8_t *bytes = cursor->message + cursor->at;
	cursor->at += count;
	return bytes;
}

static uint16_t take16(struct cursor *cursor)
{
	const uint8_t *bytes = take(cursor, 2);
	if (!bytes)
		return 0;
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static uint8_t take8(struct cursor *cursor)
{
	const uint8_t *bytes = take(cursor, 1);
	return bytes ? *bytes : 0;
}

/* What no name has in it, so that it equals none. */
#define NO_LETTER ((char)-1)

static char lower(uint8_t byte)
{
	if (byte >= 'A' && byte <= 'Z')
		return (char)(byte | 0x20);
	if (byte == '.' || byte == 0)
		return NO_LETTER;
	return (char)byte;
}

/* An uncompressed name, as a question has it. */
static void take_name(struct cursor *cursor, char ret_name[static NAME_BYTES_MAX])
{
	size_t length = 0;
	for (;;) {
		size_t label = take8(cursor);
		if (!label)
			break;
		const uint8_t *bytes = label < 64 ? take(cursor, label) : NULL;
		/* 253 characters are the longest name: 255 on the wire. */
		if (!bytes || length + (length > 0) + label > NAME_BYTES_MAX - 1) {
			cursor->broken = true;
			break;
		}
		if (length)
			ret_name[length++] = '.';
		for (size_t i = 0; i < label; i++)
			ret_name[length++] = lower(bytes[i]);
	}
	ret_name[length] = '\0';
}

/* A name that may be compressed. It is stepped over: nobody needs to know it. */
static void skip_name(struct cursor *cursor)
{
	for (;;) {
		size_t label = take8(cursor);
		if (cursor->broken || !label)
			return;
		if (label >= 0xc0) {
			take8(cursor);
			return;
		}
		if (label >= 64)
			cursor->broken = true;
		take(cursor, label);
	}
}

/* The OPT record, should there be one among the records of the query. */
static int take_options(struct cursor *cursor, size_t records, struct dns_query *query)
{
	for (size_t i = 0; i < records; i++) {
		skip_name(cursor);
		uint16_t type = take16(cursor);
		uint16_t size = take16(cursor);
		take(cursor, 4);
		take(cursor, take16(cursor));
		if (cursor->broken)
			return DNS_FORMERR;
		if (type != TYPE_OPT)
			continue;
		if (query->edns)
			return DNS_FORMERR;
		query->edns = true;
		if (size > DNS_UDP_MAX)
			query->udp_size = size < DNS_MESSAGE_MAX ? size : DNS_MESSAGE_MAX;
	}
	return DNS_NOERROR;
}

int dns_parse_query(const uint8_t *message, size_t length, struct dns_query *ret_query)
{
	struct cursor cursor = { .message = message, .length = length };
	struct dns_query *query = ret_query;
	memset(query, 0, sizeof(*query));
	query->udp_size = DNS_UDP_MAX;
	query->id = take16(&cursor);
	query->flags = take16(&cursor);
	uint16_t questions = take16(&cursor);
	size_t records = take16(&cursor);
	records += take16(&cursor);
	records += take16(&cursor);
	if (cursor.broken || query->flags & FLAG_ANSWER)
		return -1;
	if (query->flags & FLAG_OPCODE)
		return DNS_NOTIMP;
	if (questions != 1)
		return DNS_FORMERR;
	take_name(&cursor, query->name);
	query->type = take16(&cursor);
	uint16_t class = take16(&cursor);
	if (cursor.broken || cursor.at - DNS_HEADER > sizeof(query->question))
		return DNS_FORMERR;
	query->question_length = (uint16_t)(cursor.at - DNS_HEADER);
	memcpy(query->question, message + DNS_HEADER, query->question_length);
	if (class != CLASS_IN)
		return DNS_REFUSED;
	return take_options(&cursor, records, query);
}

static void put16(uint8_t *out, unsigned value)
{
	out[0] = (uint8_t)(value >> 8);
	out[1] = (uint8_t)value;
}

/* One A or AAAA record; its name points to the question's. Returns its length, 0 when it is of another type.
 */
static size_t build_record(uint8_t out[static 28], uint16_t type, const struct sockaddr_storage *address)
{
	size_t size = 0;
	if (type == DNS_TYPE_A && address->ss_family == AF_INET) {
		size = 4;
		memcpy(out + 12, &((const struct sockaddr_in *)address)->sin_addr, size);
	} else if (type == DNS_TYPE_AAAA && address->ss_family == AF_INET6) {
		size = 16;
		memcpy(out + 12, &((const struct sockaddr_in6 *)address)->sin6_addr, size);
	} else {
		return 0;
	}
	put16(out, 0xc000 | DNS_HEADER);
	put16(out + 2, type);
	put16(out + 4, CLASS_IN);
	put16(out + 6, 0);
	put16(out + 8, DNS_TTL_S);
	put16(out + 10, (unsigned)size);
	return 12 + size;
}

#define OPTION_RECORD 11

size_t dns_build(uint8_t *out, size_t limit, const struct dns_query *query, int rcode,
    const struct sockaddr_storage *addresses, int count)
{
	/* No SOA with "no such name": a resolver then keeps nothing, and sees the name when it appears. */
	unsigned flags = FLAG_ANSWER | FLAG_RECURSION_AVAILABLE | (unsigned)rcode |
			 (query->flags & (FLAG_OPCODE | FLAG_RECURSION_DESIRED | FLAG_CHECKING_DISABLED));
	size_t length = DNS_HEADER;
	unsigned questions = 0, records = 0;
	memset(out, 0, DNS_HEADER);
	if (query->question_length && length + query->question_length <= limit) {
		memcpy(out + length, query->question, query->question_length);
		length += query->question_length;
		questions = 1;
	}
	size_t reserved = query->edns && length + OPTION_RECORD <= limit ? OPTION_RECORD : 0;
	for (int i = 0; i < count && questions; i++) {
		uint8_t record[28];
		size_t size = build_record(record, query->type, &addresses[i]);
		if (length + size + reserved > limit) {
			flags |= FLAG_TRUNCATED;
			break;
		}
		memcpy(out + length, record, size);
		length += size;
		records += size > 0;
	}
	if (reserved) {
		memset(out + length, 0, OPTION_RECORD);
		put16(out + length + 1, TYPE_OPT);
		put16(out + length + 3, DNS_MESSAGE_MAX);
		length += OPTION_RECORD;
	}
	put16(out, query->id);
	put16(out + 2, flags);
	put16(out + 4, questions);
	put16(out + 6, records);
	put16(out + 10, reserved ? 1 : 0);
	return length;
}

static void take_record(struct cursor *cursor, struct dns_answer *answer)
{
	skip_name(cursor);
	uint16_t type = take16(cursor);
	take(cursor, 6);
	size_t size = take16(cursor);
	const uint8_t *data = take(cursor, size);
	if (!data || answer->count == DNS_ADDRESSES_MAX)
		return;
	struct sockaddr_storage *address = &answer->addresses[answer->count];
	if (type == DNS_TYPE_A && size == 4) {
		address->ss_family = AF_INET;
		memcpy(&((struct sockaddr_in *)address)->sin_addr, data, size);
		answer->count++;
	} else if (type == DNS_TYPE_AAAA && size == 16) {
		address->ss_family = AF_INET6;
		memcpy(&((struct sockaddr_in6 *)address)->sin6_addr, data, size);
		answer->count++;
	}
}

int dns_parse_answer(const uint8_t *message, size_t length, struct dns_answer *ret_answer)
{
	struct cursor cursor = { .message = message, .length = length };
	memset(ret_answer, 0, sizeof(*ret_answer));
	ret_answer->id = take16(&cursor);
	uint16_t flags = take16(&cursor);
	uint16_t questions = take16(&cursor);
	uint16_t records = take16(&cursor);
	take(&cursor, 4);
	if (cursor.broken || !(flags & FLAG_ANSWER))
		return -1;
	ret_answer->rcode = flags & 15;
	ret_answer->truncated = flags & FLAG_TRUNCATED;
	for (unsigned i = 0; i < questions && !cursor.broken; i++) {
		skip_name(&cursor);
		take(&cursor, 4);
	}
	for (unsigned i = 0; i < records && !cursor.broken; i++)
		take_record(&cursor, ret_answer);
	return 0;
}

const char *dns_rcode_name(int rcode)
{
	static const char *const names[] = {
		[DNS_NOERROR] = "noerror",
		[DNS_FORMERR] = "formerr",
		[DNS_SERVFAIL] = "servfail",
		[DNS_NXDOMAIN] = "nxdomain",
		[DNS_NOTIMP] = "notimp",
		[DNS_REFUSED] = "refused",
	};
	if (rcode < 0 || (size_t)rcode >= sizeof(names) / sizeof(names[0]))
		return NULL;
	return names[rcode];
}

int dns_normalise(const char *name, char ret_name[static NAME_BYTES_MAX])
{
	size_t length = strlen(name), label = 0;
	if (length && name[length - 1] == '.')
		length--;
	if (!length || length > NAME_BYTES_MAX - 1)
		return -1;
	for (size_t i = 0; i < length; i++) {
		label = name[i] == '.' ? 0 : label + 1;
		bool last = i + 1 == length || name[i + 1] == '.';
		if ((!label && (last || !i)) || label > 63)
			return -1;
		if (name[i] == '.')
			ret_name[i] = '.';
		else
			ret_name[i] = lower((uint8_t)name[i]);
	}
	ret_name[length] = '\0';
	return 0;
}

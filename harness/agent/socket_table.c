#include "agent/socket_table.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct cursor {
	const char *at, *end;
};

static int digit_of(char byte)
{
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	if (byte >= 'A' && byte <= 'F')
		return byte - 'A' + 10;
	return -1;
}

/* Exactly `count` upper-case hexadecimal digits, or as many as there are (at least one, at most 8) when 0. */
static int take_number(struct cursor *cursor, int count, uint32_t *ret_number)
{
	int taken = 0;
	*ret_number = 0;
	while (cursor->at < cursor->end && taken < (count ? count : 8) && digit_of(*cursor->at) >= 0) {
		*ret_number = *ret_number << 4 | (uint32_t)digit_of(*cursor->at);
		cursor->at++;
		taken++;
	}
	return taken && (!count || taken == count) ? 0 : -1;
}

static int take_char(struct cursor *cursor, char wanted)
{
	if (cursor->at == cursor->end || *cursor->at != wanted)
		return -1;
	cursor->at++;
	return 0;
}

static void skip_blanks(struct cursor *cursor)
{
	while (cursor->at < cursor->end && *cursor->at == ' ')
		cursor->at++;
}

/* Words of four bytes, each printed as the number it is on this machine. */
static int take_endpoint(struct cursor *cursor, struct endpoint *ret_endpoint)
{
	uint32_t words[4] = { 0 }, port;
	size_t count = 0;
	skip_blanks(cursor);
	while (count < 4 && take_number(cursor, 8, &words[count]) == 0)
		if (++count == 1 && cursor->at < cursor->end && *cursor->at == ':')
			break;
	if ((count != 1 && count != 4) || take_char(cursor, ':') < 0 || take_number(cursor, 4, &port) < 0)
		return -1;
	struct sockaddr_storage address = { 0 };
	if (count == 1) {
		struct sockaddr_in *in = (struct sockaddr_in *)&address;
		in->sin_family = AF_INET;
		in->sin_port = htons((uint16_t)port);
		memcpy(&in->sin_addr, words, 4);
	} else {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address;
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)port);
		memcpy(&in6->sin6_addr, words, 16);
	}
	*ret_endpoint = endpoint_of_sockaddr(&address);
	return 0;
}

/* "  7: 0100007F:1F90 0100007F:C350 01 00000000:00000000 02:000003E8 00000000 …" */
int socket_table_parse(const char *line, size_t length, struct socket_entry *ret_entry)
{
	struct cursor cursor = { line, line + length };
	uint32_t timer, state, retransmits, ignored;
	skip_blanks(&cursor);
	while (cursor.at < cursor.end && *cursor.at >= '0' && *cursor.at <= '9')
		cursor.at++;
	if (take_char(&cursor, ':') < 0 || take_endpoint(&cursor, &ret_entry->local) < 0 ||
	    take_endpoint(&cursor, &ret_entry->remote) < 0)
		return -1;
	skip_blanks(&cursor);
	if (take_number(&cursor, 2, &state) < 0)
		return -1;
	skip_blanks(&cursor);
	if (take_number(&cursor, 8, &ignored) < 0 || take_char(&cursor, ':') < 0 ||
	    take_number(&cursor, 8, &ignored) < 0)
		return -1;
	skip_blanks(&cursor);
	if (take_number(&cursor, 2, &timer) < 0 || take_char(&cursor, ':') < 0 ||
	    take_number(&cursor, 0, &ret_entry->timer_ticks) < 0)
		return -1;
	skip_blanks(&cursor);
	if (take_number(&cursor, 8, &retransmits) < 0)
		return -1;
	ret_entry->state = state;
	ret_entry->retransmits = retransmits;
	if (!timer)
		ret_entry->timer_ticks = 0;
	return 0;
}

static int read_file(const char *path, socket_table_visit *visit, void *owner)
{
	static char buffer[16 * 1024];
	size_t kept = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -1; /* a kernel without IPv6 */
	for (;;) {
		ssize_t got = read(fd, buffer + kept, sizeof(buffer) - kept);
		if (got <= 0) {
			int failure = errno;
			close(fd);
			errno = failure;
			return got < 0 ? -1 : 0;
		}
		size_t length = kept + (size_t)got, from = 0;
		for (;;) {
			const char *newline = memchr(buffer + from, '\n', length - from);
			struct socket_entry entry;
			if (!newline)
				break;
			size_t line = (size_t)(newline - buffer) - from;
			if (socket_table_parse(buffer + from, line, &entry) == 0)
				visit(owner, &entry);
			from += line + 1;
		}
		/* No line is as long as the buffer; should one be, it is none of ours. */
		kept = from == 0 && length == sizeof(buffer) ? 0 : length - from;
		memmove(buffer, buffer + from, kept);
	}
}

int socket_table_read(const char *what, socket_table_visit *visit, void *owner)
{
	bool tcp = strcmp(what, "tcp") == 0;
	if (read_file(tcp ? "/proc/net/tcp" : "/proc/net/udp", visit, owner) < 0)
		return -1;
	return read_file(tcp ? "/proc/net/tcp6" : "/proc/net/udp6", visit, owner);
}

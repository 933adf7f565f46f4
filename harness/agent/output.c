#include "agent/output.h"
#include "agent/reactor.h"
#include "agent/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

#define QUEUE_BYTES (64 * 1024)
/* The last of the queue is kept for replies: an observation may get lost, an `ok` somebody waits for may not.
 */
#define REPLY_BYTES (8 * LINE_MAX_BYTES)

/* A ring of whole lines, of which the first may be half written. */
static struct {
	struct source source;
	char bytes[QUEUE_BYTES];
	size_t start, length;
	uint64_t lost;
	bool is_waiting; /* for the reader, in the reactor */
	bool is_broken;  /* there is no reader any more */
} queue;

static void add(struct line *line, const char *bytes, size_t length)
{
	memcpy(line->bytes + line->length, bytes, length);
	line->length += length;
}

static size_t room_of(const struct line *line)
{
	return LINE_MAX_BYTES - 1 - line->length; /* one is for the newline */
}

void line_text(struct line *line, const char *text)
{
	size_t length = strlen(text);
	add(line, text, length < room_of(line) ? length : room_of(line));
}

/* A field is there whole or not at all: half a number or address would be another one. */
static void add_field(struct line *line, const char *bytes, size_t length)
{
	if (length >= room_of(line))
		return;
	add(line, " ", 1);
	add(line, bytes, length);
}

void line_word(struct line *line, const char *text)
{
	add_field(line, text, strlen(text));
}

static size_t write_number(int64_t number, char *bytes)
{
	struct number written = number_text(number);
	size_t length = strlen(written.text);
	memcpy(bytes, written.text, length);
	return length;
}

void line_number(struct line *line, int64_t number)
{
	char bytes[NUMBER_BYTES];
	add_field(line, bytes, write_number(number, bytes));
}

void line_escaped(struct line *line, const void *bytes, size_t length)
{
	static const char digits[] = "0123456789ABCDEF";
	const unsigned char *byte = bytes;
	if (!room_of(line))
		return;
	add(line, " ", 1);
	for (size_t i = 0; i < length; i++) {
		const char escape[] = { '%', digits[byte[i] >> 4], digits[byte[i] & 15] };
		bool is_plain = byte[i] >= '!' && byte[i] <= '~' && byte[i] != '%';
		size_t needed = is_plain ? 1 : sizeof(escape);
		if (needed > room_of(line))
			return;
		add(line, is_plain ? (const char *)byte + i : escape, needed);
	}
}

#define PLACE_BYTES INET6_ADDRSTRLEN

/* A socket for both families has IPv4 peers as ::ffff:192.0.2.1, while the wire has them as 192.0.2.1: the
 * same end has to be written the same way. */
static bool is_mapped(const struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET6 &&
	       IN6_IS_ADDR_V4MAPPED(&((const struct sockaddr_in6 *)address)->sin6_addr);
}

static size_t write_four(const uint8_t four[4], char *bytes)
{
	size_t length = 0;
	for (int i = 0; i < 4; i++) {
		if (i)
			bytes[length++] = '.';
		length += write_number(four[i], bytes + length);
	}
	return length;
}

#define GROUPS 8 /* of an IPv6 address */

/* The longest run of zero groups, the first of equals: "::" stands for it (RFC 5952). */
static int find_zeros(const uint16_t groups[GROUPS], int *ret_count)
{
	int start = -1;
	*ret_count = 1; /* a single one is written as it is */
	for (int i = 0, count = 0; i < GROUPS; i++) {
		count = groups[i] ? 0 : count + 1;
		if (count > *ret_count) {
			*ret_count = count;
			start = i + 1 - count;
		}
	}
	return start;
}

static size_t write_group(uint16_t group, char *bytes)
{
	size_t length = 0;
	for (int shift = 12; shift >= 0; shift -= 4) {
		if (length || group >> shift || !shift)
			bytes[length++] = "0123456789abcdef"[group >> shift & 15];
	}
	return length;
}

/* As inet_ntop() does it; that of the C library brings all of printf() with it. */
static size_t write_six(const struct in6_addr *six, char *bytes)
{
	uint16_t groups[GROUPS];
	size_t length = 0;
	for (int i = 0; i < GROUPS; i++)
		groups[i] = (uint16_t)(six->s6_addr[2 * i] << 8 | six->s6_addr[2 * i + 1]);
	int count, start = find_zeros(groups, &count);
	for (int i = 0; i < GROUPS; i++) {
		if (i == start) {
			bytes[length++] = ':';
			i += count - 1;
			if (i == GROUPS - 1)
				bytes[length++] = ':';
			continue;
		}
		if (i)
			bytes[length++] = ':';
		length += write_group(groups[i], bytes + length);
	}
	return length;
}

static size_t write_host(const struct sockaddr_storage *address, char bytes[static PLACE_BYTES])
{
	if (address->ss_family == AF_INET)
		return write_four((const uint8_t *)&((const struct sockaddr_in *)address)->sin_addr, bytes);
	if (is_mapped(address))
		return write_four(((const struct sockaddr_in6 *)address)->sin6_addr.s6_addr + 12, bytes);
	if (address->ss_family == AF_INET6)
		return write_six(&((const struct sockaddr_in6 *)address)->sin6_addr, bytes);
	bytes[0] = '-';
	return 1;
}

static uint16_t port_of(const struct sockaddr_storage *address)
{
	/* sin_port and sin6_port are in the same place. */
	return ntohs(((const struct sockaddr_in *)address)->sin_port);
}

void line_host(struct line *line, const struct sockaddr_storage *address)
{
	char bytes[PLACE_BYTES];
	add_field(line, bytes, write_host(address, bytes));
}

void line_address(struct line *line, const struct sockaddr_storage *address)
{
	char bytes[PLACE_BYTES + sizeof("[]:") + NUMBER_BYTES];
	bool is_bracketed = address->ss_family == AF_INET6 && !is_mapped(address);
	size_t length = 0;
	if (is_bracketed)
		bytes[length++] = '[';
	length += write_host(address, bytes + length);
	if (is_bracketed)
		bytes[length++] = ']';
	bytes[length++] = ':';
	length += write_number(port_of(address), bytes + length);
	add_field(line, bytes, length);
}

static void give_up(void)
{
	queue.is_broken = true;
	queue.length = 0;
	if (queue.is_waiting)
		reactor_remove(&queue.source);
	queue.is_waiting = false;
	reactor_stop();
}

/* Writes what the reader takes now. */
static void write_queue(void)
{
	while (queue.length) {
		size_t until_end = QUEUE_BYTES - queue.start;
		size_t first = queue.length < until_end ? queue.length : until_end;
		const struct iovec parts[] = {
			{ .iov_base = queue.bytes + queue.start, .iov_len = first },
			{ .iov_base = queue.bytes, .iov_len = queue.length - first },
		};
		ssize_t written = writev(queue.source.fd, parts, parts[1].iov_len ? 2 : 1);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0 && errno != EAGAIN)
			give_up();
		if (written < 0)
			return;
		queue.start = (queue.start + (size_t)written) % QUEUE_BYTES;
		queue.length -= (size_t)written;
	}
}

static void push(const struct line *line)
{
	for (size_t done = 0; done < line->length;) {
		size_t end = (queue.start + queue.length) % QUEUE_BYTES;
		size_t count = line->length - done;
		if (count > QUEUE_BYTES - end)
			count = QUEUE_BYTES - end;
		memcpy(queue.bytes + end, line->bytes + done, count);
		queue.length += count;
		done += count;
	}
}

static bool fits(size_t bytes, size_t kept_free)
{
	return queue.length + bytes + kept_free <= QUEUE_BYTES;
}

/* The `lost` line stands where the lines that are missing would have stood. */
static void confess(void)
{
	if (!queue.lost || !fits(LINE_MAX_BYTES, REPLY_BYTES))
		return;
	struct line line = { 0 };
	line_text(&line, "lost");
	line_number(&line, now_ns());
	line_number(&line, queue.lost > INT64_MAX ? INT64_MAX : (int64_t)queue.lost);
	add(&line, "\n", 1);
	queue.lost = 0;
	push(&line);
}

static void reader_ready(struct source *source, uint32_t events)
{
	(void)source;
	(void)events; /* an error is found by writing */
	write_queue();
	confess();
	if (!queue.length && queue.is_waiting) {
		reactor_remove(&queue.source);
		queue.is_waiting = false;
	}
}

/* Hands over what it can, and leaves the rest to the reactor. */
static void work(void)
{
	if (queue.is_waiting || queue.is_broken)
		return;
	write_queue();
	if (!queue.length || queue.is_broken)
		return;
	if (reactor_add(&queue.source, EPOLLOUT) < 0)
		give_up();
	else
		queue.is_waiting = true;
}

static void send_line(struct line *line, size_t kept_free)
{
	if (queue.is_broken)
		return;
	add(line, "\n", 1);
	confess();
	if (!queue.lost && fits(line->length, kept_free))
		push(line);
	else
		queue.lost++;
	work();
}

void line_send(struct line *line)
{
	send_line(line, REPLY_BYTES);
}

void line_send_move(struct line *line)
{
	if (queue.is_broken)
		return;
	add(line, "\n", 1);
	if (fits(line->length, LINE_MAX_BYTES))
		push(line);
	else
		queue.lost++;
	work();
}

bool output_takes_reply(void)
{
	return fits(LINE_MAX_BYTES, 0);
}

void line_send_reply(struct line *line)
{
	if (queue.is_broken)
		return;
	add(line, "\n", 1);
	push(line); /* output_takes_reply() has said so */
	work();
}

void output_count_lost(uint64_t count)
{
	if (!count || queue.is_broken)
		return;
	queue.lost += count;
	confess();
	work();
}

int output_open(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -1;
	if (queue.is_waiting)
		reactor_remove(&queue.source);
	queue.start = queue.length = 0;
	queue.lost = 0;
	queue.is_waiting = queue.is_broken = false;
	queue.source = (struct source){ .fd = fd, .ready = reader_ready };
	return 0;
}

void output_finish(int64_t until_ns)
{
	while (queue.length && !queue.is_broken) {
		struct pollfd reader = { .fd = queue.source.fd, .events = POLLOUT };
		int64_t left_ns = until_ns - now_ns();
		if (left_ns <= 0 || poll(&reader, 1, (int)(left_ns / 1000000) + 1) <= 0)
			return;
		write_queue();
	}
}

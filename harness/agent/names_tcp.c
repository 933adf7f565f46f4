/* Questions by TCP: two bytes of length before each message (RFC 7766), several on one connection. */
#include "agent/names_private.h"
#include "agent/reactor.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

#define SLOTS 16
#define QUESTION_MAX 1022 /* with every option there is */

static struct slot {
	struct source source; /* fd -1: free; 0 is never one of them */
	bool in_use;
	uint32_t generation;
	int64_t used_ns;
	struct sockaddr_storage client;
	uint8_t bytes[2 + QUESTION_MAX];
	size_t length;
} slots[SLOTS];

static struct source listeners[2];

static void close_slot(struct slot *slot)
{
	reactor_remove(&slot->source);
	close(slot->source.fd);
	slot->in_use = false;
	slot->generation++;
}

/* Answers every whole question. -1 when the connection is over. */
static int take_questions(struct slot *slot)
{
	struct asker asker = {
		.client = slot->client, .slot = (int)(slot - slots), .generation = slot->generation
	};
	while (slot->length >= 2) {
		size_t length = (size_t)slot->bytes[0] << 8 | slot->bytes[1];
		if (length > QUESTION_MAX)
			return -1;
		if (slot->length < 2 + length)
			return 0;
		uint8_t question[QUESTION_MAX];
		memcpy(question, slot->bytes + 2, length);
		slot->length -= 2 + length;
		memmove(slot->bytes, slot->bytes + 2 + length, slot->length);
		names_question(question, length, &asker, now_ns());
		if (!slot->in_use || slot->generation != asker.generation)
			return 0; /* the answer did not go through, and the connection is closed */
	}
	return 0;
}

static void slot_ready(struct source *source, uint32_t events)
{
	(void)events;
	struct slot *slot = (struct slot *)source;
	ssize_t got = read(source->fd, slot->bytes + slot->length, sizeof(slot->bytes) - slot->length);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		close_slot(slot);
		return;
	}
	slot->used_ns = now_ns();
	slot->length += (size_t)got;
	if (take_questions(slot) < 0)
		close_slot(slot);
}

/* A free one, or the one that was silent longest. */
static struct slot *take_slot(void)
{
	struct slot *oldest = &slots[0];
	for (int i = 0; i < SLOTS; i++) {
		if (!slots[i].in_use)
			return &slots[i];
		if (slots[i].used_ns < oldest->used_ns)
			oldest = &slots[i];
	}
	close_slot(oldest);
	return oldest;
}

static void listener_ready(struct source *source, uint32_t events)
{
	(void)events;
	struct sockaddr_storage client = { 0 };
	socklen_t length = sizeof(client);
	int fd = accept4(source->fd, (struct sockaddr *)&client, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	if (!names_is_own(&client)) {
		close(fd);
		return;
	}
	struct slot *slot = take_slot();
	slot->source.fd = fd;
	slot->source.ready = slot_ready;
	slot->client = client;
	slot->length = 0;
	slot->used_ns = now_ns();
	slot->in_use = reactor_add(&slot->source, EPOLLIN) == 0;
	if (!slot->in_use)
		close(fd);
}

void names_tcp_reply(const struct asker *asker, const uint8_t *message, size_t length)
{
	struct slot *slot = &slots[asker->slot];
	if (!slot->in_use || slot->generation != asker->generation)
		return;
	uint8_t prefix[2] = { (uint8_t)(length >> 8), (uint8_t)length };
	struct iovec parts[] = { { prefix, sizeof(prefix) }, { (void *)message, length } };
	struct msghdr header = { .msg_iov = parts, .msg_iovlen = 2 };
	/* A client that does not read its answers gets no more of them. */
	if (sendmsg(slot->source.fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)(length + 2))
		close_slot(slot);
}

static int open_listener(struct source *source, int family, uint16_t port)
{
	source->ready = listener_ready;
	source->fd = names_socket(family, SOCK_STREAM, &port);
	if (source->fd < 0)
		return -1;
	if (listen(source->fd, SLOTS) == 0 && reactor_add(source, EPOLLIN) == 0)
		return 0;
	close(source->fd);
	return -1;
}

const char *names_tcp_open(uint16_t port, bool has_ipv6)
{
	if (open_listener(&listeners[0], AF_INET, port) < 0)
		return "no TCP socket for the resolver";
	if (!has_ipv6 || open_listener(&listeners[1], AF_INET6, port) == 0)
		return NULL;
	reactor_remove(&listeners[0]);
	close(listeners[0].fd);
	return "no TCP socket of IPv6 for the resolver";
}

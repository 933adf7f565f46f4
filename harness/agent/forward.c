/*
 * Questions for names that are not in the table, sent on to another resolver by UDP. Only where packets may
 * leave. AGENT_MARK keeps the redirection from bringing them back here. A question that came by TCP goes on
 * by UDP too; an answer that was cut says so to its asker.
 */
#include "agent/names_private.h"
#include "agent/output.h"
#include "agent/reactor.h"
#include "agent/rooms.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define FLIGHTS_MAX 128
#define FLIGHT_NS INT64_C(30000000000)

static struct {
	struct source source;
	bool is_on;
	uint16_t next_id;
	struct flight {
		struct asker asker;
		struct dns_query query;
		uint16_t id;
		int64_t sent_ns; /* 0: free */
	} flights[FLIGHTS_MAX];
} forward;

bool forward_is_on(void)
{
	return forward.is_on;
}

static void take_answer(uint8_t *message, size_t length)
{
	struct dns_answer answer;
	if (dns_parse_answer(message, length, &answer) < 0)
		return;
	for (int i = 0; i < FLIGHTS_MAX; i++) {
		struct flight *flight = &forward.flights[i];
		const struct dns_query *query = &flight->query;
		if (!flight->sent_ns || flight->id != answer.id)
			continue;
		/* It must be about what was asked. */
		if (length < DNS_HEADER + (size_t)query->question_length ||
		    memcmp(message + DNS_HEADER, query->question, query->question_length) != 0)
			return;
		message[0] = (uint8_t)(query->id >> 8);
		message[1] = (uint8_t)query->id;
		flight->sent_ns = 0;
		names_relay(&flight->asker, query, message, length, &answer);
		return;
	}
}

static void forward_ready(struct source *source, uint32_t events)
{
	(void)events;
	uint8_t message[DNS_MESSAGE_MAX];
	ssize_t length = recv(source->fd, message, sizeof(message), MSG_DONTWAIT);
	if (length < 0)
		return; /* nothing, or the server's host says that nobody listens: the client will see silence
			 */
	socket_notices_catch_up();
	take_answer(message, (size_t)length);
}

static struct flight *take_flight(int64_t now)
{
	struct flight *oldest = &forward.flights[0];
	for (int i = 0; i < FLIGHTS_MAX; i++)
		if (forward.flights[i].sent_ns < oldest->sent_ns)
			oldest = &forward.flights[i];
	return !oldest->sent_ns || now - oldest->sent_ns > FLIGHT_NS ? oldest : NULL;
}

bool forward_question(
    const struct asker *asker, const struct dns_query *query, const uint8_t *message, size_t length)
{
	uint8_t copy[DNS_MESSAGE_MAX];
	int64_t now = now_ns();
	struct flight *flight = take_flight(now);
	if (!flight || length > sizeof(copy) || length < DNS_HEADER)
		return false;
	flight->asker = *asker;
	flight->query = *query;
	flight->id = ++forward.next_id;
	memcpy(copy, message, length);
	copy[0] = (uint8_t)(flight->id >> 8);
	copy[1] = (uint8_t)flight->id;
	if (send(forward.source.fd, copy, length, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)length) {
		/* The error of the question before is reported once, and costs this one nothing. */
		if (errno != ECONNREFUSED ||
		    send(forward.source.fd, copy, length, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)length)
			return false;
	}
	flight->sent_ns = now;
	return true;
}

const char *names_forward(const struct sockaddr_storage *server)
{
	uint32_t mark = AGENT_MARK;
	if (names_are_alone())
		return "nobody else is asked for names (`alone`)";
	int fd = socket(server->ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return "no socket for that address";
	struct sockaddr_storage address = *server;
	if (!((struct sockaddr_in *)&address)->sin_port) /* in the same place for both families */
		((struct sockaddr_in *)&address)->sin_port = htons(53);
	struct source source = { .fd = fd, .ready = forward_ready };
	if (setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) < 0 ||
	    connect(fd, (struct sockaddr *)&address, address_length(&address)) < 0) {
		close(fd);
		return "that server cannot be asked: no route, or no CAP_NET_ADMIN";
	}
	if (forward.is_on) {
		reactor_remove(&forward.source);
		close(forward.source.fd);
	}
	forward.source = source;
	forward.is_on = reactor_add(&forward.source, EPOLLIN) == 0;
	if (forward.is_on)
		return redirect_names_of(&address);
	close(fd);
	return "that server's answers cannot be waited for";
}

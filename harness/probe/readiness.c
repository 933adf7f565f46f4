#include "probe/probe.h"

#include "base/buf.h"
#include "probe/readiness_protocol.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

static const struct readiness_protocol *const readiness_protocols[] = {
	&tcp_readiness,
	&redis_readiness,
	&postgres_readiness,
};

struct readiness_probe {
	struct loop *loop;
	const struct readiness_protocol *protocol;
	struct readiness_config config; /* its strings are ours */
	struct ticker *ticker;
	void *attempt; /* the try under way, or NULL */
	struct timer *deadline;
	int64_t asked_ns, answered_ns;
	int64_t last_asked_ns;  /* of the try before this one; 0: there was none */
	struct timer *conclude; /* set once the try has said something */
	enum readiness said;
	struct buf words;
	bool told;
	enum readiness last; /* what the owner was told last, if `told` */
	bool telling, stopped;
	readiness_change *change;
	void *owner;
};

const char *readiness_name(enum readiness readiness)
{
	switch (readiness) {
	case READINESS_REFUSED:
		return "refused";
	case READINESS_UNREACHABLE:
		return "unreachable";
	case READINESS_HUNG:
		return "hung";
	case READINESS_CLOSING:
		return "closing";
	case READINESS_LOADING:
		return "loading";
	case READINESS_DENIED:
		return "denied";
	case READINESS_READY:
		return "ready";
	}
	BUG("readiness %d", (int)readiness);
}

enum readiness readiness_of_errno(int errnum)
{
	switch (errnum) {
	case ECONNREFUSED:
		return READINESS_REFUSED;
	case ECONNRESET:
	case EPIPE:
		return READINESS_CLOSING;
	default: /* ETIMEDOUT, ENETUNREACH, EHOSTUNREACH, EADDRNOTAVAIL … */
		return READINESS_UNREACHABLE;
	}
}

static void end_try(struct readiness_probe *probe)
{
	if (probe->attempt)
		probe->protocol->end(steal_ptr(probe->attempt));
	timer_cancel(steal_ptr(probe->deadline));
	timer_cancel(steal_ptr(probe->conclude));
}

static void probe_free(struct readiness_probe *probe)
{
	end_try(probe);
	ticker_stop(probe->ticker);
	buf_release(&probe->words);
	free((char *)probe->config.protocol);
	free((char *)probe->config.address);
	free((char *)probe->config.user);
	free((char *)probe->config.password);
	free((char *)probe->config.database);
	free(probe);
}

static void conclude(void *owner)
{
	struct readiness_probe *probe = owner;
	probe->conclude = NULL;
	end_try(probe);
	/* What it says has changed since the try before this one was asked, told or not. */
	int64_t otherwise_ns = probe->last_asked_ns;
	probe->last_asked_ns = probe->asked_ns;
	if (probe->told && probe->last == probe->said)
		return;
	probe->told = true;
	probe->last = probe->said;
	if (probe->said == READINESS_READY)
		ticker_stop(steal_ptr(probe->ticker));
	struct readiness_answer answer = { .asked_ns = probe->asked_ns,
		.answered_ns = probe->answered_ns,
		.otherwise_ns = otherwise_ns,
		.readiness = probe->said,
		.detail = buf_string(&probe->words) };
	probe->telling = true;
	probe->change(probe->owner, &answer);
	probe->telling = false;
	if (probe->stopped)
		probe_free(probe);
}

void readiness_say(struct readiness_probe *probe, enum readiness readiness, const char *words, size_t length)
{
	if (probe->conclude)
		return;
	probe->answered_ns = loop_now_ns(probe->loop);
	probe->said = readiness;
	buf_clear(&probe->words);
	const char *end = memchr(words, '\n', length);
	if (end)
		length = (size_t)(end - words);
	while (length > 0 && words[length - 1] == '\r')
		length--;
	buf_add(&probe->words, words, length);
	/* The protocol is still at work up the stack: its try is ended from the loop. */
	probe->conclude = timer_start(probe->loop, probe->answered_ns, conclude, probe);
}

void readiness_say_errno(struct readiness_probe *probe, int errnum)
{
	char buffer[128];
	const char *reason = strerror_r(errnum, buffer, sizeof(buffer));
	readiness_say(probe, readiness_of_errno(errnum), reason, strlen(reason));
}

static void time_is_up(void *owner)
{
	struct readiness_probe *probe = owner;
	probe->deadline = NULL;
	if (probe->protocol->accepted(probe->attempt))
		readiness_say(probe, READINESS_HUNG, "accepted, no answer in time", 27);
	else
		readiness_say(probe, READINESS_UNREACHABLE, "no answer to the connection attempt", 35);
}

static void tick(void *owner, int64_t due_ns)
{
	(void)due_ns;
	struct readiness_probe *probe = owner;
	if (probe->attempt)
		return;
	probe->asked_ns = loop_now_ns(probe->loop);
	probe->deadline =
	    timer_start(probe->loop, probe->asked_ns + probe->config.timeout_ns, time_is_up, probe);
	probe->attempt = probe->protocol->begin(probe->loop, &probe->config, probe);
}

static const struct readiness_protocol *find_protocol(const char *name, struct err *err)
{
	struct buf known CLEANUP(buf_release) = { 0 };
	for (size_t i = 0; i < ARRAY_LENGTH(readiness_protocols); i++) {
		if (strcmp(readiness_protocols[i]->name, name) == 0)
			return readiness_protocols[i];
		buf_addf(&known, "%s%s", i ? ", " : "", readiness_protocols[i]->name);
	}
	err_set(err, ERR_INVALID, "cannot tell whether \"%s\" is ready; the protocols known are %s", name,
	    buf_string(&known));
	return NULL;
}

static int check_config(const struct readiness_config *config, struct err *err)
{
	struct in6_addr address;
	if (inet_pton(AF_INET, config->address, &address) != 1 &&
	    inet_pton(AF_INET6, config->address, &address) != 1)
		return err_set(err, ERR_INVALID,
		    "\"%s\" is not a numeric address; names are not looked up here", config->address);
	if (config->port < 1 || config->port > 65535)
		return err_set(err, ERR_INVALID, "port %d of %s is not between 1 and 65535", config->port,
		    config->address);
	if (config->every_ns <= 0 || config->timeout_ns <= 0)
		return err_set(err, ERR_INVALID,
		    "%s at %s port %d: both the rhythm and the time limit must be "
		    "longer than 0",
		    config->protocol, config->address, config->port);
	return 0;
}

static const char *copy(const char *text)
{
	return text ? xstrdup(text) : NULL;
}

struct readiness_probe *readiness_probe_start(struct loop *loop, const struct readiness_config *config,
    readiness_change *change, void *owner, struct err *err)
{
	const struct readiness_protocol *protocol = find_protocol(config->protocol, err);
	if (!protocol || check_config(config, err))
		return NULL;
	struct readiness_probe *probe = xcalloc(1, sizeof(*probe));
	*probe = (struct readiness_probe){ .loop = loop,
		.protocol = protocol,
		.config = *config,
		.words = { .max = READINESS_DETAIL_MAX },
		.change = change,
		.owner = owner };
	probe->config.protocol = copy(config->protocol);
	probe->config.address = copy(config->address);
	probe->config.user = copy(config->user);
	probe->config.password = copy(config->password);
	probe->config.database = copy(config->database);
	probe->ticker = ticker_start(loop, loop_now_ns(loop), config->every_ns, tick, probe);
	return probe;
}

int64_t readiness_probe_asked_ns(const struct readiness_probe *probe)
{
	return probe->last_asked_ns;
}

void readiness_probe_stop(struct readiness_probe *probe)
{
	if (!probe)
		return;
	probe->stopped = true;
	if (!probe->telling)
		probe_free(probe);
}

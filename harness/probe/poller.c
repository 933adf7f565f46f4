#include "probe/http_exchange.h"

struct poller {
	struct http_exchange *exchange;
	struct ticker *ticker;
	probe_done *sample;
	void *owner;
	bool telling; /* the owner is being told; stopping waits, so that the answer outlives the call */
	bool stopped;
};

static void poller_free(struct poller *poller)
{
	http_exchange_free(poller->exchange);
	free(poller);
}

static void answered(void *owner, const struct probe_answer *answer)
{
	struct poller *poller = owner;
	poller->telling = true;
	poller->sample(poller->owner, answer);
	poller->telling = false;
	if (poller->stopped)
		poller_free(poller);
}

static void tick(void *owner, int64_t due_ns)
{
	(void)due_ns;
	struct poller *poller = owner;
	if (!http_exchange_is_busy(poller->exchange))
		http_exchange_start(poller->exchange, answered, poller);
}

struct poller *poller_start(
    struct loop *loop, const struct poller_config *config, probe_done *sample, void *owner)
{
	struct poller *poller = xcalloc(1, sizeof(*poller));
	struct probe_request request = {
		.url = config->url, .host = config->host, .timeout_ns = config->timeout_ns
	};
	*poller = (struct poller){ .exchange = http_exchange_new(loop, &request, config->fresh),
		.ticker = ticker_start(loop, loop_now_ns(loop), config->every_ns, tick, poller),
		.sample = sample,
		.owner = owner };
	return poller;
}

void poller_stop(struct poller *poller)
{
	if (!poller)
		return;
	ticker_stop(steal_ptr(poller->ticker));
	poller->stopped = true;
	if (!poller->telling)
		poller_free(poller);
}

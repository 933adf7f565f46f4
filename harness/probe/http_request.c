#include "probe/http_exchange.h"

struct probe_call {
	struct http_exchange *exchange;
	probe_done *done;
	void *owner;
};

static void answered(void *owner, const struct probe_answer *answer)
{
	struct probe_call *call = owner;
	call->done(call->owner, answer);
	http_exchange_free(call->exchange);
	free(call);
}

struct probe_call *probe_request(
    struct loop *loop, const struct probe_request *request, probe_done *done, void *owner)
{
	struct probe_call *call = xcalloc(1, sizeof(*call));
	*call = (struct probe_call){
		/* Kept connections would answer for a service that no longer listens. */
		.exchange = http_exchange_new(loop, request, true),
		.done = done,
		.owner = owner,
	};
	http_exchange_start(call->exchange, answered, call);
	return call;
}

void probe_call_cancel(struct probe_call *call)
{
	if (!call)
		return;
	http_exchange_free(call->exchange);
	free(call);
}

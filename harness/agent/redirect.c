/* The namespace's look-ups, brought to the agent whichever server they were meant for. */
#include "agent/nft.h"
#include "agent/rooms.h"

#include <netinet/in.h>

#define TABLE "falsestart-names"
/* Before Docker's own destination NAT (-100), which would take 127.0.0.11 away; behind connection tracking
 * (-200), without which there is no NAT. */
#define PRIORITY (-110)
#define DNS_PORT 53

const char *redirect_names(uint16_t port)
{
	static struct batch batch;
	static const uint8_t protocols[] = { IPPROTO_UDP, IPPROTO_TCP };
	struct nft nft = { .batch = &batch, .table = TABLE };
	batch_begin(&batch);
	if (!port) {
		nft_table_remove(&nft);
		return batch_send(&batch) < 0 ? "the kernel keeps the redirection of names" : NULL;
	}
	nft_table_anew(&nft);
	nft_chain_hooked(&nft, "output", "nat", HOOK_OUTPUT, PRIORITY);
	nft_rule(&nft, "output");
	nft_mark_is(&nft, AGENT_MARK);
	nft_verdict(&nft, VERDICT_ACCEPT, NULL);
	nft_rule_end(&nft);
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		nft_rule(&nft, "output");
		nft_protocol(&nft, protocols[i]);
		nft_port_to(&nft, DNS_PORT);
		nft_redirect(&nft, port);
		nft_rule_end(&nft);
	}
	if (batch_send(&batch) == 0)
		return NULL;
	return "names cannot be redirected: the kernel needs nf_tables with inet, nat and redirect, and the "
	       "agent CAP_NET_ADMIN";
}

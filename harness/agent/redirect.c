/* The namespace's look-ups, brought to the agent whichever server they were meant for. */
#include "agent/nft.h"
#include "agent/rooms.h"

#include <netinet/in.h>
#include <string.h>

#define TABLE "falsestart-names"
/* Before Docker's own destination NAT (-100), which would take 127.0.0.11 away; behind connection tracking
 * (-200), without which there is no NAT. */
#define PRIORITY (-110)

static uint16_t redirected_to; /* 0: not at all */

/* `server` NULL: every one. */
static void add_rule(struct nft *nft, uint8_t protocol, const struct sockaddr_storage *server)
{
	struct sockaddr_storage all_bits;
	nft_rule(nft, "output");
	if (server) {
		memset(&all_bits, 0xff, sizeof(all_bits));
		all_bits.ss_family = server->ss_family;
		nft_goes_to_network(nft, server, &all_bits);
	}
	nft_protocol(nft, protocol);
	nft_port_to(nft, DNS_PORT);
	nft_redirect(nft, redirected_to);
	nft_rule_end(nft);
}

static const char *redirect(const struct sockaddr_storage *server)
{
	static struct batch batch;
	struct nft nft = { .batch = &batch, .family = FAMILY_INET, .table = TABLE };
	batch_begin(&batch);
	nft_table_anew(&nft);
	nft_chain_hooked(&nft, "output", "nat", HOOK_OUTPUT, PRIORITY);
	nft_rule(&nft, "output");
	nft_mark_is(&nft, AGENT_MARK);
	nft_verdict(&nft, VERDICT_ACCEPT, NULL);
	nft_rule_end(&nft);
	add_rule(&nft, IPPROTO_UDP, server);
	add_rule(&nft, IPPROTO_TCP, server);
	if (batch_send(&batch) == 0)
		return NULL;
	return "names cannot be redirected: the kernel needs nf_tables with inet, nat and redirect, and the "
	       "agent CAP_NET_ADMIN";
}

const char *redirect_names(uint16_t port)
{
	static struct batch batch;
	struct nft nft = { .batch = &batch, .family = FAMILY_INET, .table = TABLE };
	redirected_to = port;
	if (port)
		return redirect(NULL);
	batch_begin(&batch);
	nft_table_remove(&nft);
	return batch_send(&batch) < 0 ? "the kernel keeps the redirection of names" : NULL;
}

const char *redirect_names_of(const struct sockaddr_storage *server)
{
	return redirected_to ? redirect(server) : NULL;
}

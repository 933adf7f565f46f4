/* Nothing leaves the world: what the namespace begins ends at the edge of its own networks. */
#include "agent/nft.h"
#include "agent/rooms.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

#define TABLE "falsestart-seal"
#define CHAIN "output"
/* Behind the redirection of names and Docker's own NAT (-100): where a packet really goes is known. */
#define PRIORITY 0

static void accept_rule(struct nft *nft)
{
	nft_verdict(nft, VERDICT_ACCEPT, NULL);
	nft_rule_end(nft);
}

static void let_reach(
    struct nft *nft, const struct sockaddr_storage *network, const struct sockaddr_storage *mask)
{
	nft_rule(nft, CHAIN);
	nft_goes_to_network(nft, network, mask);
	accept_rule(nft);
}

/* A container's addresses stay as they are: once is enough. */
static void let_reach_interfaces(struct nft *nft, const struct ifaddrs *interfaces, bool loopback)
{
	for (const struct ifaddrs *item = interfaces; item; item = item->ifa_next) {
		struct sockaddr_storage network = { 0 }, mask = { 0 };
		int family = item->ifa_addr ? item->ifa_addr->sa_family : AF_UNSPEC;
		bool is_loopback = (item->ifa_flags & IFF_LOOPBACK) != 0;
		if ((family != AF_INET && family != AF_INET6) || !item->ifa_netmask ||
		    is_loopback != loopback)
			continue;
		size_t size = family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
		memcpy(&network, item->ifa_addr, size);
		memcpy(&mask, item->ifa_netmask, size);
		let_reach(nft, &network, &mask);
	}
}

/* Look-ups that are brought to the agent, too, whoever was asked. Where NAT does that, they are on their way
 * to 127.0.0.1 by now, and still count as leaving elsewhere. */
static void let_stay(struct nft *nft)
{
	nft_rule(nft, CHAIN);
	nft_leaves_on_loopback(nft);
	accept_rule(nft);
}

static void let_reach_four(struct nft *nft, in_addr_t network, in_addr_t mask)
{
	struct sockaddr_storage addresses[2] = { 0 };
	struct sockaddr_in *four[] = { (void *)&addresses[0], (void *)&addresses[1] };
	*four[0] = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(network) };
	*four[1] = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(mask) };
	let_reach(nft, &addresses[0], &addresses[1]);
}

/* All or many at once: no router passes that on, and IPv6 finds its neighbours so. */
static void let_reach_groups(struct nft *nft)
{
	struct sockaddr_storage six = { .ss_family = AF_INET6 };
	((struct sockaddr_in6 *)&six)->sin6_addr.s6_addr[0] = 0xff;
	let_reach(nft, &six, &six); /* ff00::/8: its own mask */
	let_reach_four(nft, INADDR_BROADCAST, INADDR_BROADCAST);
	let_reach_four(nft, 0xe0000000, 0xf0000000);
}

/* No route brings one here whose socket names an interface: to a neighbour, who may be a resolver of the
 * host, it must not go either. Where NAT brings them, they have another port by now. */
static void turn_away_look_ups(struct nft *nft)
{
	static const uint8_t protocols[] = { IPPROTO_UDP, IPPROTO_TCP };
	for (size_t i = 0; i < sizeof(protocols); i++) {
		nft_rule(nft, CHAIN);
		nft_protocol(nft, protocols[i]);
		nft_port_to(nft, DNS_PORT);
		nft_leaves_elsewhere(nft);
		if (protocols[i] == IPPROTO_TCP)
			nft_reject(nft);
		else
			nft_reject_unreachable(nft);
		nft_rule_end(nft);
	}
}

static void let_answer(struct nft *nft)
{
	nft_rule(nft, CHAIN);
	nft_is_an_answer(nft);
	accept_rule(nft);
}

static void turn_away_others(struct nft *nft)
{
	/* connect(2) would take an ICMP error, which arrives while it is still under way, only for the second
	 * SYN, a second later. */
	nft_rule(nft, CHAIN);
	nft_protocol(nft, IPPROTO_TCP);
	nft_reject(nft);
	nft_rule_end(nft);
	nft_rule(nft, CHAIN);
	nft_reject_unreachable(nft);
	nft_rule_end(nft);
}

const char *seal(bool but_answers)
{
	static struct batch batch;
	struct nft nft = { .batch = &batch, .family = FAMILY_INET, .table = TABLE };
	struct ifaddrs *interfaces = NULL;
	if (getifaddrs(&interfaces) < 0)
		return "the namespace's own networks cannot be listed";
	batch_begin(&batch);
	nft_table_anew(&nft);
	nft_chain_hooked(&nft, CHAIN, "filter", HOOK_OUTPUT, PRIORITY);
	turn_away_look_ups(&nft);
	/* Every packet goes through the rules: most are for a neighbour, and need go no further than this. */
	let_reach_interfaces(&nft, interfaces, false);
	let_stay(&nft);
	let_reach_interfaces(&nft, interfaces, true);
	let_reach_groups(&nft);
	if (but_answers)
		let_answer(&nft);
	turn_away_others(&nft);
	freeifaddrs(interfaces);
	if (batch_send(&batch) == 0)
		return NULL;
	return "nothing keeps packets in: the kernel needs nf_tables with inet, reject and connection "
	       "tracking, "
	       "and the agent CAP_NET_ADMIN";
}

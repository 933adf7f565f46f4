/*
 * The namespace's look-ups brought to the agent without NAT: a route takes whatever is sent to port 53 to the
 * loopback, and there the ports are changed on the way in, both ways.
 *
 * The addresses stay, so that whoever asked 192.0.2.53 is answered by 192.0.2.53, and nobody has to remember
 * anything. NAT has to: with it the kernel tracks every connection of the namespace, which costs each packet
 * more than all that the agent does (6 % of the processor time of a round trip of 40 bytes, for each end).
 */
#include "agent/names_private.h"
#include "agent/nft.h"
#include "agent/rooms.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define TABLE "falsestart-names"
#define CHAIN "arriving"
#define ROUTES 53          /* a routing table of our own, and */
#define RULE_PRIORITY 53u  /* a rule for it before the usual ones, behind that for local addresses */
#define ENGINE_TABLE "nat" /* iptables has its rules there, which the engine makes for its own resolver */

/* ---- routes ---- */

struct request {
	_Alignas(NLMSG_ALIGNTO) struct nlmsghdr header;
	unsigned char rest[256];
};

static void add_attribute(struct request *request, uint16_t type, const void *bytes, size_t length)
{
	struct rtattr *attribute =
	    (void *)((unsigned char *)request + NLMSG_ALIGN(request->header.nlmsg_len));
	attribute->rta_type = type;
	attribute->rta_len = (uint16_t)RTA_LENGTH(length);
	memcpy(RTA_DATA(attribute), bytes, length);
	request->header.nlmsg_len =
	    (uint32_t)(NLMSG_ALIGN(request->header.nlmsg_len) + RTA_ALIGN(attribute->rta_len));
}

/* 0, or -1 with errno. */
static int send_request(int fd, struct request *request)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	request->header.nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	request->header.nlmsg_seq = 1;
	if (sendto(fd, request, request->header.nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return -1;
	return netlink_wait(fd, request->header.nlmsg_seq);
}

/* What goes to port 53 by this protocol is looked up in our table. */
static int send_rule(int fd, uint16_t type, uint8_t family, uint8_t protocol)
{
	struct request request = { .header = { .nlmsg_type = type,
				       .nlmsg_len = NLMSG_LENGTH(sizeof(struct fib_rule_hdr)) } };
	struct fib_rule_hdr *rule = NLMSG_DATA(&request.header);
	const struct fib_rule_port_range port = { DNS_PORT, DNS_PORT };
	*rule = (struct fib_rule_hdr){ .family = family, .table = ROUTES, .action = FR_ACT_TO_TBL };
	if (type == RTM_NEWRULE)
		request.header.nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	add_attribute(&request, FRA_PRIORITY, &(uint32_t){ RULE_PRIORITY }, sizeof(uint32_t));
	add_attribute(&request, FRA_IP_PROTO, &protocol, sizeof(protocol));
	add_attribute(&request, FRA_DPORT_RANGE, &port, sizeof(port));
	return send_request(fd, &request);
}

/* Every address is one of this host. It is spoken to from the address that would have been taken on the way
 * out, too: some learn their own by connecting a socket to port 53 of somebody. */
static int send_route(int fd, uint16_t type, uint8_t family)
{
	struct request request = { .header = { .nlmsg_type = type,
				       .nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg)) } };
	struct rtmsg *route = NLMSG_DATA(&request.header);
	struct endpoint own = names_own_address(family);
	*route = (struct rtmsg){ .rtm_family = family,
		.rtm_table = ROUTES,
		.rtm_protocol = RTPROT_STATIC,
		.rtm_scope = RT_SCOPE_HOST,
		.rtm_type = RTN_LOCAL };
	if (type == RTM_NEWROUTE)
		request.header.nlmsg_flags = NLM_F_CREATE | NLM_F_REPLACE;
	add_attribute(&request, RTA_OIF, &(uint32_t){ LOOPBACK_INDEX }, sizeof(uint32_t));
	add_attribute(&request, RTA_PREFSRC, own.bytes,
	    family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr));
	return send_request(fd, &request);
}

static void remove_routes(int fd, uint8_t family)
{
	(void)send_rule(fd, RTM_DELRULE, family, IPPROTO_UDP);
	(void)send_rule(fd, RTM_DELRULE, family, IPPROTO_TCP);
	(void)send_route(fd, RTM_DELROUTE, family);
}

static int add_routes(int fd, uint8_t family)
{
	remove_routes(fd, family);
	if (send_route(fd, RTM_NEWROUTE, family) == 0 &&
	    send_rule(fd, RTM_NEWRULE, family, IPPROTO_UDP) == 0 &&
	    send_rule(fd, RTM_NEWRULE, family, IPPROTO_TCP) == 0)
		return 0;
	int failure = errno;
	remove_routes(fd, family);
	errno = failure;
	return -1;
}

/* ---- ports ---- */

static void add_exchange(struct nft *nft, uint8_t protocol, uint16_t port)
{
	nft_rule(nft, CHAIN);
	nft_protocol(nft, protocol);
	nft_port_to(nft, DNS_PORT);
	nft_set_port_to(nft, protocol, port);
	nft_rule_end(nft);
	nft_rule(nft, CHAIN);
	nft_protocol(nft, protocol);
	nft_port_from(nft, port);
	nft_set_port_from(nft, protocol, DNS_PORT);
	nft_rule_end(nft);
}

/* `port` 0: not any more. */
static int exchange_ports(uint16_t port)
{
	static struct batch batch;
	struct nft ours = { .batch = &batch, .family = FAMILY_NETDEV, .table = TABLE };
	batch_begin(&batch);
	nft_table_remove(&ours);
	if (port) {
		nft_table_anew(&ours);
		nft_chain_at_interface(&ours, CHAIN, "lo");
		add_exchange(&ours, IPPROTO_UDP, port);
		add_exchange(&ours, IPPROTO_TCP, port);
	}
	return batch_send(&batch);
}

/* As long as there is one rule of NAT in the namespace, every connection is tracked. */
static int remove_engine_redirection(void)
{
	static struct batch batch;
	struct nft engines = { .batch = &batch, .family = FAMILY_IP, .table = ENGINE_TABLE };
	batch_begin(&batch);
	nft_table_remove(&engines);
	return batch_send(&batch);
}

/* ---- both ---- */

/* Where a packet comes from is looked up as if it were answered. Before Linux 5.14 its ports were not
 * exchanged for that: what arrives for port 53 would be taken to come from ourselves, and dropped. (What
 * arrives from port 53 is, over IPv4, on every kernel; whom the namespace asks never gets that far.) */
static bool is_way_back_right(void)
{
	struct utsname kernel;
	char *end;
	if (uname(&kernel) < 0)
		return false;
	long major = strtol(kernel.release, &end, 10), minor = *end == '.' ? strtol(end + 1, NULL, 10) : 0;
	return major > 5 || (major == 5 && minor >= 14);
}

int divert_names(uint16_t port, bool has_ipv6)
{
	int fd = is_way_back_right() ? netlink_open(NETLINK_ROUTE, 0) : -1;
	if (fd < 0)
		return -1;
	bool is_done = add_routes(fd, AF_INET) == 0 && (!has_ipv6 || add_routes(fd, AF_INET6) == 0) &&
		       exchange_ports(port) == 0 && remove_engine_redirection() == 0;
	int failure = errno;
	close(fd);
	if (is_done)
		return 0;
	divert_names_no_more();
	errno = failure;
	return -1;
}

void divert_names_no_more(void)
{
	int fd = netlink_open(NETLINK_ROUTE, 0);
	(void)exchange_ports(0);
	if (fd < 0)
		return;
	remove_routes(fd, AF_INET);
	remove_routes(fd, AF_INET6);
	close(fd);
}

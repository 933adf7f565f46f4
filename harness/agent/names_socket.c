/* The sockets that questions come to: whichever address was asked, and only for who asks from in here. */
#include "agent/names_private.h"
#include "agent/packet.h"

#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#define OWN_MAX 16

static struct {
	struct endpoint addresses[OWN_MAX]; /* port 0 */
	int count;
} own;

/* A container's addresses stay as they are: once is enough. */
const char *names_learn_own(void)
{
	struct ifaddrs *interfaces;
	if (getifaddrs(&interfaces) < 0)
		return "the namespace's own addresses cannot be listed";
	for (struct ifaddrs *item = interfaces; item && own.count < OWN_MAX; item = item->ifa_next) {
		struct sockaddr_storage address = { 0 };
		int family = item->ifa_addr ? item->ifa_addr->sa_family : AF_UNSPEC;
		if (family != AF_INET && family != AF_INET6)
			continue;
		address.ss_family = (sa_family_t)family;
		memcpy(&address, item->ifa_addr, address_length(&address));
		own.addresses[own.count] = endpoint_of_sockaddr(&address);
		own.addresses[own.count++].port = 0;
	}
	freeifaddrs(interfaces);
	return NULL;
}

/* The kernel takes no packet in that says it came from ourselves; over IPv6 only none from ::1, so that a
 * neighbour who forges our address could ask (the networks of worlds have IPv4 alone). */
bool names_is_own(const struct sockaddr_storage *address)
{
	struct endpoint endpoint = endpoint_of_sockaddr(address);
	endpoint.port = 0;
	if (endpoint.family == 4 && endpoint.bytes[0] == 127)
		return true;
	for (int i = 0; i < own.count; i++)
		if (memcmp(&endpoint, &own.addresses[i], sizeof(endpoint)) == 0)
			return true;
	return false;
}

static bool is_reachable(const struct endpoint *address)
{
	static const uint8_t loopback6[16] = { [15] = 1 };
	bool is_link_local =
	    address->family == 6 && address->bytes[0] == 0xfe && (address->bytes[1] & 0xc0) == 0x80;
	return address->family == 4
		   ? address->bytes[0] != 127
		   : !is_link_local && memcmp(address->bytes, loopback6, sizeof(loopback6)) != 0;
}

struct endpoint names_own_address(int family)
{
	struct endpoint loopback = { .family = family == AF_INET ? 4 : 6 };
	for (int i = 0; i < own.count; i++)
		if (own.addresses[i].family == loopback.family && is_reachable(&own.addresses[i]))
			return own.addresses[i];
	if (family == AF_INET)
		loopback.bytes[0] = 127;
	loopback.bytes[family == AF_INET ? 3 : 15] = 1;
	return loopback;
}

socklen_t address_length(const struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

static struct sockaddr_storage address_of(int family, bool loopback, uint16_t port)
{
	struct sockaddr_storage address = { .ss_family = (sa_family_t)family };
	if (family == AF_INET) {
		struct sockaddr_in *in = (struct sockaddr_in *)&address;
		in->sin_addr.s_addr = htonl(loopback ? INADDR_LOOPBACK : INADDR_ANY);
		in->sin_port = htons(port);
	} else {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address;
		in6->sin6_addr = loopback ? in6addr_loopback : in6addr_any;
		in6->sin6_port = htons(port);
	}
	return address;
}

static int bind_to(int fd, int family, bool loopback, uint16_t port)
{
	struct sockaddr_storage address = address_of(family, loopback, port);
	return bind(fd, (struct sockaddr *)&address, address_length(&address));
}

/* Every address may be bound where there is no ::1. */
static int try_family(int family)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int result = fd < 0 ? -1 : bind_to(fd, family, true, 0);
	int failure = errno;
	if (fd >= 0)
		close(fd);
	errno = failure;
	return result;
}

/* It answers from addresses that are none of ours: that is what transparent sockets are for. */
static int prepare(int fd, int family)
{
	int yes = 1;
	if (family == AF_INET)
		return setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &yes, sizeof(yes));
	(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes));
	return setsockopt(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, &yes, sizeof(yes));
}

int names_socket(int family, int type, uint16_t *port)
{
	if (try_family(family) < 0)
		return -1;
	int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	union {
		struct sockaddr any;
		struct sockaddr_in four;
		struct sockaddr_in6 six;
	} address = { 0 };
	socklen_t length = sizeof(address);
	if (prepare(fd, family) == 0 && bind_to(fd, family, false, *port) == 0 &&
	    getsockname(fd, &address.any, &length) == 0) {
		*port = ntohs(family == AF_INET ? address.four.sin_port : address.six.sin6_port);
		return fd;
	}
	int failure = errno;
	close(fd);
	errno = failure;
	return -1;
}

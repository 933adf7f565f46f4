/* `ports` of a service: "[ADDRESS:][HOST:]CONTAINER[/PROTOCOL]", or a map. */
#include "plan/scalars.h"
#include "plan/service_load.h"

#include <string.h>

static int refuse_port(struct reader *reader, const struct node *node, const char *text, struct err *err)
{
	if (strchr(text, '-'))
		return refuse(reader, node, err,
		    "the range of ports `%s` is not supported; write one line for each port", SHOW(text));
	return refuse(reader, node, err,
	    "`%s` is not a port mapping; write CONTAINER, HOST:CONTAINER or "
	    "ADDRESS:HOST:CONTAINER, with ports 1 to 65535 and /udp behind it for UDP",
	    SHOW(text));
}

static int parse_port(const char *text, int low, int *ret_port)
{
	int64_t value;
	if (parse_whole(text, low, 65535, &value) < 0)
		return -1;
	*ret_port = (int)value;
	return 0;
}

/* Cuts the text into its parts from behind; an IPv6 address in brackets may hold colons. */
static int parse_short(char *text, struct port_mapping *port)
{
	char *slash = strchr(text, '/');
	if (slash && strcmp(slash, "/tcp") != 0 && strcmp(slash, "/udp") != 0)
		return -1;
	port->protocol = xstrdup(slash ? slash + 1 : "tcp");
	if (slash)
		*slash = '\0';
	char *container = strrchr(text, ':');
	if (parse_port(container ? container + 1 : text, 1, &port->container_port) < 0)
		return -1;
	if (!container)
		return 0;
	*container = '\0';
	char *host = strrchr(text, ':');
	const char *host_port = host ? host + 1 : text;
	if (host_port[0] && parse_port(host_port, 0, &port->host_port) < 0)
		return -1;
	if (!host)
		return host_port[0] ? 0 : -1;
	*host = '\0';
	size_t length = strlen(text);
	if (length >= 2 && text[0] == '[' && text[length - 1] == ']') {
		text[length - 1] = '\0';
		text++;
	} else if (strchr(text, ':')) {
		return -1;
	}
	if (!text[0])
		return -1;
	port->host_address = xstrdup(text);
	return 0;
}

static int read_transport(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	if (read_text(reader, node, into, err) < 0)
		return -1;
	if (strcmp(node->text, "tcp") != 0 && strcmp(node->text, "udp") != 0)
		return refuse(reader, node, err, "`%s` is neither tcp nor udp", SHOW(node->text));
	return 0;
}

static int read_long(
    struct reader *reader, const struct node *node, struct port_mapping *port, struct err *err)
{
	static const struct field fields[] = {
		{ .key = "target",
		    .read = read_port,
		    .offset = offsetof(struct port_mapping, container_port),
		    .needed = "the port inside the container" },
		{ .key = "published", .read = read_port, .offset = offsetof(struct port_mapping, host_port) },
		{ .key = "host_ip",
		    .read = read_text,
		    .offset = offsetof(struct port_mapping, host_address) },
		{ .key = "protocol",
		    .read = read_transport,
		    .offset = offsetof(struct port_mapping, protocol) },
		{ .key = "mode" }, /* `host` and `ingress` are the same where there is no swarm */
	};
	if (fields_read(reader, node, "a port", fields, ARRAY_LENGTH(fields), port, err) < 0)
		return -1;
	if (!port->protocol)
		port->protocol = xstrdup("tcp");
	return 0;
}

int read_service_ports(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct service *service = into;
	if (node->kind != NODE_SEQUENCE)
		return refuse_kind(reader, node, err, "a list of ports");
	for (size_t i = 0; i < node->item_count; i++) {
		const struct node *item = node->items[i];
		struct port_mapping *port = array_push(service->ports, service->port_count);
		if (item->kind == NODE_MAPPING) {
			if (read_long(reader, item, port, err) < 0)
				return -1;
			continue;
		}
		const char *text = scalar_text(reader, item, "a port", err);
		if (!text)
			return -1;
		char *parts OWNED = xstrdup(text);
		if (parse_short(parts, port) < 0)
			return refuse_port(reader, item, text, err);
	}
	return 0;
}

/* Whatever a packet is and however little of it was kept: nothing is read outside of it, and no payload is
 * claimed that is not there. Two bytes of EtherType, two of the length on the wire, the bytes. */
#include "agent/packet.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(uint16_t protocol, const uint8_t *bytes, size_t captured, size_t length)
{
	struct packet packet;
	packet_parse(protocol, bytes, captured, length, &packet);
	if (packet.kind == PACKET_TCP &&
	    (packet.captured > packet.length || packet.length > length ||
		(packet.captured &&
		    (packet.payload < bytes || packet.payload + packet.captured > bytes + captured))))
		abort();
	if (packet.kind == PACKET_TCP && packet.from.family != 4 && packet.from.family != 6)
		abort();
	if (packet.kind == PACKET_UNREACHABLE && (packet.code < 0 || packet.code > 255 * 2))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 4)
		return 0;
	uint16_t protocol = (uint16_t)(data[0] << 8 | data[1]);
	size_t length = (size_t)data[2] << 8 | data[3];
	if (length < size - 4)
		length = size - 4;
	/* Of exact size each time, so that the sanitizer sees a read past its end. */
	for (size_t captured = 0; captured <= size - 4; captured++) {
		uint8_t *exact = malloc(captured ? captured : 1);
		if (!exact)
			return 0;
		memcpy(exact, data + 4, captured);
		check(protocol, exact, captured, length);
		free(exact);
	}
	return 0;
}

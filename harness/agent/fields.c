#include "agent/fields.h"
#include "agent/rooms.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#define DNS_PORT 53
#define LABEL_MAX 63

bool next_field(struct fields *fields, struct piece *ret_field)
{
	fields->taken++; /* also when it is missing: a message then says which one */
	if (!fields->rest)
		return false;
	const char *space = memchr(fields->rest, ' ', (size_t)(fields->end - fields->rest));
	const char *end = space ? space : fields->end;
	*ret_field = (struct piece){ fields->rest, (size_t)(end - fields->rest) };
	fields->rest = space ? space + 1 : NULL;
	return true;
}

bool piece_is(struct piece piece, const char *word)
{
	return piece.length == strlen(word) && memcmp(piece.bytes, word, piece.length) == 0;
}

bool piece_has_key(struct piece piece, const char *key, struct piece *ret_value)
{
	size_t length = strlen(key);
	if (piece.length <= length || piece.bytes[length] != '=' || memcmp(piece.bytes, key, length) != 0)
		return false;
	*ret_value = (struct piece){ piece.bytes + length + 1, piece.length - length - 1 };
	return true;
}

int piece_find(const char *const words[], int count, struct piece piece)
{
	for (int i = 0; i < count; i++) {
		if (piece_is(piece, words[i]))
			return i;
	}
	return -1;
}

bool parse_number(struct piece piece, int64_t least, int64_t most, int64_t *ret_number)
{
	int64_t number = 0;
	if (piece.length < 1 || piece.length > 18) /* more digits might not fit */
		return false;
	for (size_t i = 0; i < piece.length; i++) {
		if (piece.bytes[i] < '0' || piece.bytes[i] > '9')
			return false;
		number = number * 10 + (piece.bytes[i] - '0');
	}
	if (number < least || number > most)
		return false;
	*ret_number = number;
	return true;
}

bool parse_port(struct piece piece, uint16_t *ret_port)
{
	int64_t port;
	if (!parse_number(piece, 1, UINT16_MAX, &port))
		return false;
	*ret_port = (uint16_t)port;
	return true;
}

bool parse_host(struct piece piece, uint16_t port, struct sockaddr_storage *ret_address)
{
	char text[INET6_ADDRSTRLEN];
	union {
		struct sockaddr_in four;
		struct sockaddr_in6 six;
		struct sockaddr_storage any;
	} address = { .any = { 0 } };
	if (piece.length < 1 || piece.length >= sizeof(text) || memchr(piece.bytes, '\0', piece.length))
		return false;
	memcpy(text, piece.bytes, piece.length);
	text[piece.length] = '\0';
	if (inet_pton(AF_INET, text, &address.four.sin_addr) == 1) {
		address.four.sin_family = AF_INET;
		address.four.sin_port = htons(port);
	} else if (inet_pton(AF_INET6, text, &address.six.sin6_addr) == 1) {
		address.six.sin6_family = AF_INET6;
		address.six.sin6_port = htons(port);
	} else {
		return false;
	}
	*ret_address = address.any;
	return true;
}

bool parse_server(struct piece piece, struct sockaddr_storage *ret_address)
{
	if (parse_host(piece, DNS_PORT, ret_address))
		return true;
	const char *colon = memrchr(piece.bytes, ':', piece.length);
	uint16_t port;
	if (!colon)
		return false;
	struct piece host = { piece.bytes, (size_t)(colon - piece.bytes) };
	struct piece digits = { colon + 1, piece.length - host.length - 1 };
	bool is_bracketed = host.length >= 2 && host.bytes[0] == '[' && host.bytes[host.length - 1] == ']';
	if (is_bracketed)
		host = (struct piece){ host.bytes + 1, host.length - 2 };
	/* Without brackets nobody could tell the port from the last group of an IPv6 address. */
	if (!is_bracketed && memchr(host.bytes, ':', host.length))
		return false;
	return parse_port(digits, &port) && parse_host(host, port, ret_address);
}

static int hex_digit(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

bool parse_escaped(struct piece piece, char *ret_text, size_t size)
{
	size_t length = 0;
	for (size_t i = 0; i < piece.length; i++) {
		int byte = (unsigned char)piece.bytes[i];
		if (byte == '%') {
			int high = i + 2 < piece.length ? hex_digit(piece.bytes[i + 1]) : -1;
			int low = high >= 0 ? hex_digit(piece.bytes[i + 2]) : -1;
			if (low < 0)
				return false;
			byte = high << 4 | low;
			i += 2;
		}
		if (!byte || length + 1 >= size)
			return false;
		ret_text[length++] = (char)byte;
	}
	ret_text[length] = '\0';
	return true;
}

bool parse_name(struct piece piece, char ret_name[static NAME_BYTES_MAX])
{
	size_t label = 0, length = 0;
	char name[NAME_BYTES_MAX + 1]; /* with a dot at its end */
	if (!parse_escaped(piece, name, sizeof(name)))
		return false;
	for (; name[length]; length++) {
		label = name[length] == '.' ? 0 : label + 1;
		if (label > LABEL_MAX || (name[length] == '.' && (!length || name[length - 1] == '.')))
			return false;
		if (name[length] >= 'A' && name[length] <= 'Z')
			name[length] = (char)(name[length] - 'A' + 'a');
	}
	if (length && name[length - 1] == '.')
		name[--length] = '\0';
	if (!length || length >= NAME_BYTES_MAX)
		return false;
	memcpy(ret_name, name, length + 1);
	return true;
}

#include "engine/url.h"

#include "base/memory.h"

#include <string.h>

static bool is_plain(char byte, bool keep_slashes)
{
	if ((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9'))
		return true;
	return byte && (strchr("-._~", byte) || (keep_slashes && strchr("/:", byte)));
}

void url_add_encoded(struct buf *url, const char *text, bool keep_slashes)
{
	for (const char *at = text; *at; at++) {
		if (is_plain(*at, keep_slashes))
			buf_add_char(url, *at);
		else
			buf_addf(url, "%%%02X", (unsigned char)*at);
	}
}

void url_add_query(struct buf *url, const char *name, const char *value)
{
	buf_add_char(url, strchr(buf_string(url), '?') ? '&' : '?');
	buf_add_string(url, name);
	buf_add_char(url, '=');
	url_add_encoded(url, value, false);
}

void url_add_query_json(struct buf *url, const char *name, const json_t *value)
{
	if (!value)
		return;
	char *text OWNED = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	if (text)
		url_add_query(url, name, text);
}

#include "base/redact.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

struct secret {
	char *bytes;
	size_t length;
};

struct redactor {
	struct secret *secrets;
	size_t secret_count;
	/* What secrets begin with: nearly every position of a text is dismissed by its first byte, most of
	 * the others by the first two (a bit each). */
	bool firsts[256];
	uint8_t pairs[65536 / 8];
};

struct redactor *redactor_new(void)
{
	return xcalloc(1, sizeof(struct redactor));
}

void redactor_free(struct redactor *redactor)
{
	if (!redactor)
		return;
	for (size_t i = 0; i < redactor->secret_count; i++)
		free(redactor->secrets[i].bytes);
	free(redactor->secrets);
	free(redactor);
}

static unsigned pair_of(const char *bytes)
{
	return (unsigned)(unsigned char)bytes[0] << 8 | (unsigned char)bytes[1];
}

static bool may_begin(const struct redactor *redactor, const char *bytes)
{
	unsigned pair = pair_of(bytes);
	return redactor->pairs[pair >> 3] & (1U << (pair & 7));
}

static void mark_pair(struct redactor *redactor, const char *bytes)
{
	unsigned pair = pair_of(bytes);
	redactor->firsts[pair >> 8] = true;
	redactor->pairs[pair >> 3] |= (uint8_t)(1U << (pair & 7));
}

static struct secret *find_secret(const struct redactor *redactor, const char *bytes, size_t length)
{
	for (size_t i = 0; i < redactor->secret_count; i++) {
		struct secret *secret = &redactor->secrets[i];
		if (secret->length == length && memcmp(secret->bytes, bytes, length) == 0)
			return secret;
	}
	return NULL;
}

void redactor_add(struct redactor *redactor, const char *secret, size_t length)
{
	if (length < REDACT_SHORTEST || find_secret(redactor, secret, length))
		return;
	*array_push(redactor->secrets, redactor->secret_count) =
	    (struct secret){ .bytes = xmemdup0(secret, length), .length = length };
	mark_pair(redactor, secret);
}

void redactor_except(struct redactor *redactor, const char *not_secret)
{
	struct secret *found = find_secret(redactor, not_secret, strlen(not_secret));
	if (!found)
		return;
	free(found->bytes);
	*found = redactor->secrets[--redactor->secret_count];
	memset(redactor->firsts, 0, sizeof(redactor->firsts));
	memset(redactor->pairs, 0, sizeof(redactor->pairs));
	for (size_t i = 0; i < redactor->secret_count; i++)
		mark_pair(redactor, redactor->secrets[i].bytes);
}

size_t redactor_count(const struct redactor *redactor)
{
	return redactor->secret_count;
}

/* ---- passwords of URLs ---- */

struct span {
	size_t start, end;
};

static bool ends_authority(char byte)
{
	switch (byte) {
	case '/':
	case '?':
	case '#':
	case '"':
	case '\'':
	case '`':
	case '<':
	case '>':
		return true;
	default:
		return (unsigned char)byte <= ' ';
	}
}

/* `bytes + at` is "://". The password of the URL, or an empty span. As browsers do, the last `@` of the
 * authority ends the user's part and its first `:` ends the name. */
static struct span url_password(const char *bytes, size_t length, size_t at)
{
	size_t colon = 0, last_at = 0;
	for (size_t i = at + 3; i < length; i++) {
		if (ends_authority(bytes[i]))
			break;
		if (bytes[i] == ':' && !colon)
			colon = i;
		else if (bytes[i] == '@')
			last_at = i;
	}
	if (colon && last_at > colon + 1)
		return (struct span){ colon + 1, last_at };
	return (struct span){ 0 };
}

static bool is_scheme_end(const char *bytes, size_t length, size_t at)
{
	return bytes[at] == ':' && length - at > 3 && bytes[at + 1] == '/' && bytes[at + 2] == '/';
}

static int hex_digit(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if ((digit | 0x20) >= 'a' && (digit | 0x20) <= 'f')
		return (digit | 0x20) - 'a' + 10;
	return -1;
}

/* `decoded` has room for as many bytes. Returns how many they are. */
static size_t percent_decode(const char *bytes, size_t length, char *decoded)
{
	size_t count = 0;
	for (size_t i = 0; i < length; i++) {
		int high = i + 2 < length && bytes[i] == '%' ? hex_digit(bytes[i + 1]) : -1;
		int low = high >= 0 ? hex_digit(bytes[i + 2]) : -1;
		decoded[count++] = bytes[i];
		if (low >= 0) {
			decoded[count - 1] = (char)(high << 4 | low);
			i += 2;
		}
	}
	return count;
}

/* What the server is sent is the decoded password, and that is what a log would show. */
static void add_percent_decoded(struct redactor *redactor, const char *bytes, size_t length)
{
	char *decoded OWNED = xmalloc(length + 1);
	redactor_add(redactor, decoded, percent_decode(bytes, length, decoded));
}

static void add_url_passwords(struct redactor *redactor, const char *value)
{
	size_t length = strlen(value);
	for (size_t i = 0; i < length; i++) {
		if (!is_scheme_end(value, length, i))
			continue;
		struct span password = url_password(value, length, i);
		redactor_add(redactor, value + password.start, password.end - password.start);
		add_percent_decoded(redactor, value + password.start, password.end - password.start);
	}
}

/* ---- the environment ---- */

static bool ends_in(const char *name, size_t length, const char *ending)
{
	size_t size = strlen(ending);
	return length >= size && strncasecmp(name + length - size, ending, size) == 0;
}

static bool contains(const char *name, size_t length, const char *word)
{
	size_t size = strlen(word);
	for (size_t i = 0; i + size <= length; i++)
		if (strncasecmp(name + i, word, size) == 0)
			return true;
	return false;
}

bool redact_name_is_secret(const char *name, size_t length)
{
	static const char *const words[] = { "PASSWORD", "PASSWD", "SECRET", "TOKEN", "KEY", "CREDENTIAL" };
	if (ends_in(name, length, "_FILE"))
		return false;
	for (size_t i = 0; i < ARRAY_LENGTH(words); i++)
		if (contains(name, length, words[i]))
			return true;
	return ends_in(name, length, "PASS");
}

static bool is_switch(const char *value)
{
	static const char *const switches[] = { "true", "false", "none", "null" };
	for (size_t i = 0; i < ARRAY_LENGTH(switches); i++)
		if (strcasecmp(value, switches[i]) == 0)
			return true;
	return false;
}

void redactor_add_environment(struct redactor *redactor, const char *assignment)
{
	const char *equals = strchr(assignment, '=');
	if (!equals)
		return;
	const char *value = equals + 1;
	add_url_passwords(redactor, value);
	if (redact_name_is_secret(assignment, (size_t)(equals - assignment)) && !is_switch(value))
		redactor_add(redactor, value, strlen(value));
}

/* ---- redacting ---- */

/* Length of the longest secret at the start of the bytes, 0 if none. */
static size_t secret_at(const struct redactor *redactor, const char *bytes, size_t length)
{
	size_t longest = 0;
	if (length < REDACT_SHORTEST || !may_begin(redactor, bytes))
		return 0;
	for (size_t i = 0; i < redactor->secret_count; i++) {
		const struct secret *secret = &redactor->secrets[i];
		if (secret->length > longest && secret->length <= length &&
		    memcmp(secret->bytes, bytes, secret->length) == 0)
			longest = secret->length;
	}
	return longest;
}

/* Is the password of a URL one of the secrets, and percent-encoded, so that secret_at() does not find it? */
static bool is_encoded_secret(const struct redactor *redactor, const char *bytes, size_t length)
{
	if (redactor->secret_count == 0 || !memchr(bytes, '%', length))
		return false;
	char *decoded OWNED = xmalloc(length + 1);
	size_t count = percent_decode(bytes, length, decoded);
	return find_secret(redactor, decoded, count) && !find_secret(redactor, bytes, length);
}

size_t redact(const struct redactor *redactor, struct buf *out, const char *bytes, size_t length)
{
	static const struct redactor nothing = { 0 };
	struct span password = { 0 };
	size_t kept = 0;    /* what lies before it has been copied or masked */
	size_t hidden = 0;  /* end of the mask that was written last */
	size_t counted = 0; /* end of the secret that was counted last */
	size_t count = 0;
	redactor = redactor ? redactor : &nothing;
	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)bytes[i];
		if (byte != ':' && !redactor->firsts[byte] && i != password.start)
			continue;
		if (is_scheme_end(bytes, length, i))
			password = url_password(bytes, length, i);
		size_t size = secret_at(redactor, bytes + i, length - i);
		if (size > 0 && i >= counted) {
			count++;
			counted = i + size;
		}
		if (i == password.start && password.end - i > size) {
			size = password.end - i;
			count += is_encoded_secret(redactor, bytes + i, size);
		}
		if (size == 0)
			continue;
		if (i > hidden || hidden == 0) {
			buf_add(out, bytes + kept, i - kept);
			buf_add_string(out, REDACT_MASK);
		}
		hidden = i + size > hidden ? i + size : hidden;
		kept = hidden;
	}
	buf_add(out, bytes + kept, length - kept);
	return count;
}

char *redact_string(const struct redactor *redactor, const char *text)
{
	struct buf out CLEANUP(buf_release) = { 0 };
	redact(redactor, &out, text, strlen(text));
	return buf_steal(&out);
}

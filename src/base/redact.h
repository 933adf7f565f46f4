/*
 * redact: secrets out of text, before it is written anywhere.
 *
 * A redactor is a set of secret strings. redact() copies text and puts "***" where a byte belongs to a
 * secret, or to the password of a URL (`scheme://user:password@host`); touching or overlapping secrets become
 * one "***", so that no tail of the second is left standing. It takes raw bytes: redact first, escape
 * afterwards, since an escaped secret is no longer found.
 *
 * What it does not do: a secret that is split over two calls, two lines or two packets is not seen, nor one
 * that was encoded (base64, JSON escapes; percent-encoding is known for passwords of URLs only). Secrets of
 * fewer than REDACT_SHORTEST bytes are ignored: hiding every "no" of a report hides the report. A password of
 * a URL with `/`, `?`,
 * `#`, a quote or a blank in it (which a URL must encode) is found by its value only if that was added.
 *
 * Time is linear in the text for practical sets; a redactor never changes after it was filled and may be
 * shared.
 */
#ifndef BASE_REDACT_H
#define BASE_REDACT_H

#include "base/buf.h"
#include "base/memory.h"

#include <stdbool.h>
#include <stddef.h>

#define REDACT_SHORTEST 4
#define REDACT_MASK "***"

struct redactor;

struct redactor *redactor_new(void);
void redactor_free(struct redactor *redactor);
/* For CLEANUP(). */
static inline void redactor_release(struct redactor **redactor)
{
	redactor_free(*redactor);
}

/* Adds a copy; ignored if too short or known already. */
void redactor_add(struct redactor *redactor, const char *secret, size_t length);
/* Adds what is secret in an environment variable: the whole value if redact_name_is_secret(name), and
 * passwords of URLs in it whatever its name. "true", "false", "none" and "null" are switches, not secrets
 * (ALLOW_EMPTY_PASSWORD=true). `assignment` is "NAME=value". */
void redactor_add_environment(struct redactor *redactor, const char *assignment);
/* Takes an exact string out again. */
void redactor_except(struct redactor *redactor, const char *not_secret);
size_t redactor_count(const struct redactor *redactor);

/* The name holds PASSWORD, PASSWD, SECRET, TOKEN, KEY or CREDENTIAL, in any case, or ends in PASS; and does
 * not end in _FILE, which names a path. */
bool redact_name_is_secret(const char *name, size_t length);

/* Appends the text to `out`, redacted. `redactor` may be NULL: then only passwords of URLs are hidden.
 * Returns at how many places one of its secrets stood, also percent-encoded as the password of a URL. What is
 * hidden only because it stands where a URL has its password is not counted: it may be somebody's own mask.
 */
size_t redact(const struct redactor *redactor, struct buf *out, const char *bytes, size_t length);
/* The same for a string; the result is owned by the caller. */
char *redact_string(const struct redactor *redactor, const char *text) MUST_CHECK;

#endif

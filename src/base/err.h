/*
 * err: what went wrong, owned by the caller.
 *
 * A `struct err` lives on the caller's stack, is passed as the last parameter and is untouched on success.
 * The first error wins: setting an error that is already set does nothing, so that the cause is not hidden by
 * its consequences. On the way up, err_wrap() puts context in front of the message. A finished message can be
 * printed as it stands: what was tried, on what, what happened, what to do. A NULL err is allowed and
 * ignored.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdarg.h>
#include <stddef.h>

enum err_kind {
	ERR_NONE,
	ERR_USAGE,       /* the command line; exit 2 */
	ERR_INVALID,     /* a scenario, stack or trace that is not what it should be; exit 2 */
	ERR_NOT_FOUND,   /* an engine object or file that does not exist; exit 3 unless handled */
	ERR_ENVIRONMENT, /* engine, image, agent, disk, network; exit 3 */
	ERR_INTERRUPTED, /* a signal; exit 130 or 143 */
};

#define ERR_FILE_MAX 256
#define ERR_MESSAGE_MAX 1536

struct err {
	enum err_kind kind;
	int errnum;              /* errno, or 0 */
	int status;              /* HTTP status of an engine's reply, or 0 */
	char file[ERR_FILE_MAX]; /* where in an input file; "" if nowhere */
	int line, column;        /* 1-based; 0: unknown */
	char message[ERR_MESSAGE_MAX];
};

/* Nothing set yet. */
#define ERR_INIT                 \
	{                        \
		.kind = ERR_NONE \
	}

/* Sets *err unless it is set already. Always returns -1, so that `return err_set(…)` reads well. A message
 * longer than ERR_MESSAGE_MAX is cut and ends in "...". */
int err_set(struct err *err, enum err_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int err_vset(struct err *err, enum err_kind kind, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

/* As err_set(), and appends ": <strerror(errnum)>". */
int err_set_errno(struct err *err, enum err_kind kind, int errnum, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* As err_set(), at a place in an input file. */
int err_set_at(struct err *err, const char *file, int line, int column, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Puts "context: " in front of the message of an error that is set. Returns -1. */
int err_wrap(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline int err_is_set(const struct err *err)
{
	return err && err->kind != ERR_NONE;
}

/* "file:line:column: message" (or the message alone) in a buffer; returns `buffer`. */
const char *err_format(const struct err *err, char *buffer, size_t size);

/* A broken invariant of this program: says where and aborts, in release builds too. */
#define BUG(...) bug_at(__FILE__, __LINE__, __VA_ARGS__)
_Noreturn void bug_at(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif

/*
 * stamp: the engine's wall-clock times, as it writes them (RFC 3339 with up to nine decimals) and as it reads
 * them
 * ("seconds.nanoseconds" in since=). In the program: int64 nanoseconds since 1970.
 */
#ifndef ENGINE_STAMP_H
#define ENGINE_STAMP_H

#include <stddef.h>
#include <stdint.h>

/* No stamp is longer: "2006-01-02T15:04:05.999999999+07:00". */
#define STAMP_LENGTH_MAX 35

/* Reads a stamp at the start of the bytes. Returns how many bytes it takes, 0 if there is none (*ret_ns is
 * then untouched). Go's zero time and other years that int64 nanoseconds cannot hold are read as 0,
 * "unknown". */
size_t stamp_parse(const char *bytes, size_t length, int64_t *ret_ns);

#define STAMP_QUERY_MAX 32
/* "1700000000.000000001" in `buffer`, which is returned. Negative times become "0.000000000". */
const char *stamp_query(int64_t ns, char buffer[static STAMP_QUERY_MAX]);

#endif

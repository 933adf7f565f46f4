/*
 * output: the lines the agent writes. Buffered (64 KiB) and never blocking: when the reader stalls, lines
 * that do not fit are counted and a `lost` line says so as soon as there is room again.
 */
#ifndef AGENT_OUTPUT_H
#define AGENT_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* A line is put together by appending and then ended; at most LINE_MAX_BYTES. What does not fit is left out:
 * a word, number or address as a whole, text and escaped bytes from there on. Begins as {0}. */
#define LINE_MAX_BYTES 1024
struct line {
	char bytes[LINE_MAX_BYTES];
	size_t length;
};
void line_text(struct line *line, const char *text);                          /* as it is */
void line_word(struct line *line, const char *text);                          /* a space, then the text */
void line_number(struct line *line, int64_t number);                          /* a space, then digits */
void line_escaped(struct line *line, const void *bytes, size_t length);       /* a space, then %XX-escaped */
void line_address(struct line *line, const struct sockaddr_storage *address); /* a space, then address:port */
void line_host(struct line *line, const struct sockaddr_storage *address);    /* a space, then the address */
void line_send(struct line *line); /* adds the newline, queues it */

/* What the tap lost elsewhere (the kernel's drop counter) is reported the same way. */
void output_count_lost(uint64_t count);

/* What the runner acts upon, such as a script's move: takes of the room that is kept for replies, but for
 * that of one reply. */
void line_send_move(struct line *line);

/* Replies to commands are never lost: the queue keeps some room for them. A command is taken only while there
 * is room for its reply. */
bool output_takes_reply(void);
void line_send_reply(struct line *line);

/* Makes the descriptor non-blocking. 0, or -1 with errno. When its reader has gone the reactor is stopped. */
int output_open(int fd);
/* Before the end: waits for the reader until then, no longer. */
void output_finish(int64_t until_ns);

#endif

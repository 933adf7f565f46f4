/* First byte: the size of the pieces. What comes out must not depend on them. */
#include "engine/http_head.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Returns what http_head_take() did, with how many bytes in *ret_taken. */
static int run(struct http_head *head, const char *bytes, size_t size, size_t piece_size, size_t *ret_taken)
{
	struct err err = ERR_INIT;
	int got = 0;
	size_t at = 0;
	http_head_init(head);
	while (at < size && got == 0) {
		const char *piece = bytes + at;
		size_t length = size - at < piece_size ? size - at : piece_size;
		got = http_head_take(head, &piece, &length, &err);
		if (got == 0 && length)
			BUG("%zu bytes were not taken", length);
		at = (size_t)(piece - bytes);
	}
	if ((got < 0) != err_is_set(&err))
		BUG("an error without a message, or the other way round");
	if (got > 0 && (head->status < 100 || head->status > 599 || head->content_length < -1))
		BUG("status %d, length %lld", head->status, (long long)head->content_length);
	http_head_release(head);
	*ret_taken = at;
	return got;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	const char *bytes = (const char *)data + 1;
	struct http_head whole, pieces;
	size_t whole_taken, pieces_taken;
	int one = run(&whole, bytes, size - 1, size, &whole_taken);
	int other = run(&pieces, bytes, size - 1, (size_t)data[0] + 1, &pieces_taken);
	if (one != other ||
	    (one > 0 && (whole_taken != pieces_taken || whole.status != pieces.status ||
			    whole.content_length != pieces.content_length || whole.is_raw != pieces.is_raw)))
		BUG("pieces of %d bytes give another head than the whole", data[0] + 1);
	return 0;
}

/* Whatever the bytes are: no crash, and a trace that was read is written and read again without loss. */
#include "trace/trace.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_all(struct buf *out, const struct trace *trace)
{
	for (size_t i = 0; i < trace->event_count; i++)
		trace_write_event(out, &trace->events[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	struct trace *first = trace_read((const char *)data, size, "fuzz", &err);
	if (!first) {
		if (!err_is_set(&err) || err.line < 1 || err.column < 1)
			BUG("refused without saying why and where");
		return 0;
	}
	CLEANUP(buf_release) struct buf text = { 0 }, again = { 0 };
	write_all(&text, first);
	struct trace *second = trace_read(text.bytes, text.length, "written", &err);
	if (!second)
		BUG("what was written cannot be read: %d:%d: %s", err.line, err.column, err.message);
	write_all(&again, second);
	if (second->event_count != first->event_count || second->complete != first->complete ||
	    text.length != again.length || memcmp(buf_string(&text), buf_string(&again), text.length) != 0)
		BUG("written, read and written again gives something else");
	trace_free(first);
	trace_free(second);
	return 0;
}

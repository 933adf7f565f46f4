/*
 * outputs: the files that a command was asked to write. Whether they can be written is found out before the
 * work is done that they are to hold: what was measured for hours is not lost for a folder that is not there.
 */
#ifndef CLI_OUTPUTS_H
#define CLI_OUTPUTS_H

#include "base/err.h"
#include "base/memory.h"

struct output {
	const char *option; /* "--json" */
	const char *path;   /* NULL: not asked for */
};

/*
 * 0: file_replace() will be able to write each of them, as far as anybody can know, and none of them is
 * another one, or one of the `inputs`. What stands there is as it was, and nothing was left behind. The error
 * says what is wrong with which path, and what would be right.
 */
int outputs_probe(const struct output *outputs, size_t count, const char *const *inputs, size_t input_count,
    struct err *err) MUST_CHECK;

#endif

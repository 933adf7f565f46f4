/*
 * agent_layers: the agents that were built into this falsestart, one an architecture. Made by
 * cmake/agent_layers.cmake.
 */
#ifndef RUN_AGENT_LAYERS_H
#define RUN_AGENT_LAYERS_H

#include <stddef.h>

struct agent_layer {
	const char *architecture;                  /* "amd64", "arm64"; NULL ends the table */
	const char *program_digest, *layer_digest; /* SHA-256, in hex */
	const unsigned char *tar;                  /* with the single file "agent" */
	size_t length;
};
extern const struct agent_layer agent_layers[];

#endif

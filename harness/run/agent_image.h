/*
 * agent_image: the agent, which falsestart carries in itself, as an image for the engine.
 */
#ifndef RUN_AGENT_IMAGE_H
#define RUN_AGENT_IMAGE_H

#include "base/err.h"
#include "base/memory.h"

/* A tar that engine_image_load() takes, FROM scratch with nothing but the agent. `architecture` as the
 * engine's GET /version has it ("amd64", "arm64"). *ret_reference ("falsestart/agent:<digits of its
 * SHA-256>") is owned by the caller, as is *ret_fd, a memfd. -1 when there is no agent for this architecture.
 */
int agent_image_tar(const char *architecture, char **ret_reference, int *ret_fd, struct err *err) MUST_CHECK;

#endif

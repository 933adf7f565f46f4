/* plan_private: a scenario from memory, for the fuzzer and the tests. */
#ifndef PLAN_PLAN_PRIVATE_H
#define PLAN_PLAN_PRIVATE_H

#include "plan/plan.h"

/* As plan_load(); `file` names the bytes in messages, and a stack in a file of its own is looked for beside
 * it. */
struct plan *plan_load_bytes(
    const char *file, const char *bytes, size_t length, double speed, struct err *err) MUST_CHECK;

#endif

/* stack_load: a stack from nodes, for the scenario that holds one inline. All of src/plan only. */
#ifndef PLAN_STACK_LOAD_H
#define PLAN_STACK_LOAD_H

#include "plan/document.h"

/* `file` is what the nodes were read from; their ${…} are put in. */
struct stack *stack_read(
    const char *file, struct node *root, const struct variable *variables, struct err *err) MUST_CHECK;

#endif

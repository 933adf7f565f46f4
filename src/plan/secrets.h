/* secrets: what of a stack must not be shown (base/redact.h says how it is hidden). */
#ifndef PLAN_SECRETS_H
#define PLAN_SECRETS_H

#include "base/redact.h"
#include "plan/stack.h"

/* Adds the secrets of every service's environment. A value that is also the name or an alias of a service is
 * no secret (POSTGRES_PASSWORD=postgres): hiding it would hide the service from every log line and report.
 * Its place in a URL is hidden all the same. */
void stack_add_secrets(const struct stack *stack, struct redactor *redactor);

#endif

#include "plan/secrets.h"

void stack_add_secrets(const struct stack *stack, struct redactor *redactor)
{
	for (size_t i = 0; i < stack->service_count; i++)
		for (size_t k = 0; k < stack->services[i].environment.count; k++)
			redactor_add_environment(redactor, stack->services[i].environment.items[k]);
	for (size_t i = 0; i < stack->service_count; i++) {
		const struct service *service = &stack->services[i];
		redactor_except(redactor, service->name);
		for (size_t k = 0; k < service->aliases.count; k++)
			redactor_except(redactor, service->aliases.items[k]);
	}
}

#include "probe/environment.h"

#include <string.h>
#include <unistd.h>

struct environment environment_hide(const char *prefix)
{
	struct environment environment = { 0 };
	for (char **variable = environ; variable && *variable; variable++)
		if (strncmp(*variable, prefix, strlen(prefix)) == 0 && strchr(*variable, '='))
			*array_push(environment.hidden, environment.count) = xstrdup(*variable);
	for (size_t i = 0; i < environment.count; i++) {
		char *name OWNED = xmemdup0(environment.hidden[i],
		    (size_t)(strchr(environment.hidden[i], '=') - environment.hidden[i]));
		unsetenv(name);
	}
	return environment;
}

void environment_restore(struct environment *environment)
{
	for (size_t i = 0; i < environment->count; i++) {
		char *value = strchr(environment->hidden[i], '=');
		*value = '\0';
		setenv(environment->hidden[i], value + 1, 1);
		free(environment->hidden[i]);
	}
	free(environment->hidden);
	*environment = (struct environment){ 0 };
}

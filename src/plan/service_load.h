/* service_load: one service of a compose file, and the values its keys have in common. All of src/plan only.
 */
#ifndef PLAN_SERVICE_LOAD_H
#define PLAN_SERVICE_LOAD_H

#include "plan/fields.h"

/* Reads everything but what refers to other services. `into` is a struct service with its name set. */
int service_read(
    struct reader *reader, const struct node *node, struct service *service, struct err *err) MUST_CHECK;
/* `depends_on`, once every service is known. */
int service_read_dependencies(
    struct reader *reader, const struct node *node, struct service *service, struct err *err) MUST_CHECK;
void service_release(struct service *service);

/* Words as a shell splits them: blanks, 'single', "double" with \ before " \ $ `, and \ outside. -1: a quote
 * is open. */
int shell_split(const char *text, struct strings *words) MUST_CHECK;

/* port_load.c and mount_load.c: `into` is the struct service. */
field_read read_service_ports;
field_read read_service_volumes;
field_read read_service_tmpfs;

#endif

/* references: names in a scenario that stand for services, watches and steps. All of src/plan only. */
#ifndef PLAN_REFERENCES_H
#define PLAN_REFERENCES_H

#include "plan/fields.h"

/* Each is an error with the nearest name when there is none. */
int resolve_service(
    struct reader *reader, const struct node *node, size_t *ret_service, struct err *err) MUST_CHECK;
int resolve_watch(struct reader *reader, const struct node *node, int *ret_watch, struct err *err) MUST_CHECK;
/* A step before the one that is being read. */
int resolve_step(struct reader *reader, const struct node *node, int *ret_step, struct err *err) MUST_CHECK;
/* One of service_events[], that the engine or the readiness probe can say of this service. */
int check_service_event(struct reader *reader, const struct node *node, const char *event, size_t service,
    struct err *err) MUST_CHECK;
/* One of service_events[], that can have come when the step being read begins: an earlier one starts the
 * service, or makes it look so. */
int check_seen_event(struct reader *reader, const struct node *node, const char *event, size_t service,
    struct err *err) MUST_CHECK;
/* Does a step before the one being read start the service? */
int check_started(struct reader *reader, const struct node *node, size_t service, struct err *err) MUST_CHECK;
/* A state that an HTTP watch can show. */
int check_state(struct reader *reader, const struct node *node, const char *state, const struct watch *watch,
    struct err *err) MUST_CHECK;
const char *watch_kind_name(enum watch_kind kind); /* "an http watch", … */

/* "SERVICE:PORT" */
int parse_endpoint(struct reader *reader, const struct node *node, const char *text, size_t *ret_service,
    int *ret_port, struct err *err) MUST_CHECK;
/* "SERVICE:PORT/PATH" */
int parse_url(struct reader *reader, const struct node *node, const char *text, size_t *ret_service,
    int *ret_port, char **ret_path, struct err *err) MUST_CHECK;

field_read read_wait; /* wait_load.c; struct step */
/* before_load.c: what steps are to precede; all of them, their ids and services are known. */
int read_befores(
    struct reader *reader, const struct node *node, struct plan *plan, struct err *err) MUST_CHECK;

/* moment_load.c */
field_read read_moment;     /* struct moment */
field_read read_new_moment; /* struct moment *: allocated */
void moment_release(struct moment *moment);

/* watch_load.c, step_load.c, expectation_load.c: `into` is the struct plan */
field_read read_watches;
field_read read_steps;
field_read read_expectations;
void watch_release(struct watch *watch);
void step_release(struct step *step);
void expectation_release(struct expectation *expectation);
/* The implicit "<service>.log" of every service. */
void add_log_watches(struct plan *plan);
int log_watch_of(const struct plan *plan, size_t service);

/* phase_load.c */
field_read read_phases;      /* struct plan */
field_read read_step_phases; /* struct step */
void phase_scripts_release(struct phase_script *scripts, size_t count);
bool phase_find(const char *name, enum phase *ret_phase);
/* Can the readiness probe tell it? The others are known by being made only. */
bool phase_is_probed(enum phase phase);
/* Does the scenario make this phase before the step that is being read? */
bool phase_is_made(const struct reader *reader, size_t service, enum phase phase);

/* phase_words.c: what a scenario writes behind LOADING and DENIED, into the line that the server says. */
int read_words(struct reader *reader, const struct node *node, const struct service *service,
    enum phase phase, char **ret_say, struct err *err) MUST_CHECK;

/* verb_load.c: what a verb of an expectation judges; `into` is the struct expectation, its `of` already
 * resolved. */
field_read read_reach, read_within, read_sequence, read_never, read_always, read_backoff, read_matches,
    read_respond, read_memory, read_descriptors, read_numbers, read_agrees;

/* One state or a list into `states`, each of which the watch can show. */
int read_states(struct reader *reader, const struct node *node, struct expectation *expectation,
    struct err *err) MUST_CHECK;

field_read read_status; /* struct range: of HTTP status codes */

/* conduct_load.c: likewise */
field_read read_connections, read_ends, read_discloses, read_honest;

#endif

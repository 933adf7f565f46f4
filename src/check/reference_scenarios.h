/* reference_scenarios: what the random traces are judged by; for the property test alone. */
#ifndef CHECK_REFERENCE_SCENARIOS_H
#define CHECK_REFERENCE_SCENARIOS_H

#include "base/memory.h"

#define SCENARIO(restart, steps) SCENARIO_OF(restart, "", "", steps)
#define SCENARIO_OF(restart, of_redis, of_get, steps)                                                        \
	"falsestart: 1\n"                                                                                    \
	"name: test\n"                                                                                       \
	"stack: { services: { gateway: { image: gateway, depends_on: { mail: { condition: "                  \
	"service_completed_successfully } }, restart: '" restart                                             \
	"' }, redis: { image: 'redis:7' }, db: { image: db }, mail: { image: mail } } }\n"                   \
	"subject: gateway\n"                                                                                 \
	"watch:\n"                                                                                           \
	"  ready: { http: 'gateway:4000/ready', every: 50ms, timeout: 50ms, state: .status }\n"              \
	"  dial: { attempts: gateway, to: 'redis:6379', from: log, begins: B, fails: F, succeeds: S, lost: " \
	"L "                                                                                                 \
	"}\n"                                                                                                \
	"  tap: { attempts: gateway, to: 'redis:6379' }\n"                                                   \
	"  work: { http: 'gateway:4000/work', every: 50ms, timeout: 50ms }\n"                                \
	"  pool: { attempts: gateway, to: 'db:5432' }\n"                                                     \
	"  spread: { attempts: gateway, to: 'mail:25' }\n"                                                   \
	"  mem: { memory: gateway, every: 250ms }\n"                                                         \
	"  fds: { descriptors: gateway }\n"                                                                  \
	"steps:\n"                                                                                           \
	"  - { start: gateway, id: start-gateway }\n"                                                        \
	"  - { start: redis, id: start-redis" of_redis " }\n"                                                \
	"  - { request: GET gateway:4000/get, id: get" of_get " }\n" steps "expect:\n"

#define FROM_READY "after: redis.ready"
#define WHILE_READY "during: { from: redis.ready, until: redis.stopped }"

/* NOLINTBEGIN(bugprone-suspicious-missing-comma): texts that go on behind a macro */
static const char *const states[] = {
	"{ of: ready, reach: a }",
	"{ of: ready, reach: a, within: 400ms, " FROM_READY " }",
	"{ of: ready, reach: c, within: 200ms, after: start-redis }",
	"{ of: ready, reach: 200, within: 300ms, after: gateway.started }",
	"{ of: ready, reach: a, within: 200ms, after: { state: b, of: ready } }",
	"{ of: ready, reach: b, within: 150ms, after: { state: a, of: ready, after: redis.ready, plus: 25ms "
	"} }",
	"{ of: ready, reach: a, within: 300ms, after: { event: redis.ready, after: start-redis, plus: 100ms "
	"} }",
	"{ of: ready, reach: a, within: 300ms, after: redis.refused }",
	"{ of: ready, reach: refused, after: { event: redis.ready, plus: 700ms } }",
	"{ of: ready, sequence: [a, b, a], ignore: [c, refused, timeout] }",
	"{ of: ready, sequence: [b, a], ignore: [refused, timeout], " WHILE_READY " }",
	"{ of: ready, sequence: [a, b], after: { state: a, of: ready } }",
	"{ of: ready, sequence: [b], until: redis.ready }",
	"{ of: ready, sequence: [c, a], after: start-redis, ignore: [refused, timeout, b] }",
	"{ of: ready, never: a, " FROM_READY " }",
	"{ of: ready, never: [a, c], until: redis.stopped }",
	"{ of: ready, never: 503, after: { state: a, of: ready } }",
	"{ of: ready, never: b, " WHILE_READY " }",
	"{ of: ready, never: timeout }",
	"{ of: ready, never: [timeout, refused], " WHILE_READY " }",
	"{ of: gateway, never: [exited, restarted, oom-killed] }",
	"{ of: gateway, never: [exited, started], " WHILE_READY " }",
	"{ of: gateway, never: [oom-killed], " FROM_READY " }",
	"{ of: gateway, never: [restarted, started], " FROM_READY " }",
	"{ of: ready, always: [b, c], ignore: [refused], " WHILE_READY " }",
	"{ of: ready, always: a, after: { state: a, of: ready } }",
	"{ of: ready, always: [a, b], ignore: [refused, timeout] }",
	"{ of: ready, always: [a, b, c, refused] }",
	"{ of: ready, always: b, until: { state: timeout, of: ready } }",
	"{ of: ready, sequence: [a, timeout, a], ignore: [b, c, refused] }",
	"{ of: ready, sequence: [timeout, a], after: start-redis, ignore: [b, c] }",
	"{ of: ready, reach: timeout, within: 300ms, " FROM_READY " }",
	"{ of: ready, reach: timeout }",
	"{ of: ready, reach: a, within: 200ms, after: { state: timeout, of: ready, after: gateway.started } "
	"}",
	"{ of: ready, never: [a, b], during: { from: redis.ready, until: { state: timeout, of: ready } } }",
	"{ of: ready, never: a, until: { event: redis.stopped, after: { state: timeout, of: ready } } }",
};

static const char *const attempts[] = {
	"{ of: tap, backoff: { first: 100ms, factor: 2, cap: 400ms } }",
	"{ of: tap, backoff: { first: 100ms, factor: 2, cap: 400ms, at-least: 1 }, " FROM_READY " }",
	"{ of: tap, backoff: { first: 100ms, factor: 2, cap: 400ms, attempts: 3, then: 400ms } }",
	"{ of: tap, backoff: { first: 100ms, factor: 2, cap: 400ms, attempts: 3, then: none, at-least: 1 } }",
	"{ of: tap, backoff: { first: 100ms, attempts: 2, at-least: 1 }, until: redis.stopped }",
	"{ of: dial, backoff: { first: 100ms, factor: 2, cap: 400ms, at-least: 2 } }",
	"{ of: dial, backoff: { first: 100ms, at-least: 1 }, after: { attempt: 1, of: dial } }",
	"{ of: tap, reach: { attempt: 3 }, within: 500ms, after: gateway.started }",
	"{ of: tap, reach: { attempt: 2 } }",
	"{ of: dial, reach: { attempt: 2 }, within: 300ms, after: start-redis }",
	"{ of: ready, reach: a, within: { steps: 1, of: tap }, " FROM_READY " }",
	"{ of: ready, reach: b, within: { steps: 2, of: tap }, after: redis.started }",
	"{ of: ready, reach: a, within: { steps: 1, of: dial }, " FROM_READY " }",
	"{ of: ready, reach: a, within: { steps: 2, of: tap } }",
	"{ of: ready, reach: timeout, within: { steps: 2, of: tap } }",
	"{ of: ready, reach: a, within: 200ms, after: { attempt: 2, of: tap } }",
	"{ of: ready, never: c, after: { attempt: 1, of: tap, after: redis.ready } }",
	"{ of: tap, agrees: { log: 'retrying in (\\d+)ms', in: gateway.log, unit: ms } }",
	"{ of: tap, agrees: { log: 'retrying in (\\d+)ms', in: gateway.log, unit: ms }, " WHILE_READY " }",
};

static const char *const words[] = {
	"{ of: gateway.log, matches: 'n \\d', times: 2..3 }",
	"{ of: gateway.log, matches: 'n \\d', times: ..2, " WHILE_READY " }",
	"{ of: gateway.log, matches: 'error', times: 0 }",
	"{ of: gateway.log, matches: 'error' }",
	"{ of: gateway.log, matches: 'n (\\d)', numbers: [1, 2, 3] }",
	"{ of: gateway.log, matches: 'n (\\d)', times: ..3, numbers: [1, 2, ...] }",
	"{ of: gateway.log, matches: 'n (\\d)', numbers: [2, ...], after: start-redis }",
	"{ of: gateway.log, never: 'error' }",
	"{ of: gateway.log, never: 'n [34]', " WHILE_READY " }",
	"{ of: gateway.log, never: 'again', until: redis.ready }",
	"{ of: gateway.log, matches: 'n \\d', times: ..3, after: { event: redis.ready, plus: 700ms } }",
	"{ of: gateway.log, reach: 'n 2', within: 300ms, after: gateway.started }",
	"{ of: gateway.log, reach: 'error' }",
	"{ of: ready, reach: a, within: 250ms, after: { log: 'n 1', of: gateway.log } }",
	"{ of: mem, memory: { growth: 1000B }, after: gateway.started }",
	"{ of: mem, memory: { growth: 999B }, until: redis.stopped }",
	"{ of: fds, descriptors: { growth: 2 } }",
	"{ of: gateway, ends: { exit: 0, within: 800ms }, after: gateway.started }",
	"{ of: gateway, ends: { exit: 0..1 } }",
	"{ of: gateway, ends: { exit: 1, within: 500ms }, after: start-gateway }",
	"{ of: redis, ends: { exit: 0, within: 400ms }, after: redis.ready }",
	"{ of: gateway.log, discloses: nothing }",
	"{ of: gateway.log, discloses: nothing, " WHILE_READY " }",
	"{ of: get, discloses: nothing }",
	"{ of: get, respond: { status: 200..299, within: 100ms } }",
	"{ of: get, respond: { status: 503, headers: { Retry-After: '30' } } }",
	"{ of: get, respond: { headers: { Date: true, Retry-After: false } } }",
	"{ of: get, respond: { body: { .error: x }, matches: '^\\{' } }",
};

#define LIES "honest: { by: work, says: a, works: 200..299, within: "
#define SPREAD "{ of: spread, backoff: { first: 100ms, factor: 2, cap: 400ms, jitter: "

static const char *const conduct[] = {
	"{ of: ready, " LIES "100ms } }",
	"{ of: ready, " LIES "150ms }, after: redis.ready }",
	"{ of: ready, " LIES "200ms }, " WHILE_READY " }",
	"{ of: ready, " LIES "75ms }, until: { state: b, of: ready } }",
	"{ of: ready, honest: { by: work, says: [a, b], works: 200..300, within: 150ms } }",
	"{ of: work, honest: { by: ready, says: [200, 503], works: 200, within: 125ms }, after: start-redis "
	"}",
	"{ of: ready, " LIES
	"100ms }, during: { from: redis.ready, until: { event: redis.ready, plus: 400ms } } }",
	"{ of: ready, " LIES
	"150ms }, during: { from: gateway.started, until: { event: gateway.started, plus: "
	"600ms } } }",
	"{ of: pool, connections: ..3 }",
	"{ of: pool, connections: 1..4, after: redis.ready }",
	"{ of: pool, connections: ..2, " WHILE_READY " }",
	"{ of: pool, connections: 1.., during: { from: { attempt: 2, of: pool }, until: redis.stopped } }",
	"{ of: pool, connections: 1..3, after: { attempt: 1, of: pool } }",
	"{ of: pool, connections: 1, after: { attempt: 1, of: pool }, until: { attempt: 3, of: pool } }",
	SPREAD "50%..100%, at-least: 2 } }",
	SPREAD "50%..100%, at-least: 5, floor: 5ms } }",
	SPREAD "0%..100%, at-least: 2, floor: 2ms }, after: redis.ready }",
	SPREAD "40%..110%, at-least: 1, attempts: 5, then: none, floor: 10ms } }",
	SPREAD "50%..100%, at-least: 1, attempts: 3 }, until: redis.stopped }",
};

/* Little to go wrong: worlds that pass. */
static const char *const easy[] = {
	"{ of: gateway, never: [oom-killed, removed] }",
	"{ of: ready, reach: a }",
};
/* NOLINTEND(bugprone-suspicious-missing-comma) */

#define PHASES "  - phase: { redis: [ { refused, attempts: 2 }, { hung, for: 1s }, ready ] }\n"

#define BEFORE_ATTEMPT ", before: { attempt: 2, of: tap }"
#define BEFORE_STATE ", before: { state: b, of: ready, after: redis.ready, plus: 25ms }"
#define BEFORE_TIMEOUT ", before: { state: timeout, of: ready, after: redis.started }"
#define BEFORE_SAID ", before: { attempt: 1, of: dial, after: start-gateway }"
#define BEFORE_EVENT ", before: redis.stopped"

/* Every group of expectations, in a world whose gateway stays down and in one whose gateway is started anew.
 */
static const struct world_of_plan {
	const char *scenario;
	const char *const *expectations;
	size_t count;
} worlds[] = {
	{ SCENARIO("no", ""), states, ARRAY_LENGTH(states) },
	{ SCENARIO("no", PHASES), attempts, ARRAY_LENGTH(attempts) },
	{ SCENARIO("no", ""), words, ARRAY_LENGTH(words) },
	{ SCENARIO_OF("always", BEFORE_ATTEMPT, BEFORE_STATE, PHASES), states, ARRAY_LENGTH(states) },
	{ SCENARIO_OF("on-failure:1", BEFORE_SAID, BEFORE_EVENT, ""), attempts, ARRAY_LENGTH(attempts) },
	{ SCENARIO_OF("unless-stopped", BEFORE_TIMEOUT, "", ""), words, ARRAY_LENGTH(words) },
	{ SCENARIO("no", ""), conduct, ARRAY_LENGTH(conduct) },
	{ SCENARIO("always", ""), conduct, ARRAY_LENGTH(conduct) },
	{ SCENARIO("no", ""), easy, ARRAY_LENGTH(easy) },
};

#endif

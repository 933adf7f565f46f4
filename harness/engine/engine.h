/*
 * engine: a client of the Docker Engine API (1.41 up), over a unix socket, TCP or TLS.
 *
 * Nothing blocks. Each call takes a completion that is called exactly once from the loop, unless the call is
 * cancelled first. `reply` is borrowed: valid during the completion only (json_incref() to keep it); NULL
 * when the engine answered with no JSON, or on error. `err` is NULL on success; otherwise it holds the
 * engine's own message and what was being done to what ("start container `redis-1`: port is already
 * allocated"), `status` the HTTP status (404: ERR_NOT_FOUND, the rest: ERR_ENVIRONMENT). An engine that
 * vanishes ends calls and streams with an error.
 *
 * When a completion or an `end` runs, its call is gone: the pointer is not to be cancelled any more.
 * Callbacks may start and cancel any calls, also the one they belong to, and may close the engine.
 *
 * Where a container, network or image is named, the API takes a name or an id; messages show what was given
 * (ids cut to 12 digits), so names make the better messages. Replies are at most 16 MiB, one event or
 * progress object 1 MiB.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "base/err.h"
#include "base/memory.h"
#include "loop/loop.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct engine;
struct engine_call;

typedef void engine_done(void *owner, json_t *reply, const struct err *err);

/* `address`: "unix:///…", "tcp://host:port", "https://…", or NULL for $DOCKER_HOST, then the usual socket
 * places (system, rootless, Desktop, Colima, Podman) in that order. Nothing is sent yet, but unix sockets are
 * tried: the first where somebody listens is taken. On error says every place looked at, and the fix. TLS is
 * spoken to "https://…", and to "tcp://…" when $DOCKER_TLS_VERIFY is set; with ca.pem, cert.pem and key.pem
 * of $DOCKER_CERT_PATH (or ~/.docker); the engine's certificate is always verified. */
struct engine *engine_open(struct loop *loop, const char *address, struct err *err) MUST_CHECK;
/* Cancels everything under way without calling back. */
void engine_close(struct engine *engine);
const char *engine_address(const struct engine *engine);
/* Is it a unix socket on this machine? Containers' addresses can then be reached directly, unless the engine
 * runs in a VM or a network namespace of its own: engine_info() has "OperatingSystem" and "SecurityOptions"
 * (rootless). */
bool engine_is_local(const struct engine *engine);

/* The versions of the API falsestart knows: 1.41 is Docker Engine 20.10. */
#define ENGINE_API_OLDEST "1.41"
#define ENGINE_API_NEWEST "1.51"

/* Asks the version and settles on the newest API both sides know; to be the first call (those before it speak
 * ENGINE_API_OLDEST). Reply: GET /version. An engine that is too old, or no engine at all, is an error. */
struct engine_call *engine_negotiate(struct engine *engine, engine_done *done, void *owner);
/* "1.41" after engine_negotiate(), "" before. */
const char *engine_api_version(const struct engine *engine);

/* NULL is allowed; no call back after it. What the engine has begun to do, it goes on doing. */
void engine_cancel(struct engine_call *call);

/* Any request. `path` starts after the version ("/containers/create?name=x"), already URL-encoded. `body` is
 * a borrowed JSON value or NULL. `doing` is what an error message starts with. `timeout_ns` 0: the default,
 * 60 s. */
struct engine_request {
	const char *method, *path, *doing;
	const json_t *body;
	int64_t timeout_ns;
};
struct engine_call *engine_request(
    struct engine *engine, const struct engine_request *request, engine_done *done, void *owner);

/* ---- objects (containers.c, networks.c, images.c): thin names over engine_request() ---- */
struct engine_call *engine_ping(struct engine *engine, engine_done *done, void *owner);
struct engine_call *engine_info(struct engine *engine, engine_done *done, void *owner);

struct engine_call *engine_network_create(
    struct engine *engine, const json_t *config, engine_done *done, void *owner);
struct engine_call *engine_network_inspect(
    struct engine *engine, const char *id, engine_done *done, void *owner);
struct engine_call *engine_network_connect(
    struct engine *engine, const char *id, const json_t *config, engine_done *done, void *owner);
struct engine_call *engine_network_disconnect(
    struct engine *engine, const char *id, const char *container, engine_done *done, void *owner);
/* Already gone is success. */
struct engine_call *engine_network_remove(
    struct engine *engine, const char *id, engine_done *done, void *owner);

struct engine_call *engine_container_create(
    struct engine *engine, const char *name, const json_t *config, engine_done *done, void *owner);
/* Already running is success. */
struct engine_call *engine_container_start(
    struct engine *engine, const char *id, engine_done *done, void *owner);
/* SIGTERM (or the container's stop signal), then SIGKILL after `grace_ns`, which the API rounds up to whole
 * seconds. Already stopped is success. */
struct engine_call *engine_container_stop(
    struct engine *engine, const char *id, int64_t grace_ns, engine_done *done, void *owner);
struct engine_call *engine_container_restart(
    struct engine *engine, const char *id, int64_t grace_ns, engine_done *done, void *owner);
struct engine_call *engine_container_kill(
    struct engine *engine, const char *id, const char *signal_name, engine_done *done, void *owner);
struct engine_call *engine_container_pause(
    struct engine *engine, const char *id, engine_done *done, void *owner);
struct engine_call *engine_container_unpause(
    struct engine *engine, const char *id, engine_done *done, void *owner);
struct engine_call *engine_container_inspect(
    struct engine *engine, const char *id, engine_done *done, void *owner);
/* Until it has exited; no timeout. Reply: {"StatusCode": …}. */
struct engine_call *engine_container_wait(
    struct engine *engine, const char *id, engine_done *done, void *owner);
/* Forced, with its anonymous volumes. Already gone is success; a removal that is under way elsewhere is
 * waited for. */
struct engine_call *engine_container_remove(
    struct engine *engine, const char *id, engine_done *done, void *owner);
/* One sample of /stats (one-shot where the API has it). */
struct engine_call *engine_container_stats(
    struct engine *engine, const char *id, engine_done *done, void *owner);
/* `filters` (NULL: all): {"label": ["io.falsestart.run=…"]}; stopped ones included. Reply: arrays as the API
 * gives them. */
struct engine_call *engine_container_list(
    struct engine *engine, const json_t *filters, engine_done *done, void *owner);
struct engine_call *engine_network_list(
    struct engine *engine, const json_t *filters, engine_done *done, void *owner);
struct engine_call *engine_volume_list(
    struct engine *engine, const json_t *filters, engine_done *done, void *owner);
/* Already gone is success. */
struct engine_call *engine_volume_remove(
    struct engine *engine, const char *name, engine_done *done, void *owner);

struct engine_call *engine_image_inspect(
    struct engine *engine, const char *reference, engine_done *done, void *owner);
/* Progress over all layers, in bytes; total 0 while unknown. `status` is one line, safe to show. For this and
 * the next two NULL is allowed for `progress`; there is no limit of time, but ten minutes of silence are an
 * error. */
typedef void engine_progress(void *owner, const char *status, int64_t current, int64_t total);
/* "name" is "name:latest". Reply: {"Digest": …}. */
struct engine_call *engine_image_pull(
    struct engine *engine, const char *reference, engine_progress *progress, engine_done *done, void *owner);
/* A tar made by `docker save` (load) or a build context with a Dockerfile (build), read from a descriptor
 * that stays the caller's and must outlive the call: a regular file or memfd, which is sent from its
 * beginning, wherever its offset is. Replies: {"Loaded": [reference or id, …]}, {"Id": "sha256:…"}. */
struct engine_call *engine_image_load(struct engine *engine, int tar_fd, engine_done *done, void *owner);
struct engine_call *engine_image_build(struct engine *engine, int tar_fd, const char *tag,
    const json_t *labels, engine_progress *progress, engine_done *done, void *owner);

/* Untags, and deletes when no tag is left. Already gone is success. */
struct engine_call *engine_image_remove(
    struct engine *engine, const char *reference, engine_done *done, void *owner);

/* ---- streams: items until `end`, which comes exactly once unless cancelled; err NULL: a regular end ---- */
enum engine_output { ENGINE_STDOUT = 1, ENGINE_STDERR = 2 };
struct engine_log_line {
	enum engine_output output;
	int64_t engine_stamp_ns; /* the engine's wall clock, since 1970; 0: the line has no stamp */
	const char *text;        /* without stamp and newline; not NUL-terminated; outside data */
	size_t length;           /* at most ENGINE_LOG_LINE_MAX */
	bool cut;                /* the rest of an over-long line was dropped */
};
#define ENGINE_LOG_LINE_MAX 16384
typedef void engine_on_log_line(void *owner, const struct engine_log_line *line);
typedef void engine_on_end(void *owner, const struct err *err);

/* Follows the output from the container's beginning until its process ends: a regular end comes at every
 * exit, also when the restart policy starts the container again, and at once if it is not running (so ask
 * after its start; what it said until then comes too). Before the end the log is read once more, for last
 * words the follower missed. `since_ns` (engine wall clock, inclusive; 0: everything) lets a follower go on
 * after the next start: give the last line's stamp plus 1. */
struct engine_call *engine_container_logs(struct engine *engine, const char *id, bool tty, int64_t since_ns,
    engine_on_log_line *on_line, engine_on_end *end, void *owner);

/* Events of the objects that match the filters, from the moment of this call by the engine's clock (at most a
 * second or so earlier), so that nothing done after it is missed. `event` is the API's object, borrowed.
 * There is no regular end: `end` always has an error. */
typedef void engine_on_event(void *owner, json_t *event);
struct engine_call *engine_events(
    struct engine *engine, const json_t *filters, engine_on_event *on_event, engine_on_end *end, void *owner);

/* ---- attachment: a container's stdin, stdout and stderr, both ways ---- */
struct engine_attachment;
typedef void engine_on_attached(void *owner);

/* The container may be created and not started yet; it must have been created without a terminal, and with
 * OpenStdin if it is to be written to (StdinOnce: closing the attachment ends its input). `attached` comes
 * once, when nothing that the container says from then on is missed: start it there. Lines come as soon as
 * they are whole, without a stamp (engine_stamp_ns 0). `end` comes exactly once unless the attachment is
 * closed: without an error when the container's process is over (after its last words), with one when there
 * is no such container, the engine vanished or ended the attachment of a running container, what came is no
 * stream of lines, or more than ENGINE_ATTACHMENT_QUEUE_MAX bytes waited to be written. Rules as for calls:
 * callbacks come from the loop, may close any attachment and the engine, and when `end` runs the pointer is
 * dead. */
struct engine_attachment *engine_container_attach(struct engine *engine, const char *id,
    engine_on_attached *attached, engine_on_log_line *on_line, engine_on_end *end, void *owner);
/* To the container's stdin. Never waits: what cannot be sent at once is queued; before `attached` everything
 * is. What is still queued when the attachment ends is lost. */
void engine_attachment_write(struct engine_attachment *attachment, const void *bytes, size_t length);
#define ENGINE_ATTACHMENT_QUEUE_MAX (1UL << 20)
/* Without a call back; NULL is allowed. The container goes on, but for what StdinOnce says. */
void engine_attachment_close(struct engine_attachment *attachment);

#endif

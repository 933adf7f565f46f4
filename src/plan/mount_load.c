/* `volumes` and `tmpfs` of a service. */
#include "plan/file.h"
#include "plan/nearest.h"
#include "plan/scalars.h"
#include "plan/service_load.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

static int check_target(struct reader *reader, const struct node *node, const char *target, struct err *err)
{
	if (target[0] != '/')
		return refuse(reader, node, err, "the place in the container, `%s`, must be an absolute path",
		    SHOW(target));
	return 0;
}

static bool is_path(const char *source)
{
	return source[0] == '/' || source[0] == '.' || source[0] == '~';
}

/* A relative path counts from the folder of the stack file; the engine wants it absolute. */
static char *absolute_path(const char *file, const char *source)
{
	if (source[0] == '/')
		return xstrdup(source);
	if (source[0] == '~') {
		const char *home = getenv("HOME");
		return xasprintf("%s%s", home ? home : "", source + 1);
	}
	char *folder OWNED = file_beside(file, ".");
	char resolved[PATH_MAX];
	if (!realpath(folder, resolved))
		return NULL;
	while (source[0] == '.' && source[1] == '/')
		source += 2;
	return strcmp(source, ".") == 0 ? xstrdup(resolved) : xasprintf("%s/%s", resolved, source);
}

static int set_volume(
    struct reader *reader, const struct node *node, struct mount *mount, const char *name, struct err *err)
{
	struct nearest nearest = nearest_to(name);
	mount->kind = MOUNT_VOLUME;
	for (size_t i = 0; i < reader->stack->volumes.count; i++) {
		nearest_offer(&nearest, reader->stack->volumes.items[i]);
		if (strcmp(reader->stack->volumes.items[i], name) == 0) {
			mount->source = xstrdup(name);
			return 0;
		}
	}
	char *hint OWNED = suggest(&nearest);
	return refuse(reader, node, err, "the volume `%s` is not declared under `volumes:` at the top%s%s",
	    SHOW(name), hint, hint[0] ? "" : "; a path on the host begins with ./ or /");
}

static int set_bind(
    struct reader *reader, const struct node *node, struct mount *mount, const char *source, struct err *err)
{
	mount->kind = MOUNT_BIND;
	mount->source = absolute_path(reader->file, source);
	if (!mount->source)
		return refuse(reader, node, err, "the folder that `%s` counts from cannot be resolved: %s",
		    SHOW(source), strerror(errno));
	return 0;
}

static int read_option(
    struct reader *reader, const struct node *node, struct mount *mount, const char *option, struct err *err)
{
	/* Those without effect on Linux are accepted, as compose does. */
	static const char *const ignored[] = { "rw", "z", "Z", "cached", "delegated", "consistent" };
	if (strcmp(option, "ro") == 0) {
		mount->read_only = true;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LENGTH(ignored); i++)
		if (strcmp(option, ignored[i]) == 0)
			return 0;
	return refuse(
	    reader, node, err, "the volume option `%s` is not supported; ro and rw are", SHOW(option));
}

/* "[SOURCE:]TARGET[:OPTION,…]" */
static int read_short(struct reader *reader, const struct node *node, struct mount *mount, struct err *err)
{
	char *text OWNED = xstrdup(node->text);
	char *first = strchr(text, ':');
	char *source = first ? text : NULL, *target = first ? first + 1 : text;
	char *options = first ? strchr(target, ':') : NULL;
	if (first)
		*first = '\0';
	if (options)
		*options++ = '\0';
	if (check_target(reader, node, target, err) < 0)
		return -1;
	mount->target = xstrdup(target);
	mount->kind = MOUNT_VOLUME;
	char *save = NULL;
	for (char *option = options ? strtok_r(options, ",", &save) : NULL; option;
	     option = strtok_r(NULL, ",", &save))
		if (read_option(reader, node, mount, option, err) < 0)
			return -1;
	if (!source)
		return 0;
	return is_path(source) ? set_bind(reader, node, mount, source, err)
			       : set_volume(reader, node, mount, source, err);
}

struct long_mount {
	char *type, *source, *target;
	bool read_only;
	int64_t size;
};

static void long_mount_release(struct long_mount *mount)
{
	free(mount->type);
	free(mount->source);
	free(mount->target);
}

static int read_tmpfs_size(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	const char *text = scalar_text(reader, node, "a number of bytes", err);
	if (!text)
		return -1;
	if (parse_whole(text, 1, INT64_C(1) << 50, into) == 0)
		return 0;
	return read_bytes(reader, node, into, err);
}

static int read_tmpfs_options(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	static const struct field fields[] = {
		{ .key = "size", .read = read_tmpfs_size, .offset = offsetof(struct long_mount, size) },
	};
	return fields_read(reader, node, "a tmpfs", fields, ARRAY_LENGTH(fields), into, err);
}

static int read_long(struct reader *reader, const struct node *node, struct mount *mount, struct err *err)
{
	static const struct field fields[] = {
		{ .key = "type",
		    .read = read_text,
		    .offset = offsetof(struct long_mount, type),
		    .needed = "bind, volume or tmpfs" },
		{ .key = "source", .read = read_text, .offset = offsetof(struct long_mount, source) },
		{ .key = "target",
		    .read = read_text,
		    .offset = offsetof(struct long_mount, target),
		    .needed = "the place in the container" },
		{ .key = "read_only", .read = read_flag, .offset = offsetof(struct long_mount, read_only) },
		{ .key = "tmpfs", .read = read_tmpfs_options },
		{ .key = "bind", .unsupported = "no option of a bind is; remove the key" },
		{ .key = "volume", .unsupported = "no option of a volume is; remove the key" },
	};
	struct long_mount given CLEANUP(long_mount_release) = { 0 };
	if (fields_read(reader, node, "a volume", fields, ARRAY_LENGTH(fields), &given, err) < 0 ||
	    check_target(reader, node_get(node, "target"), given.target, err) < 0)
		return -1;
	mount->read_only = given.read_only;
	mount->target = steal_ptr(given.target);
	if (strcmp(given.type, "tmpfs") == 0) {
		mount->kind = MOUNT_TMPFS;
		mount->options = given.size ? xasprintf("size=%lld", (long long)given.size) : NULL;
		return given.source ? refuse(reader, node_get(node, "source"), err, "a tmpfs has no source")
				    : 0;
	}
	if (strcmp(given.type, "bind") == 0)
		return given.source
			   ? set_bind(reader, node, mount, given.source, err)
			   : refuse(reader, node, err, "a bind needs `source`: the path on the host");
	if (strcmp(given.type, "volume") != 0)
		return refuse(reader, node_get(node, "type"), err,
		    "`%s` is not a type of volume (bind, volume, tmpfs)", SHOW(given.type));
	mount->kind = MOUNT_VOLUME;
	return given.source ? set_volume(reader, node_get(node, "source"), mount, given.source, err) : 0;
}

int read_service_volumes(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct service *service = into;
	if (node->kind != NODE_SEQUENCE)
		return refuse_kind(reader, node, err, "a list of volumes");
	for (size_t i = 0; i < node->item_count; i++) {
		const struct node *item = node->items[i];
		struct mount *mount = array_push(service->mounts, service->mount_count);
		if (item->kind != NODE_MAPPING && !scalar_text(reader, item, "a volume", err))
			return -1;
		if ((item->kind == NODE_MAPPING ? read_long : read_short)(reader, item, mount, err) < 0)
			return -1;
	}
	return 0;
}

/* "/path[:options]" */
int read_service_tmpfs(struct reader *reader, const struct node *node, void *into, struct err *err)
{
	struct service *service = into;
	struct strings places CLEANUP(strings_release) = { 0 };
	if (read_texts(reader, node, &places, err) < 0)
		return -1;
	for (size_t i = 0; i < places.count; i++) {
		const char *place = places.items[i];
		size_t length = strcspn(place, ":");
		struct mount *mount = array_push(service->mounts, service->mount_count);
		mount->kind = MOUNT_TMPFS;
		mount->target = xmemdup0(place, length);
		mount->options = place[length] ? xstrdup(place + length + 1) : NULL;
		if (check_target(reader, node, mount->target, err) < 0)
			return -1;
	}
	return 0;
}

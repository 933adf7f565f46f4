#include "run/agent_image.h"
#include "base/buf.h"
#include "run/agent_layers.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Of the digest, in the tag: enough to tell versions apart, short enough to read. */
#define TAG_DIGITS 12

static const struct agent_layer *find_layer(const char *architecture, struct err *err)
{
	struct buf known CLEANUP(buf_release) = { 0 };
	for (const struct agent_layer *layer = agent_layers; layer->architecture; layer++) {
		if (strcmp(layer->architecture, architecture) == 0)
			return layer;
		buf_addf(&known, "%s%s", known.length ? ", " : "", layer->architecture);
	}
	err_set(err, ERR_ENVIRONMENT,
	    "this falsestart has no agent for an engine on %s, only for %s; build it where there is a cross "
	    "compiler (./dev test installs it, CMake says what it misses)",
	    architecture, buf_string(&known));
	return NULL;
}

static void end_tar(struct archive **tar)
{
	archive_write_free(*tar);
}

static void end_entry(struct archive_entry **entry)
{
	archive_entry_free(*entry);
}

static int tar_failed(struct archive *tar, struct err *err)
{
	return err_set(err, ERR_ENVIRONMENT, "make the image of the agent: %s", archive_error_string(tar));
}

static int add_file(struct archive *tar, const char *name, const void *bytes, size_t length, struct err *err)
{
	struct archive_entry *entry CLEANUP(end_entry) = archive_entry_new();
	archive_entry_set_pathname(entry, name);
	archive_entry_set_size(entry, (la_int64_t)length);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0644);
	if (archive_write_header(tar, entry) != ARCHIVE_OK ||
	    archive_write_data(tar, bytes, length) != (la_ssize_t)length)
		return tar_failed(tar, err);
	return 0;
}

/* What `docker save` would write. The time is fixed, so that the same agent is the same image everywhere. */
static int write_image(int fd, const struct agent_layer *layer, const char *reference, struct err *err)
{
	struct buf config CLEANUP(buf_release) = { 0 };
	struct buf manifest CLEANUP(buf_release) = { 0 };
	buf_addf(&config,
	    "{\"architecture\":\"%s\",\"os\":\"linux\",\"created\":\"1970-01-01T00:00:00Z\","
	    "\"config\":{\"Entrypoint\":[\"/agent\"]},"
	    "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:%s\"]}}",
	    layer->architecture, layer->layer_digest);
	buf_addf(&manifest, "[{\"Config\":\"config.json\",\"RepoTags\":[\"%s\"],\"Layers\":[\"layer.tar\"]}]",
	    reference);
	struct archive *tar CLEANUP(end_tar) = archive_write_new();
	archive_write_set_format_ustar(tar);
	if (archive_write_open_fd(tar, fd) != ARCHIVE_OK)
		return tar_failed(tar, err);
	if (add_file(tar, "manifest.json", manifest.bytes, manifest.length, err) < 0 ||
	    add_file(tar, "config.json", config.bytes, config.length, err) < 0 ||
	    add_file(tar, "layer.tar", layer->tar, layer->length, err) < 0)
		return -1;
	return archive_write_close(tar) == ARCHIVE_OK ? 0 : tar_failed(tar, err);
}

int agent_image_tar(const char *architecture, char **ret_reference, int *ret_fd, struct err *err)
{
	const struct agent_layer *layer = find_layer(architecture, err);
	if (!layer)
		return -1;
	int fd = memfd_create("agent-image", MFD_CLOEXEC);
	if (fd < 0)
		return err_set_errno(err, ERR_ENVIRONMENT, errno, "make the image of the agent in memory");
	char *reference OWNED = xasprintf("falsestart/agent:%.*s", TAG_DIGITS, layer->program_digest);
	if (write_image(fd, layer, reference, err) < 0) {
		close(fd);
		return -1;
	}
	*ret_reference = steal_ptr(reference);
	*ret_fd = fd;
	return 0;
}

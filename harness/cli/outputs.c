#include "cli/outputs.h"

#include "cli/files.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* "a/b" of "a/b/c", "." of "c". */
static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	if (!slash)
		return xstrdup(".");
	return slash == path ? xstrdup("/") : xmemdup0(path, (size_t)(slash - path));
}

static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static bool ends_with(const char *path, const char *ending)
{
	size_t length = strlen(path), size = strlen(ending);
	return length > size && strcmp(path + length - size, ending) == 0;
}

/* `run --json a.yaml b.yaml` was meant to write JSON, and not over a scenario. */
static bool looks_like_input(const char *path)
{
	return ends_with(path, ".yaml") || ends_with(path, ".yml") || ends_with(path, ".ndjson");
}

static int probe_folder(const struct output *output, struct err *err)
{
	struct stat status;
	char *folder OWNED = folder_of(output->path);
	if (stat(folder, &status) < 0 && errno == ENOENT)
		return err_set(err, ERR_USAGE,
		    "%s: cannot write `%s`: there is no folder `%s`; make it (mkdir -p), or name a file in "
		    "one "
		    "that is there",
		    output->option, output->path, folder);
	return 0;
}

static int probe_stream(const struct output *output, struct err *err)
{
	if (access(output->path, W_OK) < 0)
		return err_set_errno(
		    err, ERR_USAGE, errno, "%s: cannot write to `%s`", output->option, output->path);
	return 0;
}

static int probe_file(const struct output *output, struct err *err)
{
	if (file_is_stream(output->path))
		return probe_stream(output, err);
	if (probe_folder(output, err) < 0)
		return -1;
	char *beside OWNED = NULL;
	int fd = file_create_beside(output->path, &beside);
	if (fd < 0)
		return err_set_errno(err, ERR_USAGE, errno,
		    "%s: cannot write `%s`; name a file in a folder that can be written to", output->option,
		    output->path);
	close(fd);
	unlink(beside);
	return 0;
}

static int probe(const struct output *output, struct err *err)
{
	const char *option = output->option, *path = output->path;
	struct stat status;
	if (!*path)
		return err_set(
		    err, ERR_USAGE, "%s takes the name of the file to write, not an empty one", option);
	if (path[strlen(path) - 1] == '/' || (stat(path, &status) == 0 && S_ISDIR(status.st_mode)))
		return err_set(err, ERR_USAGE,
		    "%s: `%s` is a folder; name a file in it, such as `%s%sreport.%s`", option, path, path,
		    path[strlen(path) - 1] == '/' ? "" : "/",
		    strcmp(option, "--junit") == 0 ? "xml" : "json");
	if (looks_like_input(path))
		return err_set(err, ERR_USAGE,
		    "%s takes the name of the file to write, and `%s` ends as scenarios and traces do; name "
		    "one "
		    "that ends otherwise",
		    option, path);
	return probe_file(output, err);
}

/* Would writing one of them replace the other? */
static bool is_same_place(const char *one, const char *other)
{
	struct stat a, b;
	if (file_is_stream(one) || file_is_stream(other))
		return false;
	if (stat(one, &a) == 0 && stat(other, &b) == 0)
		return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
	char *one_folder OWNED = folder_of(one), *other_folder OWNED = folder_of(other);
	return strcmp(name_of(one), name_of(other)) == 0 && stat(one_folder, &a) == 0 &&
	       stat(other_folder, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

int outputs_probe(const struct output *outputs, size_t count, const char *const *inputs, size_t input_count,
    struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		const struct output *output = &outputs[i];
		if (!output->path)
			continue;
		if (probe(output, err) < 0)
			return -1;
		for (size_t k = 0; k < input_count; k++)
			if (is_same_place(output->path, inputs[k]))
				return err_set(err, ERR_USAGE,
				    "%s: `%s` is what is to be read; writing there would replace it. Name "
				    "another "
				    "file",
				    output->option, output->path);
		for (size_t k = 0; k < i; k++)
			if (outputs[k].path && is_same_place(output->path, outputs[k].path))
				return err_set(err, ERR_USAGE,
				    "%s and %s both name `%s`; the one would replace the other. Name two "
				    "files",
				    outputs[k].option, output->option, output->path);
	}
	return 0;
}

#include "cli/selection.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static bool has_scenario_ending(const char *name)
{
	static const char *const endings[] = { ".yaml", ".yml", ".json" };
	size_t length = strlen(name);
	for (size_t i = 0; i < ARRAY_LENGTH(endings); i++) {
		size_t size = strlen(endings[i]);
		if (length > size && strcmp(name + length - size, endings[i]) == 0)
			return true;
	}
	return false;
}

/* Stacks and other YAML files live beside scenarios: only what says `falsestart:` at the start of a line is
 * one. */
static bool says_falsestart(const char *path)
{
	struct stat status;
	if (stat(path, &status) == 0 && !S_ISREG(status.st_mode))
		return false; /* opening a pipe would wait for somebody to write */
	FILE *file = fopen(path, "r");
	if (!file)
		return true; /* loading it will say why it cannot be read */
	char line[512];
	bool says = false;
	while (!says && fgets(line, sizeof(line), file)) {
		const char *text = line + strspn(line, " \t{\"");
		says = strncmp(text, "falsestart", 10) == 0 && (text[10] == ':' || text[10] == '"');
	}
	fclose(file);
	return says;
}

static bool is_selected(const struct plan *plan, const struct selection_filter *filter)
{
	if (filter->name && !strstr(plan->name, filter->name))
		return false;
	if (!filter->tag)
		return true;
	for (size_t i = 0; i < plan->tags.count; i++)
		if (strcmp(plan->tags.items[i], filter->tag) == 0)
			return true;
	return false;
}

static int add_file(
    struct selection *selection, const char *path, const struct selection_filter *filter, struct err *err)
{
	struct plan *plan = plan_load(path, filter->speed, err);
	if (!plan)
		return -1;
	selection->seen++;
	for (size_t i = 0; i < selection->count; i++) {
		if (strcmp(selection->plans[i]->name, plan->name) != 0)
			continue;
		if (strcmp(selection->plans[i]->file, plan->file) == 0)
			err_set(err, ERR_USAGE, "%s is named twice; --repeat 2 runs a scenario twice", path);
		err_set(err, ERR_INVALID,
		    "%s: the name `%s` is taken by %s already; names tell traces and reports apart", path,
		    plan->name, selection->plans[i]->file);
		plan_free(plan);
		return -1;
	}
	if (is_selected(plan, filter))
		*array_push(selection->plans, selection->count) = plan;
	else
		plan_free(plan);
	return 0;
}

static int is_candidate(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && has_scenario_ending(entry->d_name);
}

static int add_folder(
    struct selection *selection, const char *path, const struct selection_filter *filter, struct err *err)
{
	struct dirent **entries;
	int count = scandir(path, &entries, is_candidate, alphasort);
	if (count < 0)
		return err_set_errno(err, ERR_USAGE, errno, "cannot read the folder `%s`", path);
	int result = 0;
	for (int i = 0; i < count; i++) {
		size_t length = strlen(path);
		char *file OWNED = xasprintf(
		    "%s%s%s", path, length && path[length - 1] == '/' ? "" : "/", entries[i]->d_name);
		if (result == 0 && says_falsestart(file))
			result = add_file(selection, file, filter, err);
		free(entries[i]);
	}
	free(entries);
	return result;
}

int selection_load(struct selection *selection, char *const *paths, size_t path_count,
    const struct selection_filter *filter, struct err *err)
{
	for (size_t i = 0; i < path_count; i++) {
		struct stat status;
		if (stat(paths[i], &status) < 0)
			return err_set_errno(err, ERR_USAGE, errno, "cannot read `%s`", paths[i]);
		size_t before = selection->seen;
		int result = S_ISDIR(status.st_mode) ? add_folder(selection, paths[i], filter, err)
						     : add_file(selection, paths[i], filter, err);
		if (result < 0)
			return -1;
		if (selection->seen == before)
			return err_set(err, ERR_USAGE,
			    "there is no scenario in the folder `%s`: a scenario is a .yaml, .yml or .json "
			    "file with a "
			    "line `falsestart: 1`",
			    paths[i]);
	}
	return 0;
}

void selection_release(struct selection *selection)
{
	for (size_t i = 0; i < selection->count; i++)
		plan_free(selection->plans[i]);
	free(selection->plans);
	*selection = (struct selection){ 0 };
}

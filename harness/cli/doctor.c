/* doctor: looks at everything a run needs before it needs it; each line that is not well says how to mend it.
 */
#include "base/buf.h"
#include "cli/command.h"
#include "cli/terminal.h"
#include "engine/engine.h"
#include "run/agent_trial.h"
#include "run/container_config.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum finding_kind { FINDING_WELL, FINDING_NOTE, FINDING_ILL };

struct doctor {
	struct loop *loop;
	struct engine *engine;
	struct engine_call *call;
	size_t image; /* the one looked at */
	char *architecture;
	struct agent_trial *trial;
	size_t ill;
};

/* What the bundled scenarios run. */
static const char *const images[] = { "redis:7", "postgres:15", "falsestart/gateway:latest" };

static void tell(
    struct doctor *doctor, enum finding_kind kind, const char *subject, const char *text, const char *fix)
{
	static const char *const words[] = {
		[FINDING_WELL] = "ok", [FINDING_NOTE] = "note", [FINDING_ILL] = "ILL"
	};
	static const char *const colours[] = {
		[FINDING_WELL] = "\033[32m", [FINDING_NOTE] = "\033[33m", [FINDING_ILL] = "\033[31m"
	};
	bool colour = terminal_has_colour(STDOUT_FILENO);
	struct buf visible CLEANUP(buf_release) = { 0 };
	buf_add_visible(&visible, text, strlen(text), 1200);
	printf("%s%4s%s  %-8s %s\n", colour ? colours[kind] : "", words[kind], colour ? "\033[0m" : "",
	    subject, buf_string(&visible));
	if (fix)
		printf("                %s\n", fix);
	doctor->ill += kind == FINDING_ILL;
}

static void look_at_image(struct doctor *doctor);

static void on_image(void *owner, json_t *reply, const struct err *err)
{
	struct doctor *doctor = owner;
	doctor->call = NULL;
	char text[256];
	if (err) {
		snprintf(text, sizeof(text), "%s is not on the engine", images[doctor->image]);
		tell(doctor, FINDING_NOTE, "image", text,
		    "fix: ./dev images   (pulled at need where a registry answers)");
	} else {
		snprintf(text, sizeof(text), "%s, %.0f MB", images[doctor->image],
		    (double)json_integer_value(json_object_get(reply, "Size")) / 1e6);
		tell(doctor, FINDING_WELL, "image", text, NULL);
	}
	doctor->image++;
	look_at_image(doctor);
}

static void tried(void *owner, const char *reference, const struct err *err)
{
	struct doctor *doctor = owner;
	char text[256];
	if (err) {
		tell(doctor, FINDING_ILL, "agent", err->message, NULL);
	} else {
		snprintf(text, sizeof(text), "%s resolves, taps and gates there", reference);
		tell(doctor, FINDING_WELL, "agent", text, NULL);
	}
	loop_stop(doctor->loop);
}

static void look_at_image(struct doctor *doctor)
{
	if (doctor->image == ARRAY_LENGTH(images)) {
		doctor->trial =
		    agent_trial_start(doctor->loop, doctor->engine, doctor->architecture, tried, doctor);
		return;
	}
	doctor->call = engine_image_inspect(doctor->engine, images[doctor->image], on_image, doctor);
}

static void on_leftovers(void *owner, json_t *reply, const struct err *err)
{
	struct doctor *doctor = owner;
	doctor->call = NULL;
	char text[128];
	if (err) {
		tell(doctor, FINDING_ILL, "rights", err->message, NULL);
	} else if (json_array_size(reply) > 0) {
		snprintf(
		    text, sizeof(text), "%zu containers of other runs are there", json_array_size(reply));
		tell(doctor, FINDING_NOTE, "left", text,
		    "fix: falsestart clean   (unless a run is under way)");
	} else {
		tell(doctor, FINDING_WELL, "left", "nothing is left of earlier runs", NULL);
	}
	look_at_image(doctor);
}

static void look_at_kernel(struct doctor *doctor, const json_t *info)
{
	char text[512];
	snprintf(text, sizeof(text), "%s, %s, cgroup v%s, %s",
	    json_string_value(json_object_get(info, "OperatingSystem")),
	    json_string_value(json_object_get(info, "KernelVersion")),
	    json_string_value(json_object_get(info, "CgroupVersion")),
	    json_string_value(json_object_get(info, "Driver")));
	tell(doctor, FINDING_WELL, "kernel", text, NULL);
	if (!json_is_true(json_object_get(info, "MemoryLimit")))
		tell(doctor, FINDING_NOTE, "kernel",
		    "no memory controller: `memory` expectations will see nothing",
		    "fix: boot with cgroup_enable=memory");
	snprintf(text, sizeof(text), "%d processors, %.1f GB of memory",
	    (int)json_integer_value(json_object_get(info, "NCPU")),
	    (double)json_integer_value(json_object_get(info, "MemTotal")) / 1e9);
	tell(doctor, FINDING_WELL, "host", text, NULL);
}

static void on_info(void *owner, json_t *reply, const struct err *err)
{
	struct doctor *doctor = owner;
	doctor->call = NULL;
	if (err)
		tell(doctor, FINDING_ILL, "engine", err->message, NULL);
	else
		look_at_kernel(doctor, reply);
	json_t *filters = json_pack("{s:[s]}", "label", LABEL_RUN);
	doctor->call = engine_container_list(doctor->engine, filters, on_leftovers, doctor);
	json_decref(filters);
}

static void on_version(void *owner, json_t *reply, const struct err *err)
{
	struct doctor *doctor = owner;
	doctor->call = NULL;
	if (err) {
		tell(doctor, FINDING_ILL, "engine", err->message, NULL);
		loop_stop(doctor->loop);
		return;
	}
	char text[512];
	const char *architecture = json_string_value(json_object_get(reply, "Arch"));
	doctor->architecture = xstrdup(architecture ? architecture : "");
	snprintf(text, sizeof(text), "%s at %s, API %s used",
	    json_string_value(json_object_get(reply, "Version")), engine_address(doctor->engine),
	    engine_api_version(doctor->engine));
	tell(doctor, FINDING_WELL, "engine", text, NULL);
	if (!engine_is_local(doctor->engine))
		tell(doctor, FINDING_NOTE, "engine",
		    "not on this machine: ports are reached through its host", NULL);
	doctor->call = engine_info(doctor->engine, on_info, doctor);
}

static int examine(const char *address)
{
	struct doctor doctor = { .loop = loop_new() };
	struct err err = ERR_INIT;
	doctor.engine = engine_open(doctor.loop, address, &err);
	if (!doctor.engine) {
		tell(&doctor, FINDING_ILL, "engine", err.message, NULL);
	} else {
		doctor.call = engine_negotiate(doctor.engine, on_version, &doctor);
		loop_run(doctor.loop);
		engine_cancel(doctor.call);
	}
	agent_trial_free(doctor.trial);
	free(doctor.architecture);
	engine_close(doctor.engine);
	loop_free(doctor.loop);
	return doctor.ill ? EXIT_ENVIRONMENT : EXIT_PASSED;
}

static void print_help(void)
{
	puts("usage: falsestart doctor [--engine ADDR]\n"
	     "\n"
	     "Looks at the engine, the rights to use it, its kernel, what earlier runs left,\n"
	     "the images of the bundled scenarios, and whether an agent can work there. Exit\n"
	     "status 3 when something keeps runs from working.");
}

int command_doctor(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "engine", required_argument, NULL, 'e' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *address = NULL;
	for (int option; (option = getopt_long(argc, argv, "h", long_options, NULL)) != -1;) {
		if (option == 'h') {
			print_help();
			return EXIT_PASSED;
		}
		if (option != 'e')
			return option_error("doctor", long_options, argv);
		address = optarg;
	}
	if (optind != argc)
		return usage_error("doctor", "doctor takes no argument `%s`", argv[optind]);
	return examine(address);
}

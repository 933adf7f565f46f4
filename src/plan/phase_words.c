/* What a server says that is not ready, or does not want the client: short names, or the line itself. */
#include "plan/nearest.h"
#include "plan/references.h"
#include "plan/scalars.h"

#include <string.h>

/* The agent keeps it in 200 bytes, its end included. */
enum { WORDS_MAX = 199, SQLSTATE_LENGTH = 5 };

/* As the servers have it; NULL: the agent's own words, which name who asked. The commonest stands first. The
 * tap (harness/agent/classify_redis.c) knows these codes again: of another it would say that the server
 * works. */
static const struct usual {
	const char *protocol;
	enum phase phase;
	const char *name, *words;
} usual[] = {
	{ "redis", PHASE_LOADING, "LOADING", "LOADING Redis is loading the dataset in memory" },
	{ "redis", PHASE_DENIED, "NOAUTH", "NOAUTH Authentication required." },
	{ "redis", PHASE_DENIED, "WRONGPASS",
	    "WRONGPASS invalid username-password pair or user is disabled." },
	{ "redis", PHASE_DENIED, "NOPERM", "NOPERM User default has no permissions to run this command" },
	{ "redis", PHASE_DENIED, "READONLY", "READONLY You can't write against a read only replica." },
	{ "redis", PHASE_DENIED, "max-clients", "ERR max number of clients reached" },
	{ "redis", PHASE_DENIED, "invalid-password", "ERR invalid password" },
	{ "redis", PHASE_DENIED, "not-permitted", "ERR operation not permitted" },
	{ "redis", PHASE_DENIED, "DENIED",
	    "DENIED Redis is running in protected mode because protected mode is enabled and no password is "
	    "set for the default user." },
	{ "redis", PHASE_DENIED, "BUSY",
	    "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE." },
	{ "redis", PHASE_DENIED, "OOM", "OOM command not allowed when used memory > 'maxmemory'." },
	{ "redis", PHASE_DENIED, "MISCONF",
	    "MISCONF Errors writing to the AOF file: No space left on device" },
	{ "redis", PHASE_DENIED, "MASTERDOWN",
	    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'." },
	{ "redis", PHASE_DENIED, "CLUSTERDOWN", "CLUSTERDOWN The cluster is down" },
	{ "redis", PHASE_DENIED, "NOREPLICAS", "NOREPLICAS Not enough good replicas to write." },
	{ "postgres", PHASE_LOADING, "57P03", "57P03 the database system is starting up" },
	{ "postgres", PHASE_LOADING, "recovery", "57P03 the database system is in recovery mode" },
	{ "postgres", PHASE_LOADING, "shutdown", "57P03 the database system is shutting down" },
	{ "postgres", PHASE_DENIED, "28P01", NULL },
	{ "postgres", PHASE_DENIED, "28000", "28000 no pg_hba.conf entry for host" },
	{ "postgres", PHASE_DENIED, "3D000", "3D000 database does not exist" },
	{ "postgres", PHASE_DENIED, "53300", "53300 sorry, too many clients already" },
};

static bool is_usual(const struct usual *row, const struct service *service, enum phase phase)
{
	return row->phase == phase && strcmp(row->protocol, service->protocol) == 0;
}

static int refuse_name(struct reader *reader, const struct node *node, const struct service *service,
    enum phase phase, struct err *err)
{
	struct nearest nearest = nearest_to(node->text);
	struct buf known CLEANUP(buf_release) = { 0 };
	for (size_t i = 0; i < ARRAY_LENGTH(usual); i++) {
		if (!is_usual(&usual[i], service, phase))
			continue;
		nearest_offer(&nearest, usual[i].name);
		buf_addf(&known, "%s%s", known.length ? ", " : "", usual[i].name);
	}
	if (nearest_found(&nearest))
		return refuse(reader, node, err,
		    "`%s` is not known as an answer of %s that is `%s`; did you mean `%s`?", SHOW(node->text),
		    service->protocol, phase_names[phase], nearest_found(&nearest));
	return refuse(reader, node, err,
	    "`%s` is not known as an answer of %s that is `%s`; known are %s, or write the whole line",
	    SHOW(node->text), service->protocol, phase_names[phase], buf_string(&known));
}

/* An error's code is its first word; ERR is said of everything, so that it counts with what follows. */
static size_t code_length(const char *words)
{
	return strncmp(words, "ERR ", 4) == 0 ? strlen(words) : strcspn(words, " ");
}

static int check_redis(struct reader *reader, const struct node *node, const struct service *service,
    enum phase phase, struct err *err)
{
	struct buf codes CLEANUP(buf_release) = { 0 };
	if (strchr("-+ ", node->text[0]))
		return refuse(reader, node, err,
		    "`%s`: write the error line without its dash, as in NOAUTH Authentication required.",
		    SHOW(node->text));
	for (size_t i = 0; i < ARRAY_LENGTH(usual); i++) {
		if (!is_usual(&usual[i], service, phase))
			continue;
		const char *words = usual[i].words;
		size_t length = code_length(words);
		bool begins = strncmp(node->text, words, length) == 0;
		if (begins && (node->text[length] == ' ' || node->text[length] == '\0'))
			return 0;
		buf_addf(&codes, "%s%.*s", codes.length ? ", " : "", (int)length, words);
	}
	return refuse(reader, node, err, "`%s` is not said by a redis that is `%s`; what is begins with %s",
	    SHOW(node->text), phase_names[phase], buf_string(&codes));
}

static int check_postgres(struct reader *reader, const struct node *node, enum phase phase, struct err *err)
{
	const char *text = node->text;
	size_t length = strspn(text, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ");
	if (length != SQLSTATE_LENGTH || text[length] != ' ' || text[length + 1] == ' ' || !text[length + 1])
		return refuse(reader, node, err,
		    "`%s` does not begin with an SQLSTATE and a blank, as in 28P01 password authentication "
		    "failed",
		    SHOW(text));
	bool loading = strncmp(text, "57P03", SQLSTATE_LENGTH) == 0;
	if (loading == (phase == PHASE_LOADING))
		return 0;
	return refuse(reader, node, err,
	    "`%s`: 57P03 is how a postgres says that it is `loading`, all else is `denied`", SHOW(text));
}

int read_words(struct reader *reader, const struct node *node, const struct service *service,
    enum phase phase, char **ret_say, struct err *err)
{
	const char *text = node->text;
	for (size_t i = 0; i < ARRAY_LENGTH(usual); i++) {
		if (!is_usual(&usual[i], service, phase) || strcmp(usual[i].name, text) != 0)
			continue;
		*ret_say = usual[i].words ? xstrdup(usual[i].words) : NULL;
		return 0;
	}
	if (!text[0])
		return refuse(reader, node, err, "a text is expected here, and this one is empty");
	if (has_control(text) || strchr(text, '\t'))
		return refuse(reader, node, err, "what a server says is one line without control characters");
	if (strlen(text) > WORDS_MAX)
		return refuse(reader, node, err, "what a server says is at most %d bytes here; this is %zu",
		    WORDS_MAX, strlen(text));
	if (!strchr(text, ' '))
		return refuse_name(reader, node, service, phase, err);
	if ((strcmp(service->protocol, "redis") == 0 ? check_redis(reader, node, service, phase, err)
						     : check_postgres(reader, node, phase, err)) < 0)
		return -1;
	*ret_say = xstrdup(text);
	return 0;
}

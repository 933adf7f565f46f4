#include "agent/classify.h"

#include <string.h>

const char *const outcome_names[] = {
	[OUTCOME_UNDECIDED] = "",
	[OUTCOME_CONNECTED] = "connected",
	[OUTCOME_LOADING] = "loading",
	[OUTCOME_DENIED] = "denied",
	[OUTCOME_TLS] = "tls",
	[OUTCOME_UNKNOWN] = "unknown",
};

void classifier_init(struct classifier *classifier, enum protocol protocol)
{
	memset(classifier, 0, sizeof(*classifier));
	classifier->protocol = protocol;
}

void classifier_decide(struct classifier *classifier, enum outcome outcome, const char *text, size_t length)
{
	if (classifier->outcome != OUTCOME_UNDECIDED)
		return;
	classifier->outcome = outcome;
	if (length > sizeof(classifier->text))
		length = sizeof(classifier->text);
	memcpy(classifier->text, text, length);
	classifier->text_length = (uint8_t)length;
}

void classifier_give_up(struct classifier *classifier)
{
	classifier_decide(classifier, OUTCOME_UNKNOWN, classifier->first, classifier->first_length);
}

void classifier_go_deaf(struct classifier *classifier)
{
	classifier->deaf = true;
}

enum outcome classifier_client(struct classifier *classifier, const uint8_t *bytes, size_t length)
{
	if (classifier->outcome != OUTCOME_UNDECIDED || !length)
		return classifier->outcome;
	if (!classifier->client_seen) {
		classifier->client_seen = true;
		classifier->client_tls = tls_is_hello(bytes, length);
	}
	if (classifier->client_tls || classifier->deaf)
		return classifier->outcome;
	switch (classifier->protocol) {
	case PROTOCOL_TCP:
		break;
	case PROTOCOL_REDIS:
		redis_client(classifier, bytes, length);
		break;
	case PROTOCOL_POSTGRES:
		postgres_client(classifier, bytes, length);
		break;
	}
	return classifier->outcome;
}

static void keep_first(struct classifier *classifier, const uint8_t *bytes, size_t length)
{
	size_t room = sizeof(classifier->first) - classifier->first_length;
	if (length > room)
		length = room;
	memcpy(classifier->first + classifier->first_length, bytes, length);
	classifier->first_length = (uint8_t)(classifier->first_length + length);
}

enum outcome classifier_server(struct classifier *classifier, const uint8_t *bytes, size_t length)
{
	if (classifier->outcome != OUTCOME_UNDECIDED || !length)
		return classifier->outcome;
	keep_first(classifier, bytes, length);
	classifier->server_bytes += length;
	if (classifier->deaf) {
		classifier_give_up(classifier);
	} else if (classifier->client_tls) {
		tls_server(classifier);
	} else {
		switch (classifier->protocol) {
		case PROTOCOL_TCP:
			classifier_give_up(classifier);
			break;
		case PROTOCOL_REDIS:
			redis_server(classifier, bytes, length);
			break;
		case PROTOCOL_POSTGRES:
			postgres_server(classifier, bytes, length);
			break;
		}
	}
	if (classifier->server_bytes > CLASSIFIER_BYTES_MAX)
		classifier_give_up(classifier);
	return classifier->outcome;
}

/* What matters of the client may have been heard already. */
static bool has_heard_client(const struct classifier *classifier)
{
	if (classifier->client_tls)
		return true;
	switch (classifier->protocol) {
	case PROTOCOL_TCP:
		return true;
	case PROTOCOL_REDIS:
		return classifier->redis.client.heard;
	case PROTOCOL_POSTGRES:
		return classifier->postgres.client.started;
	}
	return false;
}

enum outcome classifier_gap(struct classifier *classifier, bool of_client)
{
	if (!of_client)
		classifier_give_up(classifier);
	else if (!has_heard_client(classifier))
		classifier_go_deaf(classifier);
	return classifier->outcome;
}

bool classifier_is_settled(const struct classifier *classifier)
{
	return classifier->outcome == OUTCOME_UNDECIDED && classifier->protocol == PROTOCOL_REDIS &&
	       !classifier->client_tls && !classifier->deaf && redis_is_settled(&classifier->redis);
}

void classifier_settle(struct classifier *classifier)
{
	size_t length = 0;
	while (length < classifier->first_length && classifier->first[length] != '\r')
		length++;
	classifier_decide(classifier, OUTCOME_CONNECTED, classifier->first, length);
}

/* TLS is recognised, not read: that a server says ServerHello is all that can be known of it. */
#include "agent/classify.h"

#define RECORD_ALERT 0x15
#define RECORD_HANDSHAKE 0x16

/* Neither a Redis command nor a PostgreSQL message begins with this byte, so that one byte tells. */
bool tls_is_hello(const uint8_t *bytes, size_t length)
{
	return length > 0 && bytes[0] == RECORD_HANDSHAKE;
}

void tls_server(struct classifier *classifier)
{
	const uint8_t *said = (const uint8_t *)classifier->first;
	size_t length = classifier->first_length;
	/* type, version (3, …), length of the record (2), then a handshake's type or an alert's level and
	 * number */
	if ((said[0] != RECORD_ALERT && said[0] != RECORD_HANDSHAKE) || (length >= 2 && said[1] != 3)) {
		classifier_give_up(classifier);
		return;
	}
	if (said[0] == RECORD_HANDSHAKE && length >= 6) {
		classifier_decide(classifier, OUTCOME_TLS, "ServerHello", sizeof("ServerHello") - 1);
	} else if (said[0] == RECORD_ALERT && length >= 7) {
		char text[] = "TLS alert 000";
		text[sizeof(text) - 4] = (char)('0' + said[6] / 100);
		text[sizeof(text) - 3] = (char)('0' + said[6] / 10 % 10);
		text[sizeof(text) - 2] = (char)('0' + said[6] % 10);
		classifier_decide(classifier, OUTCOME_DENIED, text, sizeof(text) - 1);
	}
}

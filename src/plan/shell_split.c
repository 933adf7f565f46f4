#include "plan/service_load.h"

#include "base/buf.h"
#include "plan/scalars.h"

#include <stdbool.h>
#include <string.h>

int shell_split(const char *text, struct strings *words)
{
	struct buf word CLEANUP(buf_release) = { 0 };
	char quote = 0;
	bool inside = false; /* of a word; "" is one too */
	for (; *text; text++) {
		if (quote == '\'' ? *text == '\'' : quote && *text == quote) {
			quote = 0;
		} else if (*text == '\\' && text[1] && quote != '\'' &&
			   (!quote || strchr("\"\\$`\n", text[1]))) {
			text++;
			if (*text != '\n') {
				buf_add_char(&word, *text);
				inside = true;
			}
		} else if (!quote && (*text == '\'' || *text == '"')) {
			quote = *text;
			inside = true;
		} else if (!quote && strchr(" \t\r\n", *text)) {
			if (inside)
				strings_add(words, buf_steal(&word));
			inside = false;
		} else {
			buf_add_char(&word, *text);
			inside = true;
		}
	}
	if (inside)
		strings_add(words, buf_steal(&word));
	return quote ? -1 : 0;
}

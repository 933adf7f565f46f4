/* terminal: what standard output and standard error can show. */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

bool terminal_is_interactive(int fd);
/* Colour is wanted: a terminal, and neither NO_COLOR nor TERM=dumb; or FORCE_COLOR. */
bool terminal_has_colour(int fd);
/* The locale's characters are UTF-8. */
bool terminal_has_utf8(void);
size_t terminal_width(int fd); /* columns; 100 where it is no terminal */

#endif

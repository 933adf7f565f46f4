#include "loop/precedence.h"

#include <errno.h>
#include <sys/resource.h>

void take_precedence(void)
{
	errno = 0;
	int nice = getpriority(PRIO_PROCESS, 0);
	if (errno == 0 && nice == 0)
		(void)setpriority(PRIO_PROCESS, 0, PRECEDENCE_NICE);
}

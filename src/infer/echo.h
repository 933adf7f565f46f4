/*
 * echo: do the attempts merely answer what falsestart itself asked of the client?
 */
#ifndef INFER_ECHO_H
#define INFER_ECHO_H

#include "infer/infer.h"

struct echo {
	bool follows;     /* nearly every attempt comes right after an asking */
	bool is_followed; /* and nearly every asking that found it idle and without a connection led to one */
	double chance;    /* that attempts which know nothing of the askings would do so */
	const char *who;
	int64_t delay_ns;  /* from asking to attempt, at most, for nine in ten */
	int64_t period_ns; /* of the askings */
};

/* `sightings.tries` are in the order of their beginnings. The likeliest of the askings; `follows` is false
 * where none is. */
struct echo echo_find(const struct sightings *sightings);

#endif

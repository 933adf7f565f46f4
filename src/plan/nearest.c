#include "plan/nearest.h"

#include <ctype.h>
#include <string.h>

/* Longer words are compared by their beginnings: nobody mistypes the sixtieth letter only. */
enum { WORD_MAX = 60 };

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Edit distance with swaps of neighbours (optimal string alignment), in three rolling rows. */
static size_t distance(const char *a, const char *b)
{
	size_t a_length = strnlen(a, WORD_MAX), b_length = strnlen(b, WORD_MAX);
	size_t rows[3][WORD_MAX + 1];
	size_t *before = rows[0], *above = rows[1], *row = rows[2];
	for (size_t j = 0; j <= b_length; j++)
		above[j] = j;
	for (size_t i = 1; i <= a_length; i++) {
		row[0] = i;
		for (size_t j = 1; j <= b_length; j++) {
			int left = tolower((unsigned char)a[i - 1]), right = tolower((unsigned char)b[j - 1]);
			row[j] = least(least(above[j] + 1, row[j - 1] + 1), above[j - 1] + (left != right));
			if (i > 1 && j > 1 && left == tolower((unsigned char)b[j - 2]) &&
			    right == tolower((unsigned char)a[i - 2]))
				row[j] = least(row[j], before[j - 2] + 1);
		}
		size_t *oldest = before;
		before = above;
		above = row;
		row = oldest;
	}
	return above[b_length];
}

struct nearest nearest_to(const char *word)
{
	size_t length = strnlen(word, WORD_MAX);
	size_t most = (length + 1) / 3;
	return (struct nearest){ .word = word, .distance = most + 1 };
}

void nearest_offer(struct nearest *nearest, const char *known)
{
	size_t slips = distance(nearest->word, known);
	if (slips < nearest->distance) {
		nearest->distance = slips;
		nearest->found = known;
	}
}

const char *nearest_found(const struct nearest *nearest)
{
	return nearest->found;
}

/* A program for Linux whose crash the inspector and GDB show alike: locals in SSE registers, libc below and above. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct item {
	const char *name;
	double weight;
	struct item *next;
	unsigned flags : 3;
	int rank : 7;
};

enum order { ASCENDING = 1, DESCENDING = -1 };

static struct item items[] = {
	{ "pear", 0.5, &items[1], 5, -3 },
	{ "apple", 1.25, &items[2], 1, 60 },
	{ "quince", -2.0, NULL, 7, 0 },
};
static const struct item *sorted[3];
static volatile int *nowhere;
static enum order order = DESCENDING;
long double precise = 1.0L / 3;

static int compare(const void *a, const void *b)
{
	const struct item *x = *(const struct item *const *)a, *y = *(const struct item *const *)b;
	int difference = order * strcmp(x->name, y->name);
	char text[24];

	snprintf(text, sizeof(text), "%s/%s", x->name, y->name);
	if (strcmp(text, "apple/quince") == 0 || strcmp(text, "pear/quince") == 0) {
		*nowhere = difference;
	}
	return difference;
}

static __attribute__((noinline)) double total(const struct item *list, double scale, float small)
{
	double sum = 0;
	int n = 0;

	for (const struct item *i = list; i; i = i->next) {
		double each = i->weight * scale;

		sorted[n++] = i;
		sum += each + small;
	}
	qsort(sorted, 3, sizeof(sorted[0]), compare);
	return sum * scale + small;
}

int main(int argc, char **argv)
{
	int values[5] = { 1, 2, 3, 4, argc };
	const char *program = strrchr(argv[0], '/');
	double result = total(items, sqrt(values[4] + 3.0), 0.25f);

	printf("%s %g\n", program, result);
	return values[argc];
}

// A program that crashes in a shared library, called back from another one's
// sort: cc -pie dynamic.c -L. -lshared
#include <stdlib.h>

int compare(const void *a, const void *b);
extern int seen;

int main(void)
{
	int numbers[] = {3, 1, 2};
	qsort(numbers, 3, sizeof *numbers, compare);
	return seen;
}

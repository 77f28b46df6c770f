#include "shared.h"

int elsewhere = 11;
static int hidden = 5;

int never_called(int a) { return a + hidden; }

__attribute__((noinline)) void use(void *p) { __asm__ volatile("" : : "r"(p) : "memory"); }

int other(int a, struct ring *r)
{
	int t = twice(a);
	hidden += t;
	use(r);
	use(&hidden);
	return t + hidden + r->tag;
}

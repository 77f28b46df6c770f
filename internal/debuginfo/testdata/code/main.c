/* Functions that compilers inline, split, drop and describe in every way. */
#include "shared.h"

int counter = 7;
static int hidden;
static int unused_variable = 3;
const int table[4] = {1, 2, 3, 4};
struct ring rings[2];

int dropped(int x) { return x * counter; }

static inline __attribute__((always_inline)) int scale(int v, int by)
{
	int product = v * by;
	if (product > 100) {
		int over = product - 100;
		use(&over);
		return over;
	}
	return product;
}

static inline __attribute__((always_inline)) int both(int v)
{
	const int constant = 42;
	int left = scale(v, 2);
	int right = scale(v, constant);
	return left + right;
}

static __attribute__((noinline)) int deep(int n, const char *text)
{
	static int calls;
	int gone = n * 3; /* optimised out */
	calls++;
	for (int i = 0; i < n; i++) {
		int square = i * i;
		hidden += both(square);
		if (text[i] == 'x') {
			int square = 1000 + i;
			use(&square);
		}
	}
	return hidden + (gone & 1);
}

__attribute__((noinline, cold)) static void rare(int why)
{
	rings[1].tag = why;
	use(&why);
}

int work(struct ring *r, int n)
{
	extern int elsewhere;
	int sum = 0;
	if (__builtin_expect(n < 0, 0))
		rare(n);
	sum += deep(n, "axbxc") + elsewhere;
	r->tag = sum;
	return other(sum, r);
}

int main(void) { return work(&rings[0], counter); }

/* What optimisation does to variables: gone, split, at entry only, pointers to nothing, calls that do not return. */
#include "exhibit.h"

struct pair { int a, b; };
struct triple { int a; struct pair rest; };
struct text { const char *p; unsigned n; };

int g_seen;
volatile int g_source = 12;

static NOINLINE int leaf(int kept, int dead)
{
	int derived = dead * 2;         /* not needed after the call */

	g_seen += derived;
	(void)hold();
	return kept;
}

static NOINLINE int in_pieces(int a, int b)
{
	struct pair p = { a + 1, b + 2 };
	struct triple t = { a, { b, a - b } };
	struct pair half;
	int64_t wide = (int64_t)a << 32 | (unsigned)b;
	int r;

	half.a = g_source;
	r = leaf(p.a, p.b);
	g_seen += p.a + p.b + t.rest.b + half.a + (int)(wide >> 32);
	return r + t.a + t.rest.a;
}

INLINE int pointed(const int *p, const struct pair *q)
{
	return in_pieces(*p, q->b);
}

static NOINLINE int pointers(int n)
{
	int local = n + 5;
	struct pair q = { n, n + 1 };
	const char *text = "constant";
	const int *unused = &g_seen;
	int r = pointed(&local, &q);

	g_seen += *unused;
	return r + text[0];
}

static NOINLINE int constants(int n)
{
	const int seven = 7;
	unsigned mask = 0xffffff00u;
	long long big = -5000000000ll;
	char letter = 'k';
	bool yes = true;
	double pi = 3.25;
	const char *name = "folded";
	struct text view = { "a view", 6 };
	int r = pointers(n + seven);

	return r + (int)mask + (int)big + letter + yes + (int)pi + name[1] + (int)view.n;
}

/* The last call of each is a jump at -O2: their frames are gone. */
static NOINLINE int tail_two(int x, int y)
{
	return constants(x + y);
}

static NOINLINE int tail_one(int x)
{
	int y = x * 5;

	return tail_two(x, y);
}

static NOINLINE int loops(unsigned n)
{
	int total = 0;

	for (unsigned i = 0; i < n; i++) {
		int each = (int)i * 7 + 3;
		unsigned other = n - i;

		if (i == 2) {
			total += tail_one(each);
		}
		total += each + (int)other;
	}
	return total;
}

void optimised_thread(void *a, void *b, void *c)
{
	unsigned n = 5;
	int r;

	OPAQUE(n);
	r = loops(n);
	g_seen = r;
	(void)a;
	(void)b;
	(void)c;
}

/* Recursion, blocks, passing by value, and a deep crash through inline functions. */
#include "exhibit.h"

struct pair { int a, b; };
struct big { int values[12]; const char *name; };
struct small { char c; int16_t s; };
struct mixed { float f; int i; };
union either { int i; float f; };

/* ---- recursion with blocks that shadow ---- */

static NOINLINE int descend(int depth, int limit, const int *parent)
{
	int here = depth * 10 + 1;
	int value = *parent + here;

	IN_MEMORY(here);
	if (depth < limit) {
		int value = depth + 1000;
		{
			char value = (char)('a' + depth);
			struct pair inner = { depth, value };

			IN_MEMORY(inner);
			value = (char)(value + descend(depth + 1, limit, &here));
			IN_MEMORY(value);
		}
		IN_MEMORY(value);
	} else {
		static int visits = 40;
		int at_bottom = limit;

		visits++;
		value += hold();
		USED(at_bottom);
	}
	return value;
}

void recursion_thread(void *a, void *b, void *c)
{
	int root = 5;

	IN_MEMORY(root);
	(void)descend(0, 3, &root);
	USED(a);
	(void)b;
	(void)c;
}

/* ---- structures as arguments and results ---- */

static NOINLINE struct big make_big(int from)
{
	struct big big = { .name = "made" };

	for (int i = 0; i < 12; i++) {
		big.values[i] = from + i;
	}
	IN_MEMORY(from);
	return big;
}

static NOINLINE struct pair make_pair(int a, int b)
{
	struct pair pair = { a, b };

	OPAQUE(pair.a);
	return pair;
}

static NOINLINE int sum_all(int n, ...)
{
	va_list list;
	int total = 0, last = 0;

	va_start(list, n);
	for (int i = 0; i < n; i++) {
		last = va_arg(list, int);
		total += last;
	}
	va_end(list);
	IN_MEMORY(total);
	total += hold();
	return total + last;
}

static NOINLINE int takes(struct big big, struct pair pair, struct small small, struct mixed mixed, union either either,
			  int64_t wide, const struct pair *pointer)
{
	struct pair swapped = { pair.b, pair.a };
	int r = sum_all(4, big.values[3], 20, small.s, mixed.i);

	USED(swapped.a);
	USED(swapped.b);
	return r + swapped.a - swapped.b + (int)wide + pointer->a + either.i + small.c;
}

void passing_thread(void *a, void *b, void *c)
{
	struct big big = make_big(100);
	struct pair pair = make_pair(7, 8);
	struct small small = { 's', -2 };
	struct mixed mixed = { 1.5f, 3 };
	union either either = { .i = 0x40490fdb };
	int64_t wide = 0x1122334455667788ll;
	int r;

	OPAQUE(pair.b);
	r = takes(big, pair, small, mixed, either, wide, &pair);
	USED(r);
	(void)a;
	(void)b;
	(void)c;
}

/* ---- inline functions several deep, and the crash ---- */

static volatile int bottom_reached;

INLINE int level_three(int x, const char *why)
{
	int third = x * 3;

	IN_MEMORY(third);
	bottom_reached = third + why[0];
	port_undef();
	return third;
}

INLINE int level_two(int x, const char *why)
{
	int second = x + 2;
	int result = level_three(second, why);

	return result + second;
}

INLINE int level_one(int x)
{
	const char *why = "inlined";
	int first = x + 1;

	return level_two(first, why) + first;
}

static NOINLINE int crash_here(int64_t wide, struct pair pair, int seventh, double gain)
{
	int before = pair.a + seventh;
	int got;

	OPAQUE(before);
	got = level_one(before);
	return got + before + (int)wide + (int)gain;
}

static NOINLINE int before_crash(const struct pair *pairs, int count)
{
	int total = 0;

	for (int i = 0; i < count; i++) {
		struct pair each = pairs[i];
		int64_t wide = (int64_t)each.b << 33;

		total += crash_here(wide, each, 70 + i, 0.5);
	}
	return total;
}

void crash_thread(void *a, void *b, void *c)
{
	struct pair pairs[3] = { { 1, 2 }, { 3, 4 }, { 5, 6 } };
	int total;

	IN_MEMORY(pairs);
	total = before_crash(pairs, 3);
	USED(total);
	USED(a);
	USED(b);
	(void)c;
}

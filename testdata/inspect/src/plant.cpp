// C++: namespaces, inheritance, templates, references, lambdas, enum classes, containers of our own, and, where
// the tool chain has what it takes (EXCEPTIONS), a crash below a catch.
//
// Uses no struct k_thread: where the port adds nothing to it, its last member is empty, which C++ takes for a byte.
extern "C" {
#include "kernel.h"
}

#define NOINLINE __attribute__((noinline))
#define IN_MEMORY(v) __asm__ volatile("" : : "r"(&(v)) : "memory")
#define USED(v) __asm__ volatile("" : : "r"(v))

namespace plant {

enum class Mode : uint8_t { off, running = 4, fault = 9 };
enum Plain { plain_zero, plain_one };

template <typename T, unsigned N> class Ring {
public:
	void push(const T &value)
	{
		items[(head + used) % N] = value;
		if (used < N) {
			used++;
		} else {
			head = (head + 1) % N;
		}
	}
	T &operator[](unsigned i) { return items[(head + i) % N]; }
	unsigned size() const { return used; }
	static unsigned made;

private:
	T items[N];
	unsigned head = 0, used = 0;
};
template <typename T, unsigned N> unsigned Ring<T, N>::made = N;

template <typename A, typename B> struct Pair {
	A first;
	B second;
};

template <typename T> struct Owned {
	T *held;
	explicit Owned(T *t) : held(t) {}
	T *operator->() const { return held; }
	T &operator*() const { return *held; }
};

class Named {
public:
	explicit Named(const char *n) : name(n) {}
	virtual ~Named() {}
	virtual int measure(int depth) { return depth; }
	const char *name;
	static int count;
};
int Named::count = 3;

struct Position {
	int16_t x = 0, y = 0;
	virtual int distance() const { return x + y; }
	Position &operator+=(const Position &o)
	{
		x = int16_t(x + o.x);
		y = int16_t(y + o.y);
		return *this;
	}
};

struct Device { int id = 1; };
struct Wired : virtual Device { int line = 2; };
struct Powered : virtual Device { int volts = 3; };
struct Motor final : Wired, Powered {
	int speed = 4;
	int turn(int by);
};

namespace drivers {
namespace {
int hidden_calls = 8;
}
inline namespace v2 {
class Tank : public Named, private Position {
public:
	Tank(const char *n, int level) : Named(n), level_(level), mode(Mode::running)
	{
		x = 11;
		y = -12;
	}
	int measure(int depth) override;
	int fill(const Pair<int, const char *> &order, Ring<uint16_t, 4> &&history);
	template <typename F> int each(F f) { return f(level_) + f(level_ + 1); }

private:
	int level_;
	mutable Mode mode;
	union {
		int raw;
		struct { uint8_t low, high; };
	};
};
} // namespace v2
} // namespace drivers

typedef int (drivers::Tank::*Method)(int);

} // namespace plant

using namespace plant;

static k_sem never;
static volatile int zero;

drivers::Tank g_tank("north", 40);
Motor g_motor;
Ring<Pair<int, Mode>, 3> g_ring;
Mode g_mode = Mode::fault, g_no_mode = Mode(77);
Plain g_plain = plain_one;
Named &g_reference = g_tank;
Owned<Motor> g_owned(&g_motor);
Method g_method = &drivers::Tank::measure;
int Motor::*g_member = &Motor::speed;
decltype(nullptr) g_null = nullptr;
struct Outer {
	struct Inner { int deep = 6; } inner;
	enum Kind { small, large } kind = large;
	static const int constant = 12;
	static int changing;
};
int Outer::changing = 13;
Outer g_outer;

NOINLINE int Motor::turn(int by)
{
	int was = speed;

	speed += by;
	IN_MEMORY(was);
	return k_sem_take(&never, was + by);
}

NOINLINE static int give_up(const char *why)
{
	int reason = why[0];

	IN_MEMORY(reason);
	port_undef();
	return reason;
}

#ifdef EXCEPTIONS
struct Trouble {
	int code;
	const char *text;
};

NOINLINE static int check(int value)
{
	if (value > 10) {
		throw Trouble{ value, "overflow" };
	}
	return value;
}

struct Guard {
	int &counter;
	~Guard() { counter++; }
};

NOINLINE static int guarded(int value)
{
	int unwound = 0;

	try {
		Guard guard{ unwound };
		return check(value) + unwound;
	} catch (const Trouble &t) {
		int code = t.code + unwound;

		IN_MEMORY(code);
		return give_up(t.text) + code;
	}
}
#else
NOINLINE static int guarded(int value)
{
	return give_up("no exceptions") + value;
}
#endif

NOINLINE int drivers::Tank::measure(int depth)
{
	Position here = *this;
	Position &alias = here;
	const int &ref = level_;

	alias += *this;
	IN_MEMORY(here);
	hidden_calls += ref;
	return guarded(depth + ref) + here.distance();
}

NOINLINE int drivers::Tank::fill(const Pair<int, const char *> &order, Ring<uint16_t, 4> &&history)
{
	Named *base = this;
	int captured = order.first;
	auto lambda = [&captured, base, this](int n) {
		int inside = n + captured;

		IN_MEMORY(inside);
		captured += base->measure(inside);
		return inside + int(mode);
	};

	history.push(uint16_t(captured));
	return each(lambda) + captured;
}

template <typename T, int Depth> struct Nest {
	static NOINLINE T go(T value, Ring<uint16_t, 4> &ring)
	{
		T next = T(value + Depth);

		ring.push(uint16_t(next));
		IN_MEMORY(next);
		return T(Nest<T, Depth - 1>::go(next, ring) + next);
	}
};
template <typename T> struct Nest<T, 0> {
	static NOINLINE T go(T value, Ring<uint16_t, 4> &ring)
	{
		Pair<int, const char *> order = { int(value), "order" };
		Ring<uint16_t, 4> history = ring;

		IN_MEMORY(order);
		return T(g_tank.fill(order, static_cast<Ring<uint16_t, 4> &&>(history)));
	}
};

extern "C" void plant_motor(void *a, void *, void *)
{
	auto *motor = static_cast<Motor *>(a);
	Motor &same = *motor;
	Wired *wired = motor;

	USED(wired);
	(void)same.turn(5);
	USED(motor);
}

extern "C" void plant_crash(void *, void *, void *)
{
	Ring<uint16_t, 4> ring;
	long result;

	ring.push(1);
	IN_MEMORY(ring);
	result = Nest<short, 2>::go(3, ring);
	USED(result);
}

// Constructors of globals: the ports' start-up code knows none.
extern "C" void (*__init_array_start[])(void);
extern "C" void (*__init_array_end[])(void);

extern "C" Motor *plant_construct(void)
{
	for (auto f = __init_array_start; f < __init_array_end; f++) {
		(*f)();
	}
	g_ring.push({ 1, Mode::off });
	g_ring.push({ 2, Mode::running });
	return &g_motor;
}

// What the compiler wants of a C++ library, and libsupc++ of an operating system: memory for exceptions.
void operator delete(void *) noexcept {}
void operator delete(void *, size_t) noexcept {}
extern "C" {
void *__dso_handle;
int __cxa_atexit(void (*)(void *), void *, void *) { return 0; }
#ifdef EXCEPTIONS
void abort(void) { port_halt(); }
static char heap[4096] __attribute__((aligned(16)));
static size_t heap_used;
void *malloc(size_t n)
{
	void *p = heap + heap_used;

	heap_used += (n + 15) & ~size_t(15);
	return p;
}
void free(void *) {}
#endif
}
#ifdef EXCEPTIONS
namespace __cxxabiv1 {
extern void (*__terminate_handler)(void);
void (*__terminate_handler)(void) = abort; // the library's own pulls in stdio
}
#endif

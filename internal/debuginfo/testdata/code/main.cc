// What C++ adds: namespaces, members, templates, specifications, lambdas.
extern "C" void use(void *p);
__attribute__((noinline)) void use(void *p) { __asm__ volatile("" : : "r"(p) : "memory"); }

namespace fw {
int count = 1;

template <typename T, int N> struct Ring {
	T items[N];
	int used;
	void push(T x);
	int size() const { return used; }
};

template <typename T, int N> __attribute__((noinline)) void Ring<T, N>::push(T x)
{
	int at = used++ % N;
	items[at] = x;
	use(this);
}

namespace drv {
struct Base {
	static int instances;
	static const int limit = 12;
	virtual int run(int) = 0;
};
int Base::instances = 2;

struct Uart : Base {
	int baud;
	int run(int x) override;
};

__attribute__((noinline)) int Uart::run(int x)
{
	static int once = 4;
	int local = x + baud;
	once += local;
	use(&once);
	return once + limit;
}

__attribute__((noinline)) int boom(Base &b, int v)
{
	auto add = [&](int y) __attribute__((noinline)) { int z = v + y; use(&z); return z; };
	return b.run(add(3));
}
} // namespace drv
} // namespace fw

namespace {
int secret = 8;
__attribute__((noinline)) int quiet(int q) { use(&q); use(&secret); return q + secret; }
} // namespace

int main()
{
	fw::Ring<int, 4> r{};
	r.push(fw::count);
	fw::drv::Uart u;
	u.baud = r.size();
	return fw::drv::boom(u, quiet(5));
}

// Names that hide each other, and classes that are hard to print.
namespace {
int hidden = 11;
}
int count = 1, shadow = 2;
namespace fw {
int count = 3;
int only_fw = 4;
static int quiet = 12;
namespace drv {
int count = 5;
enum class Level : unsigned char { Low, High = 200 };
struct Base {
	int x, y;
	static int made;
	virtual ~Base();
	virtual int id() const;
};
int Base::made = 6;
Base::~Base() {}
int Base::id() const { return 0; }
struct Other {
	int x = 21, z = 22;
};
template <typename T, int N> struct Ring {
	T items[N];
	int used;
	static const int limit = N;
};
struct Derived : Base, Other {
	int x, shadow;
	Level level;
	Ring<Ring<short, 2>, 2> rings;
	int &ref;
	const Base &base;
	bool flag : 1;
	signed mode : 3;
	int Base::*member;
	int (Derived::*method)(int);
	int run(int n);
	Derived(int &r) : x(31), shadow(32), level(Level::High), ref(r), base(*this), flag(true), mode(-2), member(&Base::y), method(&Derived::run)
	{
		Base::x = 33, y = 34;
		rings.used = 1;
		rings.items[0] = {{1, 2}, 2};
		rings.items[1] = {{3, 4}, 1};
	}
};
int Derived::run(int n)
{
	static int runs = 7;
	int &alias = n;
	Derived &self = *this;
	int &&moved = 5;
	auto lambda = [n, this](int k) { return k + n + x; };
	decltype(nullptr) nothing = nullptr;
	char8_t c8 = u8'x';
	char16_t c16 = u'x';
	wchar_t wide[3] = {L'a', 0x20ac, 0};
	runs += n + lambda(1) + alias + self.x + moved + c8 + c16 + wide[0] + (nothing == nullptr);
	__builtin_trap();
	return runs + count;
}
struct V { int v = 41; };
struct L : virtual V { int l = 42; };
struct R : virtual V { int r = 43; };
struct Diamond : L, R { int d = 44; } diamond;
} // namespace drv
} // namespace fw
int shared_only = 8;
int main()
{
	int n = 9;
	fw::drv::Derived d(n);
	return d.run(3) + hidden + shadow + fw::quiet + fw::only_fw + fw::drv::diamond.d + shared_only;
}

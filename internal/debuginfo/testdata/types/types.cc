#include <cstddef>
#include <cstdint>
namespace fw { namespace drv {
struct Base { int b; virtual ~Base() {} virtual int get(int) { return b; } static int count; };
struct Left : virtual Base { int l; };
struct Right : virtual Base { int r; };
class Diamond : public Left, private Right { public: int d; protected: int p; int *q; };
template <class T, int N> struct Ring { T items[N]; int head; T &at(int i) { return items[i]; } enum Mode { Off, On }; Mode mode; struct Inner { T *t; } inner; };
enum class Level : unsigned char { Low, High = 200 };
enum Plain { PA, PB };
}
namespace { struct Hidden { int h; }; Hidden hid; }
typedef drv::Ring<int, 4> ring_t;
using ring2 = drv::Ring<const char *, 2>;
inline namespace v2 { struct Ver { int v; }; }
}
int fw::drv::Base::count;
using namespace fw;
struct Outer { struct Nested { int a; }; union U { int a; float b; } u; class C { public: int x; } c; enum E { X } e; Nested n; int Nested::*pm; static const int K = 7; struct Late; Late *late; };
struct Outer::Late { int z; };
typedef struct { int a; } anon_t;
typedef enum { AE1, AE2 } anon_e;
template <class T> struct Box { T t; };
template <class A, class B> struct Pair { A a; B b; };
template <drv::Level L, bool B, char C, unsigned U, long Lo> struct NT { int i; };
template <int *P> struct PT { };
template <int (*F)(int)> struct FT { };
template <class... Ts> struct Var { };
template <template <class> class T> struct TT { };
int gi; int fi(int x) { return x; }
drv::Base base; drv::Diamond dia; drv::Ring<int, 4> ring; ring_t ring_b; ring2 r2; drv::Ring<drv::Base *, 3>::Mode mode; drv::Ring<int,4>::Inner inner; drv::Level lev; drv::Plain plain;
Outer outer; Outer::Nested nested; Outer::U ou; Outer::C oc; Outer::E oe; Outer::Late late; anon_t at; anon_e ae; fw::Ver ver;
int &ref = gi; const int &cref = gi; int &&rref = 5; drv::Base &bref = base; int (&aref)[3] = *(int(*)[3])0; int (&fref)(int) = fi; int *&pref = *(int**)0;
int Outer::Nested::*pmd; int (drv::Base::*pmf)(int); const int Outer::Nested::*cpmd; int (Outer::*pma)[3]; void (Outer::*pmv)() const;
decltype(nullptr) np; bool bo; char ch; wchar_t wc; char16_t c16; char32_t c32; unsigned long ul; long long ll; unsigned short us; unsigned char uc; signed char sc; unsigned long long ull; long l; short sh; unsigned u; long double ld; __int128 i128; unsigned __int128 u128; uint8_t u8; size_t sz;
Box<unsigned long> b1; Box<const char *> b2; Box<Box<int> > b3; Box<int (*)(int)> b4; Box<int[3]> b5; Box<drv::Base &> *b6; Box<unsigned char> b7; Box<long long> b8; Box<const volatile int> *b9; Box<int Outer::*> b10; Box<void> *b11; Box<short> b12; Box<unsigned long long> b13; Box<bool> b14; Box<drv::Level> b15; Box<char *const *> b16; Box<const Box<const int> *> b17; Box<int (drv::Base::*)(int)> b18; Box<decltype(nullptr)> b19; Box<int (*[3])(char)> b20; Box<void (unsigned long)> *b21;Box<wchar_t> b22; Box<long double> b23;Box<unsigned> b24; Box<signed char> b25; Box<unsigned short> b26; Box<anon_t> b27; Box<int&&> *b28; Box<fw::Hidden> b29;
Pair<int, Box<unsigned long> > p1; Pair<ring_t, ring2> p2; NT<drv::Level::High, true, 'x', 3u, -5L> nt; PT<&gi> pt; FT<&fi> ft; Var<> va; Var<int, char> vb; TT<Box> tt;
const drv::Base *cbp; drv::Base *const *cpp; const Box<int> carr[2] = {}; volatile Outer vo; int *__restrict__ rp; fw::drv::Ring<int,4> *rp2[2]; void (*fp)(drv::Base &, int); void (*fp0)(); int (*fpv)(...); void (*fpn)() noexcept; struct { int a; } sa; union { int a; char b; } un; enum { Z1 } ez; struct { int a; } *psa; struct Fwd; Fwd *fwd; extern "C" { struct cs { int a; } csv; }
auto lam = [](int a) { return a + gi; };
auto lam2 = [](int a) { return [a]() { return a; }; };
struct WithLam { int a; int f() { struct Local { int a; } lo = {1}; auto q = [this] { return a; }; return q() + lo.a; } } wl;
namespace fw { int localfn() { struct L2 { int q; }; static L2 stl; enum LE { LA }; static LE le; return stl.q + le; } }
int flocal() { struct L3 { struct L4 { int a; } x; int q; }; static L3 st3; static L3::L4 st4; return st3.q + st4.a; }
template <class T> T tf(T x) { struct TL { T a; }; static TL tl; return x + tl.a; }
int main() { return tf(3) + flocal() + fw::localfn() + wl.f() + lam(1) + lam2(3)() + ref + hid.h; }

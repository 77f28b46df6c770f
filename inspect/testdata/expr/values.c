/* Values that are hard to print and to compute with. Nothing runs but on Linux: a debugger reads what they begin with. */
#include <stdint.h>
#include <stddef.h>
typedef __WCHAR_TYPE__ wide;
typedef __CHAR16_TYPE__ char16_t;
typedef __CHAR32_TYPE__ char32_t;
typedef wchar_t letter_t;
typedef wchar_t *phrase_t;
typedef char text_t[8];
typedef char *string_t;

char plain = 'A', minus = -1, quote = '\'', nul, back = '\\', del = 127;
signed char sc = -56;
unsigned char uc = 200;
int8_t i8 = -3;
uint8_t u8 = 65;
short s16 = -300;
unsigned short u16 = 65000;
int i = -7, one = 1, zero;
unsigned u = 4000000000u;
long l = -5;
unsigned long ul = 5;
long long ll = -0x123456789abcdefLL;
unsigned long long ull = 0xfedcba9876543210ULL;
_Bool yes = 1, no;
union { unsigned char raw; _Bool b; } odd = { 7 };
float f = 1.5f, tenth = 0.1f, fbig = 1e30f, fsmall = 1e-40f, third = 1 / 3.0f, fnan = __builtin_nanf("1"), finf = __builtin_inff();
double d = 0.1, million = 1e6, hundred = 100, e16 = 1e16, e17 = 1e17, dsmall = 5e-324, dneg0 = -0.0, dninf = -__builtin_inf(), e5 = 1e-5, e4 = 0.0001, third2 = 1 / 3.0, nan2 = -__builtin_nan("0x123");
long double ld = 3.25L, ldtenth = 0.1L, ldbig = 1e100L, ldint = 1000000;
double _Complex z = 1.5 - 2.25i;
float _Complex zf = 3.0f + 0.5fi;
#ifdef __SIZEOF_INT128__
__int128 i128 = -((__int128)1 << 100);
unsigned __int128 u128 = ((unsigned __int128)0x1234 << 64) | 0x5678;
#endif

enum color { RED, GREEN, BLUE = 7 } c0 = RED, c7 = BLUE, c5 = 5;
enum flags { F_A = 1, F_B = 2, F_C = 4, F_D = 0x30 } fl0 = 0, fl3 = F_A | F_B, fl7 = 7, fl9 = 9, flD = F_D, fl10 = 0x10, fl80 = 0x80, fl31 = 0x31;
enum overlap { O_A = 1, O_AB = 3, O_C = 4 } ov2 = 2, ov7 = 7, ov5 = 5;
enum minus { M_A = -1, M_B = 3, M_C = -100 } m1 = M_A, m2 = 2, m100 = M_C;
enum gap { G_A = 5, G_B = 10 } g15 = 15, g5 = G_A, g0 = 0;
enum same { S_ONE = 1, S_UNO = 1, S_TWO = 2 } same1 = 1, same3 = 3;
enum big { B_TOP = 0x80000000u, B_LOW = 1 } big1 = B_TOP, big2 = 0x80000001u;
enum empty_flags { E_NONE = 0, E_ONE = 1, E_TWO = 2 } en0 = 0, en3 = 3, en4 = 4;

struct bits { unsigned a : 3; int b : 5; unsigned c : 7; int d : 20; _Bool e : 1; enum color k : 4; enum minus n : 4; unsigned long long w : 33; long long x : 35; unsigned char y : 3; } bits = { 5, -9, 100, -300000, 1, BLUE, M_A, 0x1ffffffffULL, -2, 6 };
struct __attribute__((packed)) tight { char a; unsigned b : 11; int c : 13; unsigned long long d : 40; long long e : 63; short f : 9; } tight = { 'x', 2000, -4000, 0xabcdef0123ULL, -4, -200 };
struct point { short x, y; } p = { 3, -4 }, points[3] = { { 1, 2 }, { 1, 2 }, { 5, 6 } };
struct outer { int k; union { int i; char c[4]; struct { short lo, hi; }; }; struct { int q; } named; struct point pt; } outer = { 1, { 0x41424344 }, { 9 }, { 7, 8 } };
union value { int i; float f; unsigned char raw[4]; struct point p; } value = { 0x3f800000 };
struct empty { } nothing;
struct flexible { int n; char data[]; } flex = { 3, "abc" };
struct zeroed { int n; int data[0]; } zeroed = { 4 };
struct node { struct node *next; const char *name; int v; } n2 = { 0, "two", 2 }, n1 = { &n2, "one", 1 };
struct holder { void (*call)(int); int (*table[2])(char); struct node *list; const char **names; };

char buf[16] = "hello", full[4] = "abcd", zeros[40], runs[40] = "aaaaaaaaaaaaaaaaaaaaab", tail[8] = { 'a', 0, 0, 'b' }, inner[12] = "ab\0cd", esc[] = "tab\t nl\n q\" b\\ \033[31m \x80\xff end", oct[] = "\0011", mixed[] = "xaaaaaaaaaaaay\0zzzzzzzzzzzzz", ten[] = "xaaaaaaaaaay";
unsigned char ubuf[6] = { 1, 2, 200, 'A' };
signed char sbuf[4] = { -1, 1, 'b' };
uint8_t bytes[5] = { 'h', 'i', 0, 255, 9 };
text_t text = "typed";
char long_text[300] = "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789";
char names[3][8] = { "one", "two", "three" };
const char *strings[3] = { "alpha", 0, "gamma" };
string_t str = "typedef'd";
const unsigned char *ustr = (const unsigned char *)"unsigned";
wchar_t letters[8] = L"wide x", letter = L'x', *phrase = L"wide \"q\"", *nophrase;
const wchar_t *cphrase = L"", *many = L"aaaaaaaaaaaaab";
letter_t *lphrase = L"letters";
phrase_t phrases[2] = { L"one", L"two" };
char16_t *phrase16 = u"16 bits\n";
char32_t *phrase32 = U"32 bits\033";
unsigned short *nophrase16 = u"no";
wide wtext[8] = L"w\u00e9 x", *wptr = wtext;
__CHAR16_TYPE__ c16 = u'\u00e9', text16[6] = u"a\u00e9b";
__CHAR32_TYPE__ c32 = U'\U0001F600', text32[4] = U"xyz";

int matrix[2][3] = { { 1, 2, 3 }, { 4, 5, 6 } }, cube[2][2][2] = { { { 1, 1 }, { 1, 1 } }, { { 2, 2 }, { 2, 2 } } }, ramp[300] = { [0] = 1, [1] = 2, [150] = 7, [299] = 9 }, same12[12] = { 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5 }, same10[10] = { 5, 5, 5, 5, 5, 5, 5, 5, 5, 5 }, rows[14][2] = { { 1, 2 }, { 1, 2 } }, deep[210][2] = { { 1 } }, wide2[3][210] = { { 1 } };
int seq[250] = { 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40,41,42,43,44,45,46,47,48,49,50,51,52,53,54,55,56,57,58,59,60,61,62,63,64,65,66,67,68,69,70,71,72,73,74,75,76,77,78,79,80,81,82,83,84,85,86,87,88,89,90,91,92,93,94,95,96,97,98,99,100,101,102,103,104,105,106,107,108,109,110,111,112,113,114,115,116,117,118,119,120,121,122,123,124,125,126,127,128,129,130,131,132,133,134,135,136,137,138,139,140,141,142,143,144,145,146,147,148,149,150,151,152,153,154,155,156,157,158,159,160,161,162,163,164,165,166,167,168,169,170,171,172,173,174,175,176,177,178,179,180,181,182,183,184,185,186,187,188,189,190,191,192,193,194,195,196,197,198,199,200,201,202,203,204,205,206,207,208,209,210 };
struct point same_points[15] = { { 1, 1 } };
float floats[4] = { 1, 2.5f, 2.5f, -1 };
_Bool bools[3] = { 1, 0, 1 };
enum color colors[3] = { BLUE, RED, GREEN };
struct node *links[2] = { &n1, 0 };
typedef int vec4 __attribute__((vector_size(16)));
typedef char vec16 __attribute__((vector_size(16)));
vec4 vec = { 1, 2, 3, 4 };
vec16 cvec = { 118, 101, 99, 116 };

void callback(int x) { (void)x; }
int convert(char c) { return c; }
struct holder holder = { callback, { convert, 0 }, &n1, strings };
void (*fn)(int) = callback, (*fnull)(int);
int *pi = &i, *pnull, **ppi = &pi, *bad = (int *)16, *inside = &seq[3];
void *pv = &outer, *pvfn = (void *)callback;
const char *cstr = "const", *cnull, *cbad = (const char *)16, *cmid = buf + 2;
char *const pconst = buf;
struct point *pp = &p;
int (*prow)[3] = matrix;
volatile int vi = 12;
const int ci = 13;
_Atomic int ai = 14;
uintptr_t address = (uintptr_t)&i;
ptrdiff_t diff = -2;
size_t size = 10;

#ifdef __linux__
#include <stdlib.h>
int count_down(int n)
{
	char name[n + 2];
	int grid[n][n + 1];
	struct point moved = points[2];
	static int calls = 5;
	for (int a = 0; a < n; a++)
		for (int b = 0; b <= n; b++)
			grid[a][b] = a * 10 + b;
	for (int a = 0; a < n + 2; a++)
		name[a] = 'a' + a;
	{
		int n = 77, i = 78;
		long double local = 2.5L;
		calls += n + i + moved.x + (int)local;
		__builtin_trap();
	}
	return name[0] + grid[0][1];
}
int main(void) { return count_down(3); }
#else
void _start(void) { for (;;) ; }
void *memcpy(void *to, const void *from, size_t n) { (void)from; (void)n; return to; }
#endif

/* Variables of every kind of type, global and local, in threads that wait. */
#include "exhibit.h"

/* ---- types ---- */

enum colour { RED, GREEN = 5, BLUE, NEGATIVE = -3 };
enum flag { FLAG_A = 1, FLAG_B = 2, FLAG_C = 4, FLAG_D = 8 };
enum with_zero { NOTHING = 0, FIRST = 1, SECOND = 2, TENTH = 512 };
enum tiny { TINY_0, TINY_1, TINY_200 = 200 } __attribute__((packed));
enum wide { WIDE_LOW = 1, WIDE_HIGH = 0x123456789all };

typedef unsigned int word_t;
typedef word_t register_t_;
typedef int row_t[4];
typedef int (*operation_t)(int, int);
typedef __WCHAR_TYPE__ wchar_t_;
typedef __CHAR16_TYPE__ char16_t;
typedef __CHAR32_TYPE__ char32_t;

struct point { int16_t x, y; };
struct empty { };

struct bits {
	unsigned one : 1;
	int negative : 3;
	unsigned crossing : 13;         /* crosses a byte, and 16 bits */
	int : 2;
	int trim : 9;
	bool on : 1;
	enum colour colour : 4;
	unsigned long long wide : 40;
	signed char small : 5;
	uint16_t rest : 11;
};

struct packed_bits {
	uint8_t a : 4;
	uint8_t b : 4;
	uint32_t c : 24;
	uint32_t d : 32;
	int64_t e : 50;
} __attribute__((packed));

struct anonymous {
	int kind;
	union {
		struct { int16_t low, high; };
		int32_t whole;
		uint8_t bytes[4];
	};
	struct {
		int inner;
		union { float f; uint32_t u; } also;
	} named;
};

struct flexible { uint16_t length; uint8_t tag; uint8_t data[]; };
struct flexible_words { int n; int words[0]; };

struct node {
	const char *name;
	struct node *next, *self;
	int value;
	operation_t operation;
};

union number { uint32_t u; int32_t s; float f; uint8_t b[4]; struct point p; };

struct outer {
	struct point corner[2][3];
	union number number;
	struct { struct point *to; const struct outer *me; } links;
	enum flag flags;
	char label[10];
	double gain;
	struct empty nothing;
	bool ok;
};

typedef int vector_t __attribute__((vector_size(16)));

/* ---- globals ---- */

static int add(int a, int b) { return a + b; }
static int subtract(int a, int b) { return a - b; }

int8_t g_i8 = -8;
uint8_t g_u8 = 200;
int16_t g_i16 = -1600;
uint16_t g_u16 = 60000;
int32_t g_i32 = -2000000000;
uint32_t g_u32 = 4000000000u;
int64_t g_i64 = -9000000000000000000ll;
uint64_t g_u64 = 18000000000000000000ull;
long g_long = -123456;
unsigned long g_ulong = 0xfedcba98ul;
#ifdef __SIZEOF_INT128__
__int128 g_i128 = -((__int128)1 << 100);
unsigned __int128 g_u128 = ((unsigned __int128)1 << 120) + 7;
#endif
char g_char = 'A', g_newline = '\n', g_nul = 0, g_high = (char)0xe9, g_quote = '\'';
signed char g_schar = -1;
unsigned char g_uchar = 0x80;
wchar_t_ g_wide = L'w';
char16_t g_char16 = u'z';
char32_t g_char32 = 'u';
bool g_true = true, g_false = false, g_strange = true;
float g_float = 0.1f, g_inf = __builtin_inff(), g_nan = __builtin_nanf(""), g_denormal = 1e-42f;
double g_double = 0.1, g_third = 1.0 / 3.0, g_huge = 1.5e300, g_minus_zero = -0.0, g_whole = 42.0, g_minus_inf = -__builtin_inf();
long double g_long_double = 0.75L;
_Complex double g_complex = 1.5 + 2.0 * __extension__ 1.0i;
vector_t g_vector = { 1, -2, 3, 4 };

enum colour g_colour = BLUE, g_no_colour = (enum colour)17, g_negative = NEGATIVE;
enum flag g_flags = (enum flag)(FLAG_A | FLAG_C), g_more_flags = (enum flag)(FLAG_B | 0x30), g_no_flags = (enum flag)0;
enum with_zero g_with_zero = NOTHING, g_with_both = (enum with_zero)(FIRST | TENTH);
enum tiny g_tiny = TINY_200;
enum wide g_wide_enum = WIDE_HIGH;

char g_text[12] = "hello", g_middle[8] = "ab\0cd\0\0", g_full[4] = { 'x', 'y', 'z', 'w' }, g_blank[16];
char g_odd[16] = "\001\002\x7f\xff\033[1m\t\"\\'", g_repeat[48] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaab";
char g_mixed[40] = "start----------------end", g_long_text[260];
unsigned char g_utext[6] = "u\200v";
signed char g_stext[5] = { -1, 0, 1, 2, 3 };
uint8_t g_bytes[8] = { 0xde, 0xad, 0xbe, 0xef };
int8_t g_sbytes[4] = { -4, -3, -2, -1 };
wchar_t_ g_wide_text[6] = L"wide";
char16_t g_text16[5] = u"u16";
char g_two_texts[2][6] = { "one", "two" };
const char *g_constant = "in flash", *g_null_text, *g_long_pointer = g_long_text, *g_into = g_text + 2;
const char *g_wild = (const char *)1;
char *g_texts[4] = { "first", 0, "third", g_text };

int g_ints[10] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, g_zeros[30], g_runs[40] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 3, 3, 3 };
int g_many[250], g_matrix[3][4] = { { 1, 2, 3, 4 }, { 5, 6, 7, 8 }, { 9, 10, 11, 12 } }, g_cube[2][2][2] = { { { 1, 2 }, { 3, 4 } }, { { 5, 6 }, { 7, 8 } } };
int g_big_matrix[20][20], g_same_rows[12][2];
row_t g_row = { 4, 3, 2, 1 };
bool g_bools[4] = { true, false, true };
double g_doubles[3] = { 0.5, -1.25, 1e10 };
enum colour g_colours[14] = { GREEN, RED, BLUE };
struct point g_points[15] = { { 1, 2 }, { 3, 4 } };
void *g_pointers[3] = { g_text, 0, (void *)0x1234 };

operation_t g_operation = add, g_no_operation, g_table[3] = { add, subtract, 0 };
void (*g_thread)(void *, void *, void *) = recursion_thread;
int (*g_matrix_pointer)[4] = &g_matrix[1];
int *g_inside = &g_matrix[2][1], **g_pointer_pointer = &g_inside;
struct node g_nodes[3] = {
	{ "head", &g_nodes[1], &g_nodes[0], 10, add },
	{ "middle", &g_nodes[2], &g_nodes[1], 20, subtract },
	{ "tail", 0, &g_nodes[2], 30, 0 },
};
struct node *g_list = g_nodes;
struct bits g_bits = { 1, -2, 0x1abc, -200, true, GREEN, 0xfedcba9876ull, -9, 0x555 };
struct packed_bits g_packed_bits = { 0xa, 0x5, 0x123456, 0xdeadbeef, -123456789012ll };
struct anonymous g_anonymous = { 7, { .whole = 0x00020003 }, { 5, { .f = 2.5f } } };
union number g_number = { .f = 1.0f };
struct outer g_outer;
struct empty g_empty;
struct { uint16_t port; char host[10]; } const g_config = { 17777, "console" };
static struct { struct flexible head; uint8_t room[4]; } flexible_room = { { 4, 9 }, { 1, 2, 3, 4 } };
struct flexible *g_flexible = &flexible_room.head;
static struct { struct flexible_words head; int room[3]; } words_room = { { 3 }, { 11, 22, 33 } };
struct flexible_words *g_flexible_words = &words_room.head;
const volatile int g_const_volatile = 99;
volatile struct point g_volatile_point = { 8, 9 };
register_t_ g_typedef = 0xffff0000;
static int same_name = 111;             /* other.c has one, too */
__attribute__((weak)) int weak_value = 1;
int dropped_variable = 4711;            /* nobody uses it: --gc-sections takes it away */
static int dropped_static __attribute__((used, section(".data.dropped_static"))) = 4712;
__attribute__((weak)) int weak_answer(void) { return 1; }

/* Nothing else uses most of them, and --gc-sections would take them away. */
static const volatile void *const kept[] = {
	&g_i8, &g_u8, &g_i16, &g_u16, &g_i32, &g_u32, &g_i64, &g_u64, &g_long, &g_ulong, &g_char, &g_newline, &g_nul,
	&g_high, &g_quote, &g_schar, &g_uchar, &g_wide, &g_char16, &g_char32, &g_true, &g_false, &g_strange, &g_float,
	&g_inf, &g_nan, &g_denormal, &g_double, &g_third, &g_huge, &g_minus_zero, &g_whole, &g_minus_inf, &g_long_double,
	&g_complex, &g_vector, &g_colour, &g_no_colour, &g_negative, &g_flags, &g_more_flags, &g_no_flags, &g_with_zero,
	&g_with_both, &g_tiny, &g_wide_enum, &g_text, &g_middle, &g_full, &g_blank, &g_odd, &g_repeat, &g_mixed,
	&g_long_text, &g_utext, &g_stext, &g_bytes, &g_sbytes, &g_wide_text, &g_text16, &g_two_texts, &g_constant,
	&g_null_text, &g_long_pointer, &g_into, &g_wild, &g_texts, &g_ints, &g_zeros, &g_runs, &g_many, &g_matrix, &g_cube,
	&g_big_matrix, &g_same_rows, &g_row, &g_bools, &g_doubles, &g_colours, &g_points, &g_pointers, &g_operation,
	&g_no_operation, &g_table, &g_thread, &g_matrix_pointer, &g_inside, &g_pointer_pointer, &g_nodes, &g_list, &g_bits,
	&g_packed_bits, &g_anonymous, &g_number, &g_outer, &g_empty, &g_config, &g_flexible, &g_flexible_words,
	&g_const_volatile, &g_volatile_point, &g_typedef, &flexible_room, &words_room,
#ifdef __SIZEOF_INT128__
	&g_i128, &g_u128,
#endif
};

/* ---- locals ---- */

int hold(void)
{
	return k_sleep(1000000);
}

static NOINLINE int scalars(int8_t i8, uint16_t u16, uint64_t u64, bool b, char c, double d, float f, enum colour colour)
{
	volatile int32_t in_memory = -5;
	const int constant = 77;
	static int counted = 6;
	register int in_register = g_i16;
	int64_t pair = g_i64 / 2;
	double gain = d * 2;
	float half = f;
	bool yes = b;
	char letter = c;
	unsigned char byte = g_u8;
	enum flag flags = g_flags;
	enum colour unknown = g_no_colour;
	void *nothing = NULL;
	const char *text = g_constant;
	operation_t operation = g_table[1];
	int r;

	OPAQUE(in_register);
	OPAQUE(letter);
	IN_MEMORY(gain);
	counted += i8;
	r = hold();
	USED(in_register);
	USED(letter);
	USED(byte);
	USED(text);
	IN_MEMORY(pair);
	IN_MEMORY(half);
	return r + i8 + u16 + (int)u64 + yes + colour + (int)flags + (int)unknown + (nothing != text) + operation(in_memory, constant);
}

static void scalars_thread(void *a, void *b, void *c)
{
	(void)scalars(-8, 0xfff0, 0x123456789abcdef0ull, a == b, 'q', 2.5, 0.5f, BLUE);
	(void)c;
}

static NOINLINE int aggregates(struct outer *outer, struct node *list, const char *name)
{
	struct point p = { 3, -4 };
	struct outer copy = *outer;
	struct bits bits = g_bits;
	union number number = { .u = 0x3f800000 };
	struct anonymous anonymous = g_anonymous;
	int matrix[2][3] = { { 1, 2, 3 }, { 4, 5, 6 } };
	char text[16] = "local text";
	char raw[4] = { 'r', 'a', 'w', '!' };
	uint8_t zeros[20] = { 0 };
	struct node here = { "here", list, &here, 1, add };
	struct node *nodes[3] = { list, &here, NULL };
	enum colour colours[3] = { RED, GREEN, (enum colour)40 };
	operation_t operations[2] = { add, NULL };
	struct { int a; char b; } unnamed = { 5, 'u' };
	struct flexible *flexible = g_flexible;
	_Bool flags[12] = { 1 };
	int r;

	IN_MEMORY(p);
	IN_MEMORY(copy);
	IN_MEMORY(bits);
	IN_MEMORY(number);
	IN_MEMORY(anonymous);
	IN_MEMORY(matrix);
	IN_MEMORY(text);
	IN_MEMORY(raw);
	IN_MEMORY(zeros);
	IN_MEMORY(here);
	IN_MEMORY(nodes);
	IN_MEMORY(colours);
	IN_MEMORY(operations);
	IN_MEMORY(unnamed);
	IN_MEMORY(flags);
	r = hold();
	USED(name);
	return r + copy.corner[1][2].x + here.value + unnamed.a + flexible->data[0] + matrix[1][1] + p.x;
}

static NOINLINE int variable_length(int n, const int *from)
{
	int row[n];
	int total = 0;

	for (int i = 0; i < n; i++) {
		row[i] = from[i] * 3;
		total += row[i];
	}
	IN_MEMORY(row);
	total += hold();
	return total + row[0];
}

static void aggregates_thread(void *a, void *b, void *c)
{
	struct node local = { "on the stack", g_list, &local, 99, subtract };

	IN_MEMORY(local);
	if (a) {
		(void)variable_length((int)(uintptr_t)a, g_ints);
	}
	(void)aggregates(&g_outer, &local, b);
	USED(c);
}

/* ---- set-up: what only a running program has ---- */

static NOINLINE void prepare(void)
{
	IN_MEMORY(kept);
	for (unsigned i = 0; i < sizeof(g_long_text) - 1; i++) {
		g_long_text[i] = (char)('a' + (i & 15));
	}
	for (int i = 0; i < 250; i++) {
		g_many[i] = i ^ 5;
	}
	for (int i = 0; i < 20; i++) {
		for (int j = 0; j < 20; j++) {
			g_big_matrix[i][j] = (i << 8) + j;
		}
	}
	for (int i = 0; i < 12; i++) {
		g_same_rows[i][0] = 1;
		g_same_rows[i][1] = 2;
	}
	for (int i = 0; i < 6; i++) {
		g_outer.corner[i / 3][i % 3] = (struct point){ (int16_t)i, (int16_t)-i };
	}
	g_outer.number.f = -0.75f;
	g_outer.links.to = &g_outer.corner[1][0];
	g_outer.links.me = &g_outer;
	g_outer.flags = (enum flag)(FLAG_B | FLAG_D);
	memcpy(g_outer.label, "outer", 6);
	g_outer.gain = 6.25;
	g_outer.ok = true;
	*(volatile uint8_t *)&g_strange = 2;
	g_i8 = -100;
	g_u32 -= (uint32_t)other_sum(3) + (uint32_t)weak_answer() + (uint32_t)weak_value + (uint32_t)same_name;
	g_text[0] = 'H';
}

STACK(scalars_stack, 2048);
STACK(aggregates_stack, 3072);
STACK(lengths_stack, 2048);
STACK(recursion_stack, 2560);
STACK(passing_stack, 2560);
STACK(optimised_stack, 2560);
STACK(crash_stack, 3072);

static struct k_thread scalars_, aggregates_, lengths_, recursion_, passing_, optimised_, crash_;

#define START(thread, stack, entry, a, b, c, prio) \
	k_thread_create(&thread, #entry, stack, sizeof(stack), entry, a, b, c, prio)

void z_isr_body(void)
{
	printk("unexpected interrupt\r\n");
}

int main(void)
{
	prepare();
	START(scalars_, scalars_stack, scalars_thread, NULL, NULL, NULL, 1);
	START(aggregates_, aggregates_stack, aggregates_thread, NULL, "named", NULL, 2);
	START(lengths_, lengths_stack, aggregates_thread, (void *)4, NULL, NULL, 3);
	START(recursion_, recursion_stack, recursion_thread, NULL, NULL, NULL, 4);
	START(passing_, passing_stack, passing_thread, NULL, NULL, NULL, 5);
	START(optimised_, optimised_stack, optimised_thread, NULL, NULL, NULL, 6);
	(void)k_sleep(1);
	START(crash_, crash_stack, crash_thread, &g_outer, g_nodes, NULL, 7);
	return hold();
}

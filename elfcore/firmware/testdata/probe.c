// Source of the ELFs in this directory; build.sh has the commands. It has what
// call frame information and type look-up find hard: variable frames, several
// epilogues, variadic functions, dead code, anonymous members.

typedef __builtin_va_list va_list;

struct node {
	struct node *next;
	const char name[12];
};

typedef struct queue {
	struct node *head, *tail;
	union {
		int count;
		struct {
			signed char prio;
			unsigned char lock;
		};
	};
	unsigned ready : 3, busy : 5;
	struct {
		void *sp;
		long regs[4];
	} saved[3];
	void (*hook)(struct queue *);
	char flexible[];
} queue_t;

struct opaque;
typedef struct opaque opaque_t;
struct holder {
	opaque_t *hidden;
	const volatile queue_t *const queues[2][3];
};

struct holder holder;
queue_t ready_queue = {0};
const struct node nodes[2] = {{&(struct node){0, "inner"}, "first"}, {0, "second"}};
volatile int sink;
int initial[4] = {1, 2, 3, 4};

__attribute__((noinline)) int dead(int n) { return n * sink; }

__attribute__((noinline)) int leaf(int a, int b) { return a + b * sink; }

__attribute__((noinline)) int variadic(int n, ...)
{
	va_list ap;
	int sum = 0;
	__builtin_va_start(ap, n);
	while (n-- > 0)
		sum += leaf(__builtin_va_arg(ap, int), n);
	__builtin_va_end(ap);
	return sum;
}

__attribute__((noinline)) int variable(int n)
{
	volatile int room[n + 1];
	for (int i = 0; i <= n; i++)
		room[i] = leaf(i, n);
	return room[n] + room[0];
}

__attribute__((noinline)) int branches(int n, int m)
{
	if (n < 0)
		return leaf(n, 1);
	if (m & 1) {
		int a = leaf(n, m), b = leaf(m, n), c = leaf(a, b);
		sink = a;
		if (c == 3)
			return b;
		return variadic(3, a, b, c) + leaf(a, b) + c;
	}
	return variable(n) + leaf(m, 3) + n;
}

#ifdef FLOATING /* pushes call-saved floating point registers */
__attribute__((noinline)) float floating(float a, float b)
{
	float c = leaf((int)a, (int)b);
	return c * a + leaf((int)c, (int)a) * b;
}
#else
#define floating(a, b) (a)
#endif

static __attribute__((noinline)) int recursive(int n)
{
	if (n == 0)
		return branches(initial[sink & 3], sink);
	return recursive(n - 1) * leaf(n, 2) + 1;
}

__attribute__((noreturn, used)) void _start(void)
{
	ready_queue.head = (struct node *)&nodes[0];
	for (;;)
		sink += recursive(sink) + (int)floating(sink, 1);
}

/* Threads, a priority scheduler without preemption, semaphores, printk. */
#include "kernel.h"

#define NOINIT __attribute__((section(".noinit"), aligned(16)))
#define UNIMPLEMENTED ((size_t)0xffffffffu)

#ifndef PORT_EXC_RETURN_OFFSET
#define PORT_EXC_RETURN_OFFSET UNIMPLEMENTED
#endif
#ifndef PORT_PREEMPT_FLOAT_OFFSET
#define PORT_PREEMPT_FLOAT_OFFSET UNIMPLEMENTED
#endif

struct z_kernel _kernel;

char z_interrupt_stacks[1][PORT_ISR_STACK_SIZE] NOINIT;
char z_main_stack[896 * PORT_STACK_MUL] NOINIT;
char z_idle_stacks[1][512 * PORT_STACK_MUL] NOINIT;

struct k_thread z_main_thread;
struct k_thread z_idle_threads[1];
static struct k_thread boot_dummy;

__attribute__((used, section(".dbg_thread_info")))
const size_t _kernel_thread_info_size_t_size = sizeof(size_t);

__attribute__((used, section(".dbg_thread_info")))
const size_t _kernel_thread_info_offsets[] = {
	1,
	offsetof(struct _cpu, current),
	offsetof(struct z_kernel, threads),
	offsetof(struct k_thread, entry),
	offsetof(struct k_thread, next_thread),
	offsetof(struct k_thread, base.thread_state),
	offsetof(struct k_thread, base.user_options),
	offsetof(struct k_thread, base.prio),
	PORT_SP_OFFSET,
	offsetof(struct k_thread, name),
	offsetof(struct k_thread, arch),
	PORT_PREEMPT_FLOAT_OFFSET,
	UNIMPLEMENTED,
	PORT_EXC_RETURN_OFFSET,
	UNIMPLEMENTED,
};

__attribute__((used, section(".dbg_thread_info")))
const size_t _kernel_thread_info_num_offsets =
	sizeof(_kernel_thread_info_offsets) / sizeof(_kernel_thread_info_offsets[0]);

/* ---- library bits the compiler may call ---- */

void *memset(void *d, int c, size_t n)
{
	volatile char *p = d;

	while (n--) {
		*p++ = (char)c;
	}
	return d;
}

void *memcpy(void *d, const void *s, size_t n)
{
	volatile char *p = d;
	const char *q = s;

	while (n--) {
		*p++ = *q++;
	}
	return d;
}

static void put_hex(unsigned long v, int width)
{
	int n = 1;

	while (n < (int)(2 * sizeof(v)) && (v >> (4 * n)) != 0) {
		n++;
	}
	for (; width > n; width--) {
		port_putc('0');
	}
	while (n--) {
		port_putc("0123456789abcdef"[(v >> (4 * n)) & 15]);
	}
}

static void put_dec(unsigned v)
{
	static const unsigned tens[] = { 1000000000, 100000000, 10000000, 1000000, 100000, 10000, 1000, 100, 10, 1 };
	bool seen = false;

	for (unsigned i = 0; i < 10; i++) {     /* no divide: RV32E has none */
		char d = '0';

		while (v >= tens[i]) {
			v -= tens[i];
			d++;
		}
		seen = seen || d != '0' || i == 9;
		if (seen) {
			port_putc(d);
		}
	}
}

void printk(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	for (; *fmt; fmt++) {
		int width = 0;
		bool is_long = false;

		if (*fmt != '%') {
			port_putc(*fmt);
			continue;
		}
		for (fmt++; *fmt >= '0' && *fmt <= '9'; fmt++) {
			width = (width << 3) + (width << 1) + (*fmt - '0');
		}
		if (*fmt == 'l') {
			is_long = true;
			fmt++;
		}
		if (*fmt == 's') {
			for (const char *s = va_arg(ap, const char *); *s; s++) {
				port_putc(*s);
			}
		} else if (*fmt == 'c') {
			port_putc((char)va_arg(ap, int));
		} else if (*fmt == 'x') {
			put_hex(is_long ? va_arg(ap, unsigned long) : va_arg(ap, unsigned), width);
		} else if (*fmt == 'u') {
			put_dec(va_arg(ap, unsigned));
		} else if (*fmt == 'd') {
			int v = va_arg(ap, int);

			if (v < 0) {
				port_putc('-');
			}
			put_dec(v < 0 ? 0u - (unsigned)v : (unsigned)v);
		} else {
			port_putc(*fmt);
		}
	}
	va_end(ap);
}

/* ---- scheduler ---- */

static struct k_thread *next_up(void)
{
	struct k_thread *best = &z_idle_threads[0];

	for (struct k_thread *t = _kernel.threads; t; t = t->next_thread) {
		if (t->base.thread_state == ST_QUEUED && t->base.prio < best->base.prio) {
			best = t;
		}
	}
	_kernel.ready_q.cache = best;
	return best;
}

__attribute__((noinline)) static int z_swap(int key)
{
	struct k_thread *to = next_up();
	struct k_thread *from = _current;

	if (to != from) {
		port_swap(to);
	}
	return from == _current ? key : -1;
}

__attribute__((noinline)) static int z_pend_curr(struct _wait_q *q, uint8_t state, int ticks)
{
	struct k_thread *t = _current;

	t->base.pended_on = q;
	t->base.timeout.dticks = ticks;
	t->base.thread_state = state;
	if (z_swap(ticks) == -1) {
		return -11;
	}
	t->base.pended_on = NULL;
	return 0;
}

int k_sem_take(struct k_sem *sem, int timeout)
{
	int ret = 0;

	if (sem->count > 0) {
		sem->count--;
	} else {
		ret = z_pend_curr(&sem->wait_q, ST_PENDING, timeout);
	}
	return ret;
}

void k_sem_give(struct k_sem *sem)
{
	if (sem->count < sem->limit) {
		sem->count++;
	}
	k_reschedule();
}

int k_sleep(int ticks)
{
	int left = z_pend_curr(NULL, ST_SUSPENDED, ticks);

	return left + _current->base.timeout.dticks;
}

void k_reschedule(void)
{
	(void)z_swap(0);
}

void k_thread_create(struct k_thread *t, const char *name, char *stack, size_t size,
		     k_thread_entry_t entry, void *p1, void *p2, void *p3, int prio)
{
	memset(stack, 0xaa, size);
	t->base.prio = (int8_t)prio;
	t->base.thread_state = ST_QUEUED;
	t->base.order_key = 0x0d00u + (unsigned)(prio & 0xff);
	t->entry.pEntry = entry;
	t->entry.parameter1 = p1;
	t->entry.parameter2 = p2;
	t->entry.parameter3 = p3;
	for (unsigned i = 0; i < THREAD_NAME_MAX - 1 && name[i]; i++) {
		t->name[i] = name[i];
	}
	t->stack_info.start = (uintptr_t)stack;
	t->stack_info.size = size;
	t->stack_info.delta = 0;
	t->next_thread = _kernel.threads;
	_kernel.threads = t;
	port_new_thread(t, stack, size, entry);
}

void z_thread_entry(k_thread_entry_t entry, void *p1, void *p2, void *p3)
{
	entry(p1, p2, p3);
	for (;;) {
		k_sleep(-1);
	}
}

static void tick(unsigned n)
{
	for (struct k_thread *t = _kernel.threads; t; t = t->next_thread) {
		if (t->base.thread_state == ST_SUSPENDED && t->base.timeout.dticks > 0) {
			t->base.timeout.dticks -= (int)n;
			if (t->base.timeout.dticks <= 0) {
				t->base.thread_state = ST_QUEUED;
			}
		}
	}
}

static void idle(void *p1, void *p2, void *p3)
{
	unsigned spins = 0;

	(void)p1;
	(void)p2;
	(void)p3;
	for (;;) {
		spins++;
		tick(spins & 1);
		k_reschedule();
	}
}

static void bg_thread_main(void *p1, void *p2, void *p3)
{
	(void)p1;
	(void)p2;
	(void)p3;
	printk("*** Booting Zephyr OS build corelift-fixture ***\r\n");
	(void)main();
}

void z_cstart(void)
{
	char *p = z_interrupt_stacks[0];
	char *here = (char *)__builtin_frame_address(0) - 160;

	/* we may be running on the interrupt stack: leave what is in use alone */
	if (here < p || here > p + sizeof(z_interrupt_stacks[0])) {
		here = p + sizeof(z_interrupt_stacks[0]);
	}
	while (p < here) {
		*p++ = (char)0xaa;
	}
	port_init();
	boot_dummy.base.thread_state = ST_DUMMY;
	_kernel.cpus[0].irq_stack = z_interrupt_stacks[0] + sizeof(z_interrupt_stacks[0]);
	_kernel.cpus[0].idle_thread = &z_idle_threads[0];
	_current = &boot_dummy;
	k_thread_create(&z_main_thread, "main", z_main_stack, sizeof(z_main_stack),
			bg_thread_main, NULL, NULL, NULL, 0);
	k_thread_create(&z_idle_threads[0], "idle", z_idle_stacks[0], sizeof(z_idle_stacks[0]),
			idle, NULL, NULL, NULL, 15);
	z_idle_threads[0].base.thread_state = 0;
	z_idle_threads[0].base.user_options = 1;
	z_main_thread.base.user_options = 1;
	(void)z_swap(0);
	port_halt();
}

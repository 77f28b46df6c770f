/* A toy kernel whose data structures carry the names Zephyr's debuggers expect.
 * Everything here is written for corelift's tests; no Zephyr code. */
#ifndef KERNEL_H
#define KERNEL_H

#include <stddef.h>
#include <stdint.h>
#include <stdarg.h>
#include <stdbool.h>

struct k_thread;
#include "port.h"

#ifndef PORT_STACK_MUL          /* 2 on 64-bit ports */
#define PORT_STACK_MUL 1
#endif
#ifndef PORT_ISR_STACK_SIZE
#define PORT_ISR_STACK_SIZE (1280 * PORT_STACK_MUL)
#endif

#define THREAD_NAME_MAX 32

enum { ST_DUMMY = 0x01, ST_PENDING = 0x02, ST_SUSPENDED = 0x10, ST_QUEUED = 0x80 };

typedef void (*k_thread_entry_t)(void *, void *, void *);

struct _dnode { struct _dnode *next, *prev; };

struct _wait_q { struct _dnode waitq; };

struct _timeout { struct _dnode node; void (*fn)(struct _timeout *); int32_t dticks; };

struct _thread_base {
	struct _dnode qnode;
	struct _wait_q *pended_on;
	uint8_t user_options;
	uint8_t thread_state;
	union {
		struct {
			int8_t prio;
			uint8_t sched_locked;
		};
		uint16_t preempt;
	};
	uint32_t order_key;
	void *swap_data;
	struct _timeout timeout;
};

struct __thread_entry {
	k_thread_entry_t pEntry;
	void *parameter1;
	void *parameter2;
	void *parameter3;
};

struct _thread_stack_info {
	uintptr_t start;
	size_t size;
	size_t delta;
};

struct k_thread {
	struct _thread_base base;
	struct _callee_saved callee_saved;
	void *init_data;
	struct __thread_entry entry;
	struct k_thread *next_thread;
	char name[THREAD_NAME_MAX];
	struct _thread_stack_info stack_info;
	struct _thread_arch arch;
};

struct _cpu {
	uint32_t nested;
	char *irq_stack;
	struct k_thread *current;
	struct k_thread *idle_thread;
	uint8_t id;
};

struct _ready_q {
	struct k_thread *cache;
	struct _dnode runq;
};

struct z_kernel {
	struct _cpu cpus[1];
	struct _ready_q ready_q;
	struct k_thread *threads;
};

struct k_sem {
	struct _wait_q wait_q;
	unsigned count;
	unsigned limit;
};

extern struct z_kernel _kernel;
extern char z_interrupt_stacks[1][PORT_ISR_STACK_SIZE];
extern char _image_ram_start[], _image_ram_end[];     /* from the linker script */

#define _current (_kernel.cpus[0].current)

/* kernel.c */
void z_cstart(void) __attribute__((noreturn));        /* called by start.S; .data/.bss ready */
void z_thread_entry(k_thread_entry_t entry, void *p1, void *p2, void *p3) __attribute__((noreturn));
void k_thread_create(struct k_thread *t, const char *name, char *stack, size_t size,
		     k_thread_entry_t entry, void *p1, void *p2, void *p3, int prio);
int k_sem_take(struct k_sem *sem, int timeout);
void k_sem_give(struct k_sem *sem);
int k_sleep(int ticks);
void k_reschedule(void);
/* %s %c %d %u %x %lx with an optional 0<width>; long is pointer wide everywhere we run */
void printk(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
#define LOG_ERR(fmt, ...) printk("E: " fmt "\r\n", ##__VA_ARGS__)
#define LOG_INF(fmt, ...) printk("I: " fmt "\r\n", ##__VA_ARGS__)

/* app.c */
int main(void);
void z_isr_body(void);     /* the port's IRQ entry calls this on z_interrupt_stacks, nested already 1 */

/* coredump.c: prints the fatal text, dumps, halts */
void fatal_error(unsigned reason, const arch_esf *esf) __attribute__((noreturn));

/* the port */
void port_init(void);
void port_putc(char c);
void port_halt(void) __attribute__((noreturn));
void port_new_thread(struct k_thread *t, char *stack, size_t size, k_thread_entry_t entry);
void port_swap(struct k_thread *to);
void port_print_esf(const arch_esf *esf, unsigned reason);
unsigned port_block(const arch_esf *esf, uint8_t *out, uint16_t *version);

#endif

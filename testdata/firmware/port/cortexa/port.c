#include "kernel.h"

#define REG32(a) (*(volatile uint32_t *)(a))
#define UART 0x09000000u
#define GICD 0x08000000u
#define GICC 0x08010000u

_Static_assert(offsetof(struct _cpu, current) == 8, "start.S");
_Static_assert(offsetof(struct k_thread, callee_saved) == OFF_CALLEE, "start.S");
_Static_assert(PORT_ISR_STACK_SIZE == ISR_STACK_SIZE, "start.S");
_Static_assert(sizeof(struct __extra_esf_info) == 12, "start.S");

char z_arm_undef_stack[EXC_STACK_SIZE] __attribute__((section(".noinit"), aligned(8)));
char z_arm_abort_stack[EXC_STACK_SIZE] __attribute__((section(".noinit"), aligned(8)));

struct k_thread *port_switch_to;

void port_putc(char c)
{
	while (REG32(UART + 0x18) & 0x20) {
	}
	REG32(UART) = (uint8_t)c;
}

__attribute__((noinline)) void port_halt(void)
{
	for (;;) {
		__asm__ volatile("wfi");
	}
}

void port_init(void)
{
	REG32(UART + 0x30) = 0x101;          /* enable, transmit */
	REG32(GICD + 0x100) = 1u << 3;
	REG32(GICD) = 1;
	REG32(GICC + 4) = 0xff;
	REG32(GICC) = 1;
}

void port_new_thread(struct k_thread *t, char *stack, size_t size, k_thread_entry_t entry)
{
	struct __basic_sf *sf = (struct __basic_sf *)(stack + size - sizeof(*sf));

	sf->a1 = (uint32_t)entry;
	sf->a2 = (uint32_t)t->entry.parameter1;
	sf->a3 = (uint32_t)t->entry.parameter2;
	sf->a4 = (uint32_t)t->entry.parameter3;
	sf->ip = 0;
	sf->lr = 0;
	sf->pc = (uint32_t)z_thread_entry & ~1u;
	sf->xpsr = 0x3f;                     /* SYS mode, Thumb, interrupts on */
	/* distinctive values that stay in registers the thread never uses */
	t->callee_saved = (struct _callee_saved){
		0x04a40404, 0x05a50505, 0x06a60606, 0x07a70707,
		0x08a80808, 0x09a90909, 0x0aaa0a0a, 0x0bab0b0b, (uint32_t)sf,
	};
}

__attribute__((noinline)) void port_swap(struct k_thread *to)
{
	port_switch_to = to;
	_current->arch.swap_return_value = (uint32_t)-11;
	__asm__ volatile("svc #0" ::: "memory");
}

/* ---- faults: what is 45 for undefined instruction, 0 prefetch abort, 1 data abort ---- */

void z_arm_fault(arch_esf *esf, unsigned what)
{
	unsigned reason = what;

	if (what == 45) {
		LOG_ERR("***** UNDEFINED INSTRUCTION ABORT *****");
	} else {
		uint32_t fsr, far;

		if (what == 0) {
			__asm__ volatile("mrc p15, 0, %0, c5, c0, 1" : "=r"(fsr));
			__asm__ volatile("mrc p15, 0, %0, c6, c0, 2" : "=r"(far));
			LOG_ERR("***** PREFETCH ABORT *****");
		} else {
			__asm__ volatile("mrc p15, 0, %0, c5, c0, 0" : "=r"(fsr));
			__asm__ volatile("mrc p15, 0, %0, c6, c0, 0" : "=r"(far));
			LOG_ERR("***** DATA ABORT *****");
		}
		fsr = (fsr & 15) | (fsr >> 6 & 16);
		reason = 0;
		if (fsr == 5 || fsr == 7) {
			LOG_ERR("Translation Fault @ 0x%08lx", (unsigned long)far);
			reason = 54;
		} else {
			LOG_ERR("Fault status 0x%02x @ 0x%08lx", (unsigned)fsr, (unsigned long)far);
		}
	}
	fatal_error(reason, esf);
}

void z_do_kernel_oops(arch_esf *esf)
{
	fatal_error(esf->basic.a1, esf);
}

void port_print_esf(const arch_esf *esf, unsigned reason)
{
	const struct _callee_saved *c = esf->extra_info.callee;

	(void)reason;
	LOG_ERR("r0/a1:  0x%08lx  r1/a2:  0x%08lx  r2/a3:  0x%08lx",
		(unsigned long)esf->basic.a1, (unsigned long)esf->basic.a2, (unsigned long)esf->basic.a3);
	LOG_ERR("r3/a4:  0x%08lx r12/ip:  0x%08lx r14/lr:  0x%08lx",
		(unsigned long)esf->basic.a4, (unsigned long)esf->basic.ip, (unsigned long)esf->basic.lr);
	LOG_ERR(" xpsr:  0x%08lx", (unsigned long)esf->basic.xpsr);
	LOG_ERR("r4/v1:  0x%08lx  r5/v2:  0x%08lx  r6/v3:  0x%08lx",
		(unsigned long)c->v1, (unsigned long)c->v2, (unsigned long)c->v3);
	LOG_ERR("r7/v4:  0x%08lx  r8/v5:  0x%08lx  r9/v6:  0x%08lx",
		(unsigned long)c->v4, (unsigned long)c->v5, (unsigned long)c->v6);
	LOG_ERR("r10/v7: 0x%08lx  r11/v8: 0x%08lx    psp:  0x%08lx",
		(unsigned long)c->v7, (unsigned long)c->v8, (unsigned long)c->psp);
	LOG_ERR("Faulting instruction address (r15/pc): 0x%08lx", (unsigned long)esf->basic.pc);
}

unsigned port_block(const arch_esf *esf, uint8_t *out, uint16_t *version)
{
	const uint32_t *regs = (const uint32_t *)&esf->basic;
	uint32_t *w = (uint32_t *)(void *)out;

	*version = 1;
	for (unsigned i = 0; i < 8; i++) {
		*w++ = regs[i];
	}
	*w++ = esf->extra_info.callee->psp;
	regs = (const uint32_t *)esf->extra_info.callee;
	for (unsigned i = 0; i < 8; i++) {
		*w++ = regs[i];
	}
	return 68;
}

#include "kernel.h"

#ifdef __ARM_ARCH_8M_MAIN__
#define UART 0x50200000u
#else
#define UART 0x40004000u
#endif

_Static_assert(offsetof(struct _cpu, current) == 8, "start.S");
_Static_assert(offsetof(struct k_thread, callee_saved) == OFF_CALLEE, "start.S");
_Static_assert(offsetof(struct k_thread, arch) == OFF_ARCH, "start.S");
_Static_assert(offsetof(struct _thread_arch, mode_exc_return) == 9, "start.S");
_Static_assert(PORT_ISR_STACK_SIZE == ISR_STACK_SIZE, "start.S");

extern char _vector_table[];
struct k_thread *port_switch_to;

void port_putc(char c)
{
	while (REG32(UART + 4) & 1) {
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
	REG32(UART + 0x10) = 16;             /* baud divider */
	REG32(UART + 8) = 1;                 /* transmit enable */
	REG32(0xe000ed08) = (uint32_t)_vector_table;
	REG32(0xe000ed14) |= 1u << 4;        /* CCR.DIV_0_TRP */
	REG32(0xe000ed24) |= 7u << 16;       /* SHCSR: usage, bus, memory management faults */
#ifdef __ARM_ARCH_8M_MAIN__
	REG32(0xe000ed24) |= 1u << 19;       /* secure fault */
#endif
	REG32(0xe000ed20) |= 0xffu << 16;    /* PendSV lowest */
	REG32(0xe000e41c) |= 0x40u << 24;    /* interrupt 31: below the faults */
	REG32(0xe000e100) = 1u << 31;
	__asm__ volatile("dsb\n\tisb" ::: "memory");
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
	sf->xpsr = 1u << 24;
	/* distinctive values that stay in registers the thread never uses */
	t->callee_saved = (struct _callee_saved){
		0x04a40404, 0x05a50505, 0x06a60606, 0x07a70707,
		0x08a80808, 0x09a90909, 0x0aaa0a0a, 0x0bab0b0b, (uint32_t)sf,
	};
	t->arch.mode_exc_return = 0xfd;
}

__attribute__((noinline)) void port_swap(struct k_thread *to)
{
	port_switch_to = to;
	_current->arch.swap_return_value = (uint32_t)-11;
	REG32(0xe000ed04) = 1u << 28;        /* PendSV */
	__asm__ volatile("dsb\n\tisb" ::: "memory");
}

/* ---- faults ---- */

static const char *usage_text(unsigned reason)
{
	switch (reason) {
	case 30:
		return "Division by zero";
	case 31:
		return "Unaligned memory access";
	case 33:
		return "No coprocessor instructions";
	case 34:
		return "Illegal load of EXC_RETURN into PC";
	case 35:
		return "Illegal use of the EPSR";
	default:
		return "Attempt to execute undefined instruction";
	}
}

static unsigned fault_reason(void)
{
	uint32_t cfsr = REG32(0xe000ed28);
	uint32_t hfsr = REG32(0xe000ed2c);
	unsigned reason = 0;

#ifdef __ARM_ARCH_8M_MAIN__
	uint32_t sfsr = REG32(0xe000ede4);

	if (sfsr & 0xff) {
		LOG_ERR("***** SECURE FAULT *****");
		LOG_ERR("  Invalid entry point");
		return sfsr & 1 ? 38 : 37;
	}
#endif
	if (hfsr & (1u << 30)) {
		LOG_ERR("***** HARD FAULT *****");
		LOG_ERR("  Fault escalation (see below)");
	}
	if (cfsr & 0xffff0000u) {
		static const struct { uint8_t bit, reason; } tab[] = {
			{ 25, 30 }, { 24, 31 }, { 20, 32 }, { 19, 33 }, { 18, 34 }, { 17, 35 }, { 16, 36 },
		};

		for (unsigned i = 0; i < sizeof(tab) / sizeof(tab[0]); i++) {
			if (cfsr & (1u << tab[i].bit)) {
				reason = tab[i].reason;
			}
		}
		LOG_ERR("***** USAGE FAULT *****");
		LOG_ERR("  %s", usage_text(reason));
	} else if (cfsr & 0xff00u) {
		LOG_ERR("***** BUS FAULT *****");
		if (cfsr & (1u << 8)) {
			LOG_ERR("  Instruction bus error");
			reason = 27;
		} else {
			LOG_ERR("  Precise data bus error");
			LOG_ERR("  BFAR Address: 0x%x", (unsigned)REG32(0xe000ed38));
			reason = 25;
		}
	} else {
		LOG_ERR("***** MPU FAULT *****");
		reason = cfsr & 1 ? 20 : 16;
	}
	return reason;
}

static __attribute__((noreturn)) void z_arm_fatal_error(unsigned reason, uint32_t frame, uint32_t msp,
							uint32_t exc_return, struct _callee_saved *callee)
{
	arch_esf esf;
	const uint32_t *from = (const uint32_t *)frame;
	uint32_t *to = (uint32_t *)&esf;
	unsigned n = sizeof(esf.basic) / 4;

#ifdef PORT_HAS_FPU
	if (!(exc_return & 0x10)) {
		n += sizeof(esf.fpu) / 4;
	}
#endif
	for (unsigned i = 0; i < n; i++) {
		to[i] = from[i];
	}
	esf.extra_info.callee = callee;
	esf.extra_info.msp = msp;
	esf.extra_info.exc_return = exc_return;
	fatal_error(reason, &esf);
}

void z_arm_fault(uint32_t msp, uint32_t psp, uint32_t exc_return, struct _callee_saved *callee)
{
	uint32_t frame = exc_return & 4 ? psp : msp;
	unsigned reason = fault_reason();

	z_arm_fatal_error(reason, frame, msp, exc_return, callee);
}

void z_do_kernel_oops(uint32_t msp, uint32_t psp, uint32_t exc_return, struct _callee_saved *callee)
{
	uint32_t frame = exc_return & 4 ? psp : msp;

	z_arm_fatal_error(*(uint32_t *)frame, frame, msp, exc_return, callee);
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
#ifdef PORT_HAS_FPU
	for (unsigned i = 0; i < 16; i += 4) {
		LOG_ERR("s[%s%u]:  0x%08lx  s[%s%u]:  0x%08lx  s[%s%u]:  0x%08lx  s[%s%u]:  0x%08lx",
			i < 10 ? " " : "", i, (unsigned long)esf->fpu.s[i],
			i + 1 < 10 ? " " : "", i + 1, (unsigned long)esf->fpu.s[i + 1],
			i + 2 < 10 ? " " : "", i + 2, (unsigned long)esf->fpu.s[i + 2],
			i + 3 < 10 ? " " : "", i + 3, (unsigned long)esf->fpu.s[i + 3]);
	}
	LOG_ERR("fpscr:  0x%08lx", (unsigned long)esf->fpu.fpscr);
#endif
	LOG_ERR("r4/v1:  0x%08lx  r5/v2:  0x%08lx  r6/v3:  0x%08lx",
		(unsigned long)c->v1, (unsigned long)c->v2, (unsigned long)c->v3);
	LOG_ERR("r7/v4:  0x%08lx  r8/v5:  0x%08lx  r9/v6:  0x%08lx",
		(unsigned long)c->v4, (unsigned long)c->v5, (unsigned long)c->v6);
	LOG_ERR("r10/v7: 0x%08lx  r11/v8: 0x%08lx    psp:  0x%08lx",
		(unsigned long)c->v7, (unsigned long)c->v8, (unsigned long)c->psp);
	LOG_ERR("EXC_RETURN: 0x%lx", (unsigned long)esf->extra_info.exc_return);
	LOG_ERR("Faulting instruction address (r15/pc): 0x%08lx", (unsigned long)esf->basic.pc);
}

unsigned port_block(const arch_esf *esf, uint8_t *out, uint16_t *version)
{
	const struct __extra_esf_info *x = &esf->extra_info;
	const uint32_t *regs = (const uint32_t *)&esf->basic;
	uint32_t *w = (uint32_t *)(void *)out;
	uint32_t sp = x->exc_return & 4 ? x->callee->psp : x->msp;

	sp += x->exc_return & 0x10 ? 32 : 104;
	sp += esf->basic.xpsr & (1u << 9) ? 4 : 0;
	*version = 2;
	for (unsigned i = 0; i < 8; i++) {
		*w++ = regs[i];
	}
	*w++ = sp;
	regs = (const uint32_t *)x->callee;
	for (unsigned i = 0; i < 8; i++) {
		*w++ = regs[i];
	}
	return 68;
}

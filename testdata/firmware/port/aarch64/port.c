#include "kernel.h"

#define REG32(a) (*(volatile uint32_t *)(a))
#define UART 0x09000000ul
#define GICD 0x08000000ul
#define GICC 0x08010000ul

_Static_assert(offsetof(struct _cpu, current) == 16, "start.S");
_Static_assert(offsetof(struct _cpu, irq_stack) == 8, "start.S");
_Static_assert(offsetof(struct k_thread, callee_saved) == OFF_CALLEE, "start.S");
_Static_assert(PORT_ISR_STACK_SIZE == ISR_STACK_SIZE, "start.S");
_Static_assert(sizeof(arch_esf) == ESF_SIZE, "start.S");

void z_arm64_thread_start(void);

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
	uint64_t *sp = (uint64_t *)(stack + size) - 4;
	uint64_t *r = &t->callee_saved.x19;

	sp[0] = (uint64_t)entry;
	sp[1] = (uint64_t)t->entry.parameter1;
	sp[2] = (uint64_t)t->entry.parameter2;
	sp[3] = (uint64_t)t->entry.parameter3;
	/* distinctive values that stay in registers the thread never uses */
	for (unsigned i = 0; i < 10; i++) {
		r[i] = 0x1919000019190019ul + i * 0x0101000001010001ul;
	}
	t->callee_saved.x29 = 0;
	t->callee_saved.sp_el0 = 0x5e105e10;
	t->callee_saved.sp_elx = (uint64_t)sp;
	t->callee_saved.lr = (uint64_t)z_arm64_thread_start;
}

static const char *ec_text(unsigned ec)
{
	switch (ec) {
	case 0x00:
		return "Unknown reason";
	case 0x0e:
		return "Illegal Execution state";
	case 0x21:
		return "Instruction Abort taken without a change in Exception level";
	case 0x25:
		return "Data Abort taken without a change in Exception level";
	default:
		return "Unknown";
	}
}

void z_arm64_fault(arch_esf *esf)
{
	uint64_t esr, elr, tpidrro;
	unsigned ec;

	__asm__ volatile("mrs %0, esr_el1" : "=r"(esr));
	__asm__ volatile("mrs %0, elr_el1" : "=r"(elr));
	__asm__ volatile("mrs %0, tpidrro_el0" : "=r"(tpidrro));
	ec = (unsigned)(esr >> 26) & 0x3f;
	LOG_ERR("ELR_ELn: 0x%016lx", elr);
	LOG_ERR("ESR_ELn: 0x%016lx", esr);
	LOG_ERR("  EC:  0x%x (%s)", ec, ec_text(ec));
	LOG_ERR("  IL:  0x%x", (unsigned)(esr >> 25) & 1);
	LOG_ERR("  ISS: 0x%x", (unsigned)esr & 0x1ffffff);
	if (ec == 0x21 || ec == 0x25) {
		uint64_t far;

		__asm__ volatile("mrs %0, far_el1" : "=r"(far));
		LOG_ERR("FAR_ELn: 0x%016lx", far);
	}
	LOG_ERR("TPIDRRO: 0x%016lx", tpidrro);
	fatal_error(ec == 0x15 && (esr & 0xffff) == 2 ? (unsigned)esf->x8 : 0, esf);
}

void port_print_esf(const arch_esf *esf, unsigned reason)
{
	const uint64_t *r = &esf->x0;

	(void)reason;
	for (unsigned i = 0; i < 18; i += 2) {
		LOG_ERR("x%u:%s 0x%016lx  x%u:%s 0x%016lx", i, i < 10 ? " " : "", r[i],
			i + 1, i + 1 < 10 ? " " : "", r[i + 1]);
	}
	LOG_ERR("x18: 0x%016lx  lr:  0x%016lx", esf->x18, esf->lr);
}

unsigned port_block(const arch_esf *esf, uint8_t *out, uint16_t *version)
{
	const uint64_t *r = &esf->x0;
	uint64_t *w = (uint64_t *)(void *)out;

	*version = 2;
	for (unsigned i = 0; i < 23; i++) {
		*w++ = r[i];
	}
	*w++ = (uint64_t)(esf + 1);          /* sp before the exception */
	return 192;
}

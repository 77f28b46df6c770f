/* RISC-V (QEMU virt, machine mode): UART, threads, faults, register block. */
#include "kernel.h"

void *memset(void *d, int c, size_t n);
void *memcpy(void *d, const void *s, size_t n);

#define UART_THR ((volatile uint8_t *)0x10000000ul)

_Static_assert(offsetof(struct z_kernel, cpus[0].nested) == 0, "start.S");
_Static_assert(offsetof(struct z_kernel, cpus[0].irq_stack) == sizeof(long), "start.S");
#if defined(__riscv_32e)
_Static_assert(sizeof(arch_esf) == 64, "start.S");
#else
_Static_assert(sizeof(arch_esf) == ((19 * sizeof(long) + 15) & ~15ul), "start.S");
#endif

void z_riscv_thread_start(void);
void z_riscv_switch(struct _callee_saved *to, struct _callee_saved *from);
void z_riscv_fault(arch_esf *esf, unsigned long mcause, unsigned long mtval) __attribute__((noreturn));

static struct {
	unsigned long mcause;
	unsigned long mtval;
} fault;

void port_putc(char c)
{
	*UART_THR = (uint8_t)c;
}

void port_halt(void)
{
	for (;;) {
		__asm__ volatile("" : : : "memory");
	}
}

void port_init(void)
{
	/* machine software interrupt on */
	__asm__ volatile(".option push\n.option arch, +zicsr\n"
			 "csrw mie, %0\ncsrs mstatus, %0\n"
			 ".option pop" : : "r"(8ul));
}

void port_new_thread(struct k_thread *t, char *stack, size_t size, k_thread_entry_t entry)
{
	arch_esf *esf = (arch_esf *)((uintptr_t)(stack + size) & ~15ul) - 1;

	memset(esf, 0, sizeof(*esf));
	esf->a0 = (unsigned long)entry;
	esf->a1 = (unsigned long)t->entry.parameter1;
	esf->a2 = (unsigned long)t->entry.parameter2;
	esf->a3 = (unsigned long)t->entry.parameter3;
	esf->mepc = (unsigned long)z_thread_entry;
	esf->mstatus = 0x1880;
	t->callee_saved.sp = (unsigned long)esf;
	t->callee_saved.ra = (unsigned long)z_riscv_thread_start;
	/* something to recognise in every callee-saved register */
	t->callee_saved.s0 = 0x50000000ul + (unsigned char)t->name[0];
	t->callee_saved.s1 = 0x51010101ul;
#if !defined(__riscv_32e)
	t->callee_saved.s2 = 0x52020202ul;
	t->callee_saved.s3 = 0x53030303ul;
	t->callee_saved.s4 = 0x54040404ul;
	t->callee_saved.s5 = 0x55050505ul;
	t->callee_saved.s6 = 0x56060606ul;
	t->callee_saved.s7 = 0x57070707ul;
	t->callee_saved.s8 = 0x58080808ul;
	t->callee_saved.s9 = 0x59090909ul;
	t->callee_saved.s10 = 0x5a0a0a0aul;
	t->callee_saved.s11 = 0x5b0b0b0bul;
#endif
}

void port_swap(struct k_thread *to)
{
	struct k_thread *from = _current;

	_current = to;
	z_riscv_switch(&to->callee_saved, &from->callee_saved);
}

void z_riscv_fault(arch_esf *esf, unsigned long mcause, unsigned long mtval)
{
	unsigned reason = 0;

	fault.mcause = mcause;
	fault.mtval = mtval;
	if (mcause == 11) {
		reason = (unsigned)esf->a0;
		esf->mepc += 4;
	}
	fatal_error(reason, esf);
}

static const char *cause_text(unsigned long cause)
{
	switch (cause) {
	case 0:
		return "Instruction Address misaligned";
	case 1:
		return "Instruction Access fault";
	case 2:
		return "Illegal instruction";
	case 3:
		return "Breakpoint";
	case 5:
		return "Load access fault";
	case 7:
		return "Store/AMO access fault";
	default:
		return "unknown";
	}
}

#if __riscv_xlen == 64
#define PR_REG "%016lx"
#else
#define PR_REG "%08lx"
#endif

void port_print_esf(const arch_esf *esf, unsigned reason)
{
	if (reason == 0) {
		LOG_ERR("");
		LOG_ERR(" mcause: %u, %s", (unsigned)fault.mcause, cause_text(fault.mcause));
		LOG_ERR("  mtval: %lx", fault.mtval);
	}
	LOG_ERR("     a0: " PR_REG "    t0: " PR_REG, esf->a0, esf->t0);
	LOG_ERR("     a1: " PR_REG "    t1: " PR_REG, esf->a1, esf->t1);
	LOG_ERR("     a2: " PR_REG "    t2: " PR_REG, esf->a2, esf->t2);
#if defined(__riscv_32e)
	LOG_ERR("     a3: " PR_REG, esf->a3);
	LOG_ERR("     a4: " PR_REG, esf->a4);
	LOG_ERR("     a5: " PR_REG, esf->a5);
#else
	LOG_ERR("     a3: " PR_REG "    t3: " PR_REG, esf->a3, esf->t3);
	LOG_ERR("     a4: " PR_REG "    t4: " PR_REG, esf->a4, esf->t4);
	LOG_ERR("     a5: " PR_REG "    t5: " PR_REG, esf->a5, esf->t5);
	LOG_ERR("     a6: " PR_REG "    t6: " PR_REG, esf->a6, esf->t6);
	LOG_ERR("     a7: " PR_REG, esf->a7);
	LOG_ERR("     sp: " PR_REG, (unsigned long)(esf + 1));
#endif
	LOG_ERR("     ra: " PR_REG, esf->ra);
	LOG_ERR("   mepc: " PR_REG, esf->mepc);
	LOG_ERR("mstatus: " PR_REG, esf->mstatus);
	LOG_ERR("");
}

/* Version 1 (RV32, with sp: 76 bytes; RV32E, no sp: 48) or 2 (RV64, with sp: 152). tp is not captured. */
unsigned port_block(const arch_esf *esf, uint8_t *out, uint16_t *version)
{
	unsigned long slots[19] = {
		esf->ra, 0, esf->t0, esf->t1, esf->t2,
		esf->a0, esf->a1, esf->a2, esf->a3, esf->a4, esf->a5,
	};
	unsigned n = 11;

#if !defined(__riscv_32e)
	slots[n++] = esf->a6;
	slots[n++] = esf->a7;
	slots[n++] = esf->t3;
	slots[n++] = esf->t4;
	slots[n++] = esf->t5;
	slots[n++] = esf->t6;
#endif
	slots[n++] = esf->mepc;
#if !defined(__riscv_32e)
	slots[n++] = (unsigned long)(esf + 1);
#endif
	*version = sizeof(long) == 8 ? 2 : 1;
	memcpy(out, slots, n * sizeof(long));
	return n * (unsigned)sizeof(long);
}

/* RISC-V (RV32, RV32E, RV64): types the kernel structures embed, and the crash primitives. */
#ifndef PORT_H
#define PORT_H

#include <stdint.h>
#include <stddef.h>

#define PORT_TARGET 4
#if __riscv_xlen == 64
#define PORT_PTR_BITS 6
#else
#define PORT_PTR_BITS 5
#endif
#define PORT_SP_OFFSET offsetof(struct k_thread, callee_saved.sp)

#define PORT_HAS_ISR
#define PORT_BLOCK_MAX 152
#if __riscv_xlen == 64
#define PORT_STACK_MUL 2
#endif

#define PORT_CLINT_MSIP 0x02000000ul

struct _callee_saved {
	unsigned long sp;
	unsigned long ra;
	unsigned long s0;
	unsigned long s1;
#if !defined(__riscv_32e)
	unsigned long s2;
	unsigned long s3;
	unsigned long s4;
	unsigned long s5;
	unsigned long s6;
	unsigned long s7;
	unsigned long s8;
	unsigned long s9;
	unsigned long s10;
	unsigned long s11;
#endif
};

struct _thread_arch {
};

/* What the trap entry builds on the interrupted stack. */
typedef struct arch_esf {
	unsigned long ra;
	unsigned long t0;
	unsigned long t1;
	unsigned long t2;
#if !defined(__riscv_32e)
	unsigned long t3;
	unsigned long t4;
	unsigned long t5;
	unsigned long t6;
#endif
	unsigned long a0;
	unsigned long a1;
	unsigned long a2;
	unsigned long a3;
	unsigned long a4;
	unsigned long a5;
#if !defined(__riscv_32e)
	unsigned long a6;
	unsigned long a7;
#endif
	unsigned long mepc;
	unsigned long mstatus;
	unsigned long s0;
} __attribute__((aligned(16))) arch_esf;

static inline __attribute__((always_inline)) void port_undef(void)
{
	__asm__ volatile("unimp");
}

static inline __attribute__((always_inline)) void port_panic(void)
{
	register unsigned long reason __asm__("a0") = 4;

	__asm__ volatile("ecall" : : "r"(reason) : "memory");
}

/* The interrupt is taken at the latest at the wfi. */
static inline __attribute__((always_inline)) void port_trigger_irq(void)
{
	*(volatile uint32_t *)PORT_CLINT_MSIP = 1;
	__asm__ volatile("wfi" : : : "memory");
}

#endif

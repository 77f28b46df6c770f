	.file "start.S"
/* RISC-V: reset, trap entry, context switch. */

#if __riscv_xlen == 64
#define SR sd
#define LR ld
#define RS 8
#else
#define SR sw
#define LR lw
#define RS 4
#endif

/* slot numbers in struct arch_esf (port.h) */
#define E_RA 0
#define E_T0 1
#define E_T1 2
#define E_T2 3
#if defined(__riscv_32e)
#define E_A0 4
#define E_MEPC 10
#define E_MSTATUS 11
#define E_S0 12
#define ESF_SIZE 64
#else
#define E_T3 4
#define E_A0 8
#define E_MEPC 16
#define E_MSTATUS 17
#define E_S0 18
#define ESF_SIZE ((19 * RS + 15) & ~15)
#endif

	.option arch, +zicsr
	.cfi_sections .debug_frame

	.section .text.start, "ax"
	.globl _start
	.type _start, @function
_start:
	.cfi_startproc
	.cfi_undefined ra
	.option push
	.option norelax
	la gp, __global_pointer$
	.option pop
	la sp, z_boot_stack_end
#if __riscv_xlen == 64
	/* tp is live here but no Zephyr block version before 3 stores it */
	la tp, _kernel
#endif
	la t0, _isr_wrapper
	csrw mtvec, t0
	la t0, __bss_start
	la t1, __bss_end
1:	bgeu t0, t1, 2f
	SR zero, 0(t0)
	addi t0, t0, RS
	j 1b
2:	call z_cstart
3:	j 3b
	.cfi_endproc
	.size _start, . - _start

	.text

/*
 * Trap entry. Builds an arch_esf below sp. Exceptions stay on that stack;
 * interrupts go to the interrupt stack, whose first word is the interrupted sp.
 */
	.balign 64
	.globl _isr_wrapper
	.type _isr_wrapper, @function
_isr_wrapper:
	.cfi_startproc
	.cfi_undefined ra
	addi sp, sp, -ESF_SIZE
	SR ra, E_RA*RS(sp)
	SR t0, E_T0*RS(sp)
	SR t1, E_T1*RS(sp)
	SR t2, E_T2*RS(sp)
#if !defined(__riscv_32e)
	SR t3, (E_T3+0)*RS(sp)
	SR t4, (E_T3+1)*RS(sp)
	SR t5, (E_T3+2)*RS(sp)
	SR t6, (E_T3+3)*RS(sp)
#endif
	SR a0, (E_A0+0)*RS(sp)
	SR a1, (E_A0+1)*RS(sp)
	SR a2, (E_A0+2)*RS(sp)
	SR a3, (E_A0+3)*RS(sp)
	SR a4, (E_A0+4)*RS(sp)
	SR a5, (E_A0+5)*RS(sp)
#if !defined(__riscv_32e)
	SR a6, (E_A0+6)*RS(sp)
	SR a7, (E_A0+7)*RS(sp)
#endif
	SR s0, E_S0*RS(sp)
	csrr t0, mepc
	SR t0, E_MEPC*RS(sp)
	csrr t0, mstatus
	SR t0, E_MSTATUS*RS(sp)
	csrr a1, mcause
	csrr a2, mtval
	bltz a1, 1f
	mv a0, sp
	call z_riscv_fault

1:	mv s0, sp
	la t0, _kernel
	lw t1, 0(t0)		/* cpus[0].nested */
	addi t1, t1, 1
	sw t1, 0(t0)
	LR sp, RS(t0)		/* cpus[0].irq_stack */
	addi sp, sp, -16
	SR s0, 0(sp)
	call z_isr_body
2:	j 2b			/* the handler crashes; there is no way back */
	.cfi_endproc
	.size _isr_wrapper, . - _isr_wrapper

/* void z_riscv_switch(struct _callee_saved *to, struct _callee_saved *from) */
	.globl z_riscv_switch
	.type z_riscv_switch, @function
z_riscv_switch:
	.cfi_startproc
	SR sp, 0*RS(a1)
	SR ra, 1*RS(a1)
	SR s0, 2*RS(a1)
	SR s1, 3*RS(a1)
#if !defined(__riscv_32e)
	SR s2, 4*RS(a1)
	SR s3, 5*RS(a1)
	SR s4, 6*RS(a1)
	SR s5, 7*RS(a1)
	SR s6, 8*RS(a1)
	SR s7, 9*RS(a1)
	SR s8, 10*RS(a1)
	SR s9, 11*RS(a1)
	SR s10, 12*RS(a1)
	SR s11, 13*RS(a1)
#endif
	LR sp, 0*RS(a0)
	LR ra, 1*RS(a0)
	LR s0, 2*RS(a0)
	LR s1, 3*RS(a0)
#if !defined(__riscv_32e)
	LR s2, 4*RS(a0)
	LR s3, 5*RS(a0)
	LR s4, 6*RS(a0)
	LR s5, 7*RS(a0)
	LR s6, 8*RS(a0)
	LR s7, 9*RS(a0)
	LR s8, 10*RS(a0)
	LR s9, 11*RS(a0)
	LR s10, 12*RS(a0)
	LR s11, 13*RS(a0)
#endif
	ret
	.cfi_endproc
	.size z_riscv_switch, . - z_riscv_switch

/* First code of a new thread: unpacks the fabricated arch_esf at sp. */
	.globl z_riscv_thread_start
	.type z_riscv_thread_start, @function
z_riscv_thread_start:
	.cfi_startproc
	.cfi_undefined ra
	LR t0, E_MEPC*RS(sp)
	LR a0, (E_A0+0)*RS(sp)
	LR a1, (E_A0+1)*RS(sp)
	LR a2, (E_A0+2)*RS(sp)
	LR a3, (E_A0+3)*RS(sp)
	addi sp, sp, ESF_SIZE
	li ra, 0
	jr t0
	.cfi_endproc
	.size z_riscv_thread_start, . - z_riscv_thread_start

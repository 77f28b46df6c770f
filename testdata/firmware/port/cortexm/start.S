	.file "start.S"
	.syntax unified
	.thumb
	.cfi_sections .debug_frame

	.section .vectors, "a"
	.globl _vector_table
_vector_table:
	.word z_interrupt_stacks + ISR_STACK_SIZE
	.word z_arm_reset
	.word z_arm_nmi
	.word z_arm_fault_entry      /* hard */
	.word z_arm_fault_entry      /* memory management */
	.word z_arm_fault_entry      /* bus */
	.word z_arm_fault_entry      /* usage */
	.word z_arm_fault_entry      /* secure */
	.word 0, 0, 0
	.word z_arm_svc
	.word z_arm_fault_entry      /* debug monitor */
	.word 0
	.word z_arm_pendsv
	.word z_arm_nmi              /* systick */
	.rept 32
	.word _isr_wrapper
	.endr

	.text
	.macro func name
	.globl \name
	.type \name, %function
	.thumb_func
\name:
	.cfi_startproc
	.endm
	.macro endfunc name
	.cfi_endproc
	.size \name, . - \name
	.endm

func z_arm_reset
	.cfi_undefined lr
#ifdef __ARM_FP
	ldr r0, =0xe000ed88          /* CPACR: CP10, CP11 */
	ldr r1, [r0]
	orr r1, r1, #(0xf << 20)
	str r1, [r0]
	ldr r0, =0xe000ef34          /* FPCCR: ASPEN, LSPEN */
	ldr r1, [r0]
	orr r1, r1, #(3 << 30)
	str r1, [r0]
	dsb
	isb
#endif
	/* thread mode runs on PSP; boot borrows a piece of the interrupt stack */
	ldr r0, =z_interrupt_stacks + ISR_STACK_SIZE - 512
	msr psp, r0
	mrs r1, control
	movs r2, #2
	orrs r1, r2
	msr control, r1
	isb
	ldr r0, =__data_start
	ldr r1, =__data_end
	ldr r2, =__data_load
1:	cmp r0, r1
	bhs 2f
	ldr r3, [r2], #4
	str r3, [r0], #4
	b 1b
2:	ldr r0, =__bss_start
	ldr r1, =__bss_end
	movs r2, #0
3:	cmp r0, r1
	bhs 4f
	str r2, [r0], #4
	b 3b
4:	bl z_cstart
	b .
endfunc z_arm_reset

func z_arm_nmi
	b .
endfunc z_arm_nmi

/* All faults: collect r4-r11, MSP, PSP, EXC_RETURN for the C part. */
func z_arm_fault_entry
	mrs r0, msp
	mrs r1, psp
	push {r1, lr}                /* callee.psp slot; (lr keeps the stack aligned) */
	sub sp, #32
	stmia sp, {r4-r11}
	mov r2, lr
	mov r3, sp                   /* struct _callee_saved */
	bl z_arm_fault
	b .
endfunc z_arm_fault_entry

func z_arm_svc
	mrs r0, msp
	mrs r1, psp
	push {r1, lr}
	sub sp, #32
	stmia sp, {r4-r11}
	mov r2, lr
	mov r3, sp
	bl z_do_kernel_oops
	b .
endfunc z_arm_svc

/* Context switch: from _kernel.cpus[0].current to port_switch_to. */
func z_arm_pendsv
	ldr r1, =_kernel
	ldr r2, [r1, #8]             /* current */
	mrs r0, psp
	adds r3, r2, #OFF_CALLEE
	stmia r3!, {r4-r11}
	str r0, [r3]
	add r3, r2, #OFF_ARCH
	strb lr, [r3, #9]            /* mode_exc_return */
#ifdef __ARM_FP
	tst lr, #0x10
	bne 1f
	add r12, r3, #12
	vstmia r12, {s16-s31}
1:
#endif
	ldr r2, =port_switch_to
	ldr r2, [r2]
	str r2, [r1, #8]
	adds r3, r2, #OFF_CALLEE
	ldmia r3!, {r4-r11}
	ldr r0, [r3]
	msr psp, r0
	add r3, r2, #OFF_ARCH
	ldrb r1, [r3, #9]
	orr lr, r1, #0xffffff00
#ifdef __ARM_FP
	tst lr, #0x10
	bne 2f
	add r12, r3, #12
	vldmia r12, {s16-s31}
2:
#endif
	bx lr
endfunc z_arm_pendsv

func _isr_wrapper
	mrs r0, psp                  /* pushed for capture.py */
	push {r0, lr}
	.cfi_def_cfa_offset 8
	.cfi_offset lr, -4
	ldr r0, =_kernel
	ldr r1, [r0]
	adds r1, #1
	str r1, [r0]
	bl z_isr_body
	ldr r0, =_kernel
	ldr r1, [r0]
	subs r1, #1
	str r1, [r0]
	pop {r0, pc}
endfunc _isr_wrapper

	.file "start.S"
	.cfi_sections .debug_frame
	.macro func name
	.globl \name
	.type \name, %function
\name:
	.cfi_startproc
	.endm
	.macro endfunc name
	.cfi_endproc
	.size \name, . - \name
	.endm

	.section .vectors, "ax"
	.macro entry target
	.balign 0x80
	b \target
	.endm
	.balign 0x800
_vector_table:
	entry stuck
	entry stuck
	entry stuck
	entry stuck
	entry z_arm64_sync_exc       /* current EL, SP_ELx */
	entry _isr_wrapper
	entry stuck
	entry stuck
	.balign 0x80

	.text
func __start
	.cfi_undefined x30
	adrp x0, _vector_table
	msr vbar_el1, x0
	mov x0, #(3 << 20)           /* no FP traps */
	msr cpacr_el1, x0
	msr spsel, #1
	isb
	adrp x0, z_interrupt_stacks
	add x0, x0, :lo12:z_interrupt_stacks
	add x0, x0, #ISR_STACK_SIZE
	mov sp, x0
	adrp x0, _kernel
	add x0, x0, :lo12:_kernel
	orr x0, x0, #(1 << 56)
	msr tpidrro_el0, x0
	adrp x0, __bss_start
	add x0, x0, :lo12:__bss_start
	adrp x1, __bss_end
	add x1, x1, :lo12:__bss_end
1:	cmp x0, x1
	b.hs 2f
	str xzr, [x0], #8
	b 1b
2:	mov x29, xzr
	mov x30, xzr
	msr daifclr, #2
	bl z_cstart
	b .
endfunc __start

func stuck
	b .
endfunc stuck

	.macro enter_exc
	sub sp, sp, #ESF_SIZE
	stp x0, x1, [sp, #0]
	stp x2, x3, [sp, #16]
	stp x4, x5, [sp, #32]
	stp x6, x7, [sp, #48]
	stp x8, x9, [sp, #64]
	stp x10, x11, [sp, #80]
	stp x12, x13, [sp, #96]
	stp x14, x15, [sp, #112]
	stp x16, x17, [sp, #128]
	stp x18, x30, [sp, #144]
	mrs x0, spsr_el1
	mrs x1, elr_el1
	stp x0, x1, [sp, #160]
	str x29, [sp, #176]
	.endm

func z_arm64_sync_exc
	.cfi_undefined x30
	enter_exc
	mov x0, sp
	bl z_arm64_fault
	b .
endfunc z_arm64_sync_exc

func _isr_wrapper
	.cfi_undefined x30
	enter_exc
	adrp x0, _kernel
	add x0, x0, :lo12:_kernel
	ldr w1, [x0]
	add w1, w1, #1
	str w1, [x0]
	ldr x1, [x0, #8]             /* irq_stack */
	mov x2, sp
	mov sp, x1
	str x2, [sp, #-16]!
	mov x1, #0x08010000          /* GICC: acknowledge */
	ldr w19, [x1, #0xc]
	bl z_isr_body
	mov x1, #0x08010000
	str w19, [x1, #0x10]
	adrp x0, _kernel
	add x0, x0, :lo12:_kernel
	ldr w1, [x0]
	sub w1, w1, #1
	str w1, [x0]
	ldr x2, [sp]
	mov sp, x2
	b .                          /* no scenario returns from the interrupt */
endfunc _isr_wrapper

/* void port_swap(struct k_thread *to) */
func port_swap
	adrp x2, _kernel
	add x2, x2, :lo12:_kernel
	ldr x1, [x2, #16]            /* current */
	str x0, [x2, #16]
	add x1, x1, #OFF_CALLEE
	stp x19, x20, [x1, #0]
	stp x21, x22, [x1, #16]
	stp x23, x24, [x1, #32]
	stp x25, x26, [x1, #48]
	stp x27, x28, [x1, #64]
	mrs x4, sp_el0
	stp x29, x4, [x1, #80]
	mov x4, sp
	stp x4, x30, [x1, #96]
	add x1, x0, #OFF_CALLEE
	ldp x19, x20, [x1, #0]
	ldp x21, x22, [x1, #16]
	ldp x23, x24, [x1, #32]
	ldp x25, x26, [x1, #48]
	ldp x27, x28, [x1, #64]
	ldp x29, x4, [x1, #80]
	msr sp_el0, x4
	ldp x4, x30, [x1, #96]
	mov sp, x4
	ret
endfunc port_swap

/* first entry of a thread: arguments are on its stack */
func z_arm64_thread_start
	.cfi_undefined x30
	ldp x0, x1, [sp], #16
	ldp x2, x3, [sp], #16
	mov x30, xzr
	mov x29, xzr
	b z_thread_entry
endfunc z_arm64_thread_start

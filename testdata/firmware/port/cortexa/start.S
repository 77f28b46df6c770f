	.file "start.S"
	.syntax unified
	.arm
	.cfi_sections .debug_frame

#define MODE_IRQ 0x12
#define MODE_SVC 0x13
#define MODE_ABT 0x17
#define MODE_UND 0x1b
#define MODE_SYS 0x1f

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
	.balign 32
_vector_table:
	ldr pc, =__start
	ldr pc, =z_arm_undef_instruction
	ldr pc, =z_arm_svc
	ldr pc, =z_arm_prefetch_abort
	ldr pc, =z_arm_data_abort
	b .
	ldr pc, =_isr_wrapper
	b .
	.ltorg

	.text
func __start
	.cfi_undefined lr
	ldr r0, =_vector_table
	mcr p15, 0, r0, c12, c0, 0   /* VBAR */
	cps #MODE_UND
	ldr sp, =z_arm_undef_stack + EXC_STACK_SIZE
	cps #MODE_ABT
	ldr sp, =z_arm_abort_stack + EXC_STACK_SIZE
	cps #MODE_SVC
	ldr sp, =z_interrupt_stacks + ISR_STACK_SIZE
	cps #MODE_SYS                /* boot borrows a piece of the interrupt stack */
	ldr sp, =z_interrupt_stacks + ISR_STACK_SIZE - 512
	ldr r0, =__bss_start
	ldr r1, =__bss_end
	mov r2, #0
1:	cmp r0, r1
	strlo r2, [r0], #4
	blo 1b
	/* one table of 1 MiB sections, outside the image: the devices, one MiB of RAM twice over */
	ldr r0, =0x40100000
	mov r1, r0
	add r3, r0, #0x4000
2:	str r2, [r1], #4
	cmp r1, r3
	blo 2b
	ldr r1, =0x08000c06          /* GIC: device, read and write */
	str r1, [r0, #0x200]
	ldr r1, =0x09000c06          /* UART */
	str r1, [r0, #0x240]
	ldr r1, =0x40000c0e          /* RAM: cacheable */
	add r3, r0, #0x1000
	str r1, [r3]
	add r1, r1, #0x100000
	str r1, [r3, #4]
	mcr p15, 0, r2, c8, c7, 0
	mcr p15, 0, r2, c2, c0, 2
	mcr p15, 0, r0, c2, c0, 0
	mov r1, #1                   /* domain 0: client */
	mcr p15, 0, r1, c3, c0, 0
	dsb
	isb
	mrc p15, 0, r1, c1, c0, 0
	orr r1, r1, #1
	bic r1, r1, #2               /* no alignment checks */
	mcr p15, 0, r1, c1, c0, 0
	isb
	cpsie i
	mov lr, #0
	blx z_cstart
	b .
endfunc __start

	/* ESF on the stack of the exception's own mode; r4-r11 and the sp of the interrupted mode below */
	.macro exception_entry mode
	srsdb sp!, #\mode
	sub sp, sp, #24
	stm sp, {r0-r3, r12}
	add r0, sp, #20
	mrs r2, spsr
	and r2, r2, #0x1f
	cmp r2, #MODE_SVC            /* an ISR was running */
	beq 1f
	cps #MODE_SYS
	b 2f
1:	cps #MODE_SVC
2:	str lr, [r0]
	mov r3, sp
	cps #\mode
	mov r1, #0
	push {r1}
	push {r1}
	sub r1, sp, #40
	push {r1}
	mov r0, sp
	sub sp, sp, #36
	stm sp, {r4-r11}
	str r3, [sp, #32]
	bic sp, sp, #7
	.endm

func z_arm_undef_instruction
	.cfi_undefined lr
	push {r0}
	mrs r0, spsr                 /* lr is 2 (Thumb) or 4 (ARM) behind the instruction */
	tst r0, #0x20
	subne lr, lr, #2
	subeq lr, lr, #4
	pop {r0}
	exception_entry MODE_UND
	mov r1, #45
	blx z_arm_fault
	b .
endfunc z_arm_undef_instruction

func z_arm_prefetch_abort
	.cfi_undefined lr
	sub lr, lr, #4
	exception_entry MODE_ABT
	mov r1, #0
	blx z_arm_fault
	b .
endfunc z_arm_prefetch_abort

func z_arm_data_abort
	.cfi_undefined lr
	sub lr, lr, #8
	exception_entry MODE_ABT
	mov r1, #1
	blx z_arm_fault
	b .
endfunc z_arm_data_abort

/* svc 0: switch threads; svc 2: oops. The frame lies on the thread's stack. */
func z_arm_svc
	.cfi_undefined lr
	srsdb sp!, #MODE_SYS
	cps #MODE_SYS
	push {r0-r3, r12, lr}
	mov r0, sp
	cps #MODE_SVC
	mrs r1, spsr
	tst r1, #0x20
	ldrhne r1, [lr, #-2]
	ldreq r1, [lr, #-4]
	and r1, r1, #0xff
	cps #MODE_SYS
	cmp r1, #0
	beq do_switch
	/* extra info and callee-saved registers below the frame */
	add r3, sp, #32
	mov r1, #0
	push {r1}
	push {r1}
	sub r1, sp, #40
	push {r1}
	mov r0, sp
	sub sp, sp, #36
	stm sp, {r4-r11}
	str r3, [sp, #32]
	cps #MODE_SVC
	blx z_do_kernel_oops
	b .

do_switch:
	ldr r1, =_kernel
	ldr r2, [r1, #8]             /* current */
	add r3, r2, #OFF_CALLEE
	stm r3, {r4-r11}
	str sp, [r3, #32]
	ldr r2, =port_switch_to
	ldr r2, [r2]
	str r2, [r1, #8]
	add r3, r2, #OFF_CALLEE
	ldm r3, {r4-r11}
	ldr sp, [r3, #32]
	pop {r0-r3, r12, lr}
	rfeia sp!
endfunc z_arm_svc

func _isr_wrapper
	.cfi_undefined lr
	sub lr, lr, #4
	srsdb sp!, #MODE_SYS
	cps #MODE_SYS
	push {r0-r3, r12, lr}
	mov r0, sp
	cps #MODE_SVC                /* handlers run in SVC mode on the interrupt stack */
	push {r0, r4}                /* where the frame is */
	ldr r0, =_kernel
	ldr r1, [r0]
	add r1, r1, #1
	str r1, [r0]
	ldr r1, =0x08010000          /* GICC: acknowledge */
	ldr r4, [r1, #0xc]
	blx z_isr_body
	ldr r1, =0x08010000
	str r4, [r1, #0x10]
	ldr r0, =_kernel
	ldr r1, [r0]
	sub r1, r1, #1
	str r1, [r0]
	pop {r0, r4}
	cps #MODE_SYS
	pop {r0-r3, r12, lr}
	rfeia sp!
endfunc _isr_wrapper

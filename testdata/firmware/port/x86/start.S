	.file "start.S"
/* x86 (ia32 and x86_64): multiboot entry, exception and interrupt entry, context switch. */

	.cfi_sections .debug_frame

#define KERNEL_CS_32 0x08
#define KERNEL_DS_32 0x10
#define KERNEL_CS 0x18
#define KERNEL_DS 0x20
#define KERNEL_TR 0x40
#ifdef __x86_64__
#define RETURN_COLUMN 16
#else
#define RETURN_COLUMN 8
#endif

	.section .text.start, "ax"
	.balign 4
	.long 0x1badb002
	.long 0
	.long -0x1badb002

	.code32
	.globl _start
	.type _start, @function
_start:
	.cfi_startproc
	.cfi_undefined RETURN_COLUMN
	cli
	cld
	movb $0xff, %al
	outb %al, $0x21
	outb %al, $0xa1
	lgdt gdt48
	ljmpl $KERNEL_CS_32, $1f
1:	movl $KERNEL_DS_32, %eax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	movw %ax, %fs
	movw %ax, %gs
	xorl %eax, %eax
	movl $__bss_start, %edi
	movl $__bss_end, %ecx
	subl %edi, %ecx
	rep stosb
	movl $z_boot_stack_end, %esp

#ifdef __x86_64__
	/* identity map: first 2 MiB in 4 KiB pages without page 0, and the local APIC */
	movl $z_page_tables, %edi
	movl $(5 * 4096 / 4), %ecx
	rep stosl
	movl $z_page_tables + 0x1003, z_page_tables
	movl $z_page_tables + 0x2003, z_page_tables + 0x1000
	movl $z_page_tables + 0x3003, z_page_tables + 0x1000 + 3 * 8
	movl $z_page_tables + 0x4003, z_page_tables + 0x2000
	movl $0xfee00093, z_page_tables + 0x3000 + 0x1f7 * 8
	movl $1, %ecx
2:	movl %ecx, %eax
	shll $12, %eax
	orl $3, %eax
	movl %eax, z_page_tables + 0x4000(, %ecx, 8)
	incl %ecx
	cmpl $512, %ecx
	jb 2b

	movl %cr4, %eax
	orl $0x220, %eax		/* PAE, OSFXSR */
	movl %eax, %cr4
	clts
	movl $z_page_tables, %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx
	rdmsr
	orl $0x900, %eax		/* LME, NXE */
	wrmsr
	movl %cr0, %eax
	andl $~4, %eax
	orl $0x80010002, %eax		/* PG, WP, MP */
	movl %eax, %cr0
	ljmpl $KERNEL_CS, $3f
	.code64
3:	movl $KERNEL_DS, %eax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	xorl %eax, %eax
	movw %ax, %fs
	movw %ax, %gs
	movl $KERNEL_TR, %eax
	ltr %ax
	fninit
	call z_cstart
4:	jmp 4b
#else
	fninit
	call z_cstart
4:	jmp 4b
#endif
	.cfi_endproc
	.size _start, . - _start

	.text

#define STUB(nr) vector_##nr: push $0; push $nr; jmp z_x86_except
#define STUB_CODE(nr) vector_##nr: push $nr; jmp z_x86_except

	.type z_x86_vectors, @function
z_x86_vectors:
	.cfi_startproc
	.cfi_undefined RETURN_COLUMN
	STUB(0)
	STUB(1)
	STUB(2)
	STUB(3)
	STUB(4)
	STUB(5)
	STUB(6)
	STUB(7)
	STUB_CODE(8)
	STUB(9)
	STUB_CODE(10)
	STUB_CODE(11)
	STUB_CODE(12)
	STUB_CODE(13)
	STUB_CODE(14)
	STUB(15)
	STUB(16)
	STUB_CODE(17)
	STUB(18)
	STUB(19)
	STUB(32)

/* Completes struct arch_esf (port.h); vector and error code are on the stack. */
	.globl z_x86_except
z_x86_except:
#ifdef __x86_64__
	pushq %r11
	subq $512, %rsp
	fxsave (%rsp)
	pushq %r10
	pushq %r9
	pushq %r8
	pushq %rdi
	pushq %rsi
	pushq %rdx
	pushq %rcx
	pushq %rax
	pushq %rbp
	pushq %r15
	pushq %r14
	pushq %r13
	pushq %r12
	pushq %rbx
	movq %rsp, %rdi
	andq $~15, %rsp
	call z_x86_exception
#else
	xchgl %ecx, (%esp)		/* vector out, ecx in */
	pushl %eax
	pushl %edx
	pushl %edi
	pushl %esi
	pushl %ebx
	pushl %ebp
	leal 44(%esp), %eax
	pushl %eax
	movl %esp, %eax
	subl $8, %esp
	andl $~15, %esp
	movl %eax, (%esp)
	movl %ecx, 4(%esp)
	call z_x86_exception
#endif
	.cfi_endproc
	.size z_x86_vectors, . - z_x86_vectors

/* Interrupt entry. */
	.globl _interrupt_enter
	.type _interrupt_enter, @function
_interrupt_enter:
	.cfi_startproc
#ifdef __x86_64__
	.cfi_undefined RETURN_COLUMN
	/* on the interrupt stack (IST 1): the interrupted state goes to the k_thread */
	pushq %rsi
	pushq %rdi
	movl $_kernel, %esi
	incl (%rsi)			/* cpus[0].nested */
	movq 16(%rsi), %rdi		/* cpus[0].current */
	addq z_thread_arch_offset, %rdi
	movb $1, (%rdi)
	movq %rax, 8(%rdi)
	movq %rcx, 16(%rdi)
	movq %rdx, 24(%rdi)
	popq 40(%rdi)			/* rdi */
	popq 32(%rdi)			/* rsi */
	movq %r8, 48(%rdi)
	movq %r9, 56(%rdi)
	movq %r10, 64(%rdi)
	movq %r11, 72(%rdi)
	movq 16(%rsi), %rdi
	addq z_thread_callee_saved_offset, %rdi
	movq %rbx, 8(%rdi)
	movq %rbp, 16(%rdi)
	movq %r12, 24(%rdi)
	movq %r13, 32(%rdi)
	movq %r14, 40(%rdi)
	movq %r15, 48(%rdi)
	popq 56(%rdi)			/* rip */
	popq %rax			/* cs */
	popq 64(%rdi)			/* rflags */
	popq (%rdi)			/* rsp */
	popq %rax			/* ss */
	call z_isr_body
#else
	.cfi_undefined RETURN_COLUMN
	pushl %eax
	pushl %edx
	pushl %ecx
	pushl %edi
	movl $_kernel, %ecx
	incl (%ecx)			/* cpus[0].nested */
	movl %esp, %edi
	movl 4(%ecx), %esp		/* cpus[0].irq_stack */
	pushl %edi
	pushl $0			/* interrupt argument */
	call z_isr_body
#endif
1:	jmp 1b				/* the handler crashes; there is no way back */
	.cfi_endproc
	.size _interrupt_enter, . - _interrupt_enter

#ifdef __x86_64__

/* void z_x86_switch(struct _callee_saved *to, struct _callee_saved *from, struct _thread_arch *to_arch) */
	.globl z_x86_switch
	.type z_x86_switch, @function
z_x86_switch:
	.cfi_startproc
	popq 56(%rsi)			/* rip */
	pushfq
	popq 64(%rsi)
	movq %rsp, (%rsi)
	movq %rbx, 8(%rsi)
	movq %rbp, 16(%rsi)
	movq %r12, 24(%rsi)
	movq %r13, 32(%rsi)
	movq %r14, 40(%rsi)
	movq %r15, 48(%rsi)

	movq (%rdi), %rsp
	movq 8(%rdi), %rbx
	movq 16(%rdi), %rbp
	movq 24(%rdi), %r12
	movq 32(%rdi), %r13
	movq 40(%rdi), %r14
	movq 48(%rdi), %r15
	movq 56(%rdi), %rax
	pushq 64(%rdi)
	popfq
	testb $1, (%rdx)
	jz 1f
	movq 16(%rdx), %rcx
	movq 32(%rdx), %rsi
	movq 40(%rdx), %rdi
	movq 24(%rdx), %rdx
1:	jmp *%rax
	.cfi_endproc
	.size z_x86_switch, . - z_x86_switch

#else

/* unsigned arch_swap(unsigned long *from_esp, unsigned long *to_esp) */
	.globl arch_swap
	.type arch_swap, @function
arch_swap:
	.cfi_startproc
	movl 4(%esp), %edx
	movl 8(%esp), %ecx
	pushl %edi
	pushl %esi
	pushl %ebx
	pushl %ebp
	pushl $-11			/* return value: -EAGAIN */
	movl %esp, (%edx)
	movl (%ecx), %esp
	popl %eax
	popl %ebp
	popl %ebx
	popl %esi
	popl %edi
	ret
	.cfi_endproc
	.size arch_swap, . - arch_swap

/* First code of a new thread: edi is the function, its return slot is at esp. */
	.globl z_x86_thread_entry_wrapper
	.type z_x86_thread_entry_wrapper, @function
z_x86_thread_entry_wrapper:
	.cfi_startproc
	.cfi_undefined RETURN_COLUMN
	movl $0, (%esp)
	jmp *%edi
	.cfi_endproc
	.size z_x86_thread_entry_wrapper, . - z_x86_thread_entry_wrapper

#endif

	.section .rodata, "a"
	.balign 8
	.globl z_x86_stubs
	.type z_x86_stubs, @object
z_x86_stubs:				/* vectors 0..19, then 32 */
#ifdef __x86_64__
#define PTR .quad
#else
#define PTR .long
#endif
	PTR vector_0, vector_1, vector_2, vector_3, vector_4, vector_5, vector_6, vector_7
	PTR vector_8, vector_9, vector_10, vector_11, vector_12, vector_13, vector_14, vector_15
	PTR vector_16, vector_17, vector_18, vector_19, vector_32
	.size z_x86_stubs, . - z_x86_stubs

	.data
	.balign 8
gdt:
	.quad 0
	.quad 0x00cf9b000000ffff	/* 0x08: 32-bit code */
	.quad 0x00cf93000000ffff	/* 0x10: 32-bit data */
	.quad 0x00209b0000000000	/* 0x18: 64-bit code */
	.quad 0x0000930000000000	/* 0x20: 64-bit data */
#ifdef __x86_64__
	.quad 0
	.quad 0
	.quad 0
	.word 0x67			/* 0x40: 64-bit TSS, below 16 MiB */
	.word tss_low
	.byte tss_mid
	.byte 0x89
	.byte 0, 0
	.quad 0
#endif
gdt48:
	.word gdt48 - gdt - 1
	.long gdt
	.long 0
#ifdef __x86_64__
	.balign 8
	.globl z_x86_tss
	.type z_x86_tss, @object
z_x86_tss:
	.long 0
	.quad 0, 0, 0
	.quad 0
	.globl z_x86_ist1
z_x86_ist1:
	.quad 0, 0, 0, 0, 0, 0
	.globl z_x86_ist7
z_x86_ist7:
	.quad 0
	.quad 0
	.word 0, 0x68
	.size z_x86_tss, . - z_x86_tss
#endif

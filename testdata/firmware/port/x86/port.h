/* x86: ia32 and x86_64. Types the kernel structures embed, and the crash primitives. */
#ifndef PORT_H
#define PORT_H

#include <stdint.h>
#include <stddef.h>

#define PORT_LAPIC 0xfee00000ul
#define PORT_IRQ_VECTOR 0x21
#define PORT_OOPS_VECTOR 0x20

#define PORT_HAS_ISR
#define PORT_HAS_DIV
#define PORT_HAS_FPU
#define PORT_BLOCK_MAX 176

#ifdef __x86_64__

#define PORT_STACK_MUL 2
#define PORT_TARGET 2
#define PORT_PTR_BITS 6
#define PORT_SP_OFFSET offsetof(struct k_thread, callee_saved.rsp)
#define X86_THREAD_FLAG_ALL 0x01 /* _thread_arch.flags: the caller-saved registers are in _thread_arch too */

struct _callee_saved {
	uint64_t rsp;
	uint64_t rbx;
	uint64_t rbp;
	uint64_t r12;
	uint64_t r13;
	uint64_t r14;
	uint64_t r15;
	uint64_t rip;
	uint64_t rflags;
};

struct _thread_arch {
	uint8_t flags;
	uint64_t rax;
	uint64_t rcx;
	uint64_t rdx;
	uint64_t rsi;
	uint64_t rdi;
	uint64_t r8;
	uint64_t r9;
	uint64_t r10;
	uint64_t r11;
};

/* On the exception stack (IST 7), never on the thread's own. */
typedef struct arch_esf {
	uint64_t rbx;
	uint64_t r12;
	uint64_t r13;
	uint64_t r14;
	uint64_t r15;
	uint64_t rbp;
	uint64_t rax;
	uint64_t rcx;
	uint64_t rdx;
	uint64_t rsi;
	uint64_t rdi;
	uint64_t r8;
	uint64_t r9;
	uint64_t r10;
	char fxsave[512];
	uint64_t r11;
	uint64_t vector;
	uint64_t code;
	uint64_t rip;
	uint64_t cs;
	uint64_t rflags;
	uint64_t rsp;
	uint64_t ss;
} arch_esf;

#else

#define PORT_TARGET 1
#define PORT_PTR_BITS 5
#define PORT_SP_OFFSET offsetof(struct k_thread, callee_saved.esp)

struct _callee_saved {
	unsigned long esp;
};

struct _thread_arch {
	uint8_t flags;
};

/* On the faulting thread's stack; the CPU pushes the last words. */
typedef struct arch_esf {
	unsigned int esp;
	unsigned int ebp;
	unsigned int ebx;
	unsigned int esi;
	unsigned int edi;
	unsigned int edx;
	unsigned int eax;
	unsigned int ecx;
	unsigned int errorCode;
	unsigned int eip;
	unsigned int cs;
	unsigned int eflags;
} arch_esf;

/* What the interrupt entry leaves on the interrupted thread's stack. */
struct x86_irq_frame {
	unsigned int edi;
	unsigned int ecx;
	unsigned int edx;
	unsigned int eax;
	unsigned int eip;
	unsigned int cs;
	unsigned int eflags;
};

#endif

static inline __attribute__((always_inline)) void port_undef(void)
{
	__asm__ volatile("ud2");
}

static inline __attribute__((always_inline)) void port_panic(void)
{
	__asm__ volatile("int $0x20" : : "a"(4ul) : "memory");
}

/* A self-IPI; the interrupt is taken at the latest at the hlt. */
static inline __attribute__((always_inline)) void port_trigger_irq(void)
{
	*(volatile uint32_t *)(PORT_LAPIC + 0x300) = 0x44000 | PORT_IRQ_VECTOR;
	__asm__ volatile("hlt" : : : "memory");
}

#endif

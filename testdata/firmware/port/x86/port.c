/* x86 (ia32 and x86_64, QEMU pc): UART, threads, descriptor tables, faults, register block. */
#include "kernel.h"

void *memset(void *d, int c, size_t n);
void *memcpy(void *d, const void *s, size_t n);

void z_x86_exception(arch_esf *esf, unsigned vector) __attribute__((noreturn));
void _interrupt_enter(void);

extern const uintptr_t z_x86_stubs[21];     /* vectors 0..19, then PORT_OOPS_VECTOR */

#define LAPIC(r) (*(volatile uint32_t *)(PORT_LAPIC + (r)))

/* kept out of the dumped image: see link.ld */
#define BOOT __attribute__((section(".boot.bss"), aligned(16)))

#ifdef __x86_64__

#define CS 0x18
struct gate { uint16_t low, cs; uint8_t ist, type; uint16_t mid; uint32_t high, zero; };

char z_x86_exception_stack[2048] __attribute__((section(".noinit"), aligned(16)));
extern struct { uint64_t v; } __attribute__((packed)) z_x86_ist1, z_x86_ist7;

/* read by _interrupt_enter */
const uint64_t z_thread_callee_saved_offset = offsetof(struct k_thread, callee_saved);
const uint64_t z_thread_arch_offset = offsetof(struct k_thread, arch);

_Static_assert(offsetof(struct z_kernel, cpus[0].current) == 16, "start.S");
_Static_assert(offsetof(struct _thread_arch, r11) == 72, "start.S");
_Static_assert(sizeof(arch_esf) == 22 * 8 + 512, "start.S");

#else

#define CS 0x08
struct gate { uint16_t low, cs; uint8_t ist, type; uint16_t mid; };

_Static_assert(sizeof(arch_esf) == 48, "start.S");
_Static_assert(offsetof(struct z_kernel, cpus[0].irq_stack) == 4, "start.S");

#endif

static struct gate idt[PORT_IRQ_VECTOR + 1] BOOT;

/* the ESF of ia32 has no vector */
unsigned z_x86_exception_vector;

static void outb(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

void port_putc(char c)
{
	outb(0x3f8, (uint8_t)c);
}

void port_halt(void)
{
	for (;;) {
		__asm__ volatile("pause" : : : "memory");
	}
}

static void set_gate(unsigned vector, uintptr_t target, uint8_t type, uint8_t ist)
{
	struct gate *g = &idt[vector];

	g->low = (uint16_t)target;
	g->cs = CS;
	g->ist = ist;
	g->type = type;
	g->mid = (uint16_t)(target >> 16);
}

void port_init(void)
{
	struct { uint16_t limit; uintptr_t base; } __attribute__((packed)) idtr = {
		sizeof(idt) - 1, (uintptr_t)idt,
	};

	outb(0x3f9, 0);
	outb(0x3fb, 3);
	for (unsigned i = 0; i < 20; i++) {
		set_gate(i, z_x86_stubs[i], 0x8e, 7);
	}
	set_gate(PORT_OOPS_VECTOR, z_x86_stubs[20], 0x8e, 7);
	set_gate(PORT_IRQ_VECTOR, (uintptr_t)_interrupt_enter, 0x8e, 1);
#ifdef __x86_64__
	z_x86_ist1.v = (uint64_t)(z_interrupt_stacks[0] + sizeof(z_interrupt_stacks[0]));
	z_x86_ist7.v = (uint64_t)(z_x86_exception_stack + sizeof(z_x86_exception_stack));
	for (unsigned i = 0; i < sizeof(z_x86_exception_stack); i++) {
		z_x86_exception_stack[i] = (char)0xaa;
	}
#else
	/* no paging: make a jump to 0 an invalid opcode instead of what the BIOS left there */
	__asm__ volatile("movw $0x0b0f, 0");
	for (unsigned i = 0; i < PORT_IRQ_VECTOR + 1; i++) {
		idt[i].ist = 0;
	}
#endif
	__asm__ volatile("lidt %0" : : "m"(idtr));
	LAPIC(0xf0) = 0x1ff;
	__asm__ volatile("sti");
}

#ifdef __x86_64__

void z_x86_switch(struct _callee_saved *to, struct _callee_saved *from, struct _thread_arch *to_arch);

void port_new_thread(struct k_thread *t, char *stack, size_t size, k_thread_entry_t entry)
{
	uint64_t *top = (uint64_t *)((uintptr_t)(stack + size) & ~15ul);

	*--top = 0;
	*--top = 0;     /* z_thread_entry's return address; rsp + 8 is a multiple of 16 */
	t->callee_saved.rsp = (uint64_t)(top + 1);
	t->callee_saved.rip = (uint64_t)z_thread_entry;
	t->callee_saved.rflags = 0x202;
	t->callee_saved.rbp = 0;
	/* something to recognise in every callee-saved register */
	t->callee_saved.rbx = 0x5b00000000ul + (unsigned char)t->name[0];
	t->callee_saved.r12 = 0x5c0c0c0c0cul;
	t->callee_saved.r13 = 0x5d0d0d0d0dul;
	t->callee_saved.r14 = 0x5e0e0e0e0eul;
	t->callee_saved.r15 = 0x5f0f0f0f0ful;
	t->arch.flags = X86_THREAD_FLAG_ALL;
	t->arch.rdi = (uint64_t)entry;
	t->arch.rsi = (uint64_t)t->entry.parameter1;
	t->arch.rdx = (uint64_t)t->entry.parameter2;
	t->arch.rcx = (uint64_t)t->entry.parameter3;
}

void port_swap(struct k_thread *to)
{
	struct k_thread *from = _current;

	_current = to;
	from->arch.flags &= (uint8_t)~X86_THREAD_FLAG_ALL;
	z_x86_switch(&to->callee_saved, &from->callee_saved, &to->arch);
}

#else

unsigned arch_swap(unsigned long *from_esp, unsigned long *to_esp);
void z_x86_thread_entry_wrapper(void);

/* Laid out so that arch_swap can pop it. */
struct initial_frame {
	uint32_t retval, ebp, ebx, esi, edi, ret;
	uint32_t eflags;        /* zeroed by the wrapper: z_thread_entry's return address */
	uint32_t entry, p1, p2, p3;
};

void port_new_thread(struct k_thread *t, char *stack, size_t size, k_thread_entry_t entry)
{
	uintptr_t args = ((uintptr_t)(stack + size) & ~15ul) - 16;
	struct initial_frame *f = (struct initial_frame *)(args - offsetof(struct initial_frame, entry));

	f->retval = 0;
	f->ebp = 0;
	f->ebx = 0x5b000000u + (unsigned char)t->name[0];
	f->esi = 0x5e0e0e0eu;
	f->edi = (uint32_t)z_thread_entry;
	f->ret = (uint32_t)z_x86_thread_entry_wrapper;
	f->eflags = 0x202;
	f->entry = (uint32_t)entry;
	f->p1 = (uint32_t)t->entry.parameter1;
	f->p2 = (uint32_t)t->entry.parameter2;
	f->p3 = (uint32_t)t->entry.parameter3;
	t->callee_saved.esp = (unsigned long)f;
}

void port_swap(struct k_thread *to)
{
	struct k_thread *from = _current;

	_current = to;
	(void)arch_swap(&from->callee_saved.esp, &to->callee_saved.esp);
}

#endif

void z_x86_exception(arch_esf *esf, unsigned vector)
{
	unsigned reason = 0;

#ifdef __x86_64__
	vector = (unsigned)esf->vector;
	if (vector == PORT_OOPS_VECTOR) {
		reason = (unsigned)esf->rax;
	}
#else
	if (vector == PORT_OOPS_VECTOR) {
		reason = esf->eax;
	}
#endif
	z_x86_exception_vector = vector;
	fatal_error(reason, esf);
}

static const char *vector_text(unsigned vector)
{
	switch (vector) {
	case 0:
		return "Divide by zero";
	case 6:
		return "Invalid opcode";
	case 12:
		return "Stack segment fault";
	default:
		return "Exception not handled";
	}
}

#ifdef __x86_64__

static unsigned long cr2_get(void)
{
	unsigned long v;

	__asm__ volatile("mov %%cr2, %0" : "=r"(v));
	return v;
}

#endif

static unsigned long cr3_get(void)
{
	unsigned long v;

	__asm__ volatile("mov %%cr3, %0" : "=r"(v));
	return v;
}

void port_print_esf(const arch_esf *esf, unsigned reason)
{
	unsigned vector = z_x86_exception_vector;

	(void)reason;
#ifdef __x86_64__
	if (vector == 14) {
		unsigned err = (unsigned)esf->code;

		LOG_ERR("Page fault at address 0x%lx (error code 0x%x)", cr2_get(), err);
		if ((err & 1) == 0) {
			LOG_ERR("Linear address not present in page tables");
		}
		LOG_ERR("Access violation: supervisor thread not allowed to %s",
			err & 0x10 ? "execute" : err & 2 ? "write" : "read");
	} else if (vector < 32) {
		LOG_ERR("%s", vector_text(vector));
	}
	LOG_ERR("RAX: 0x%016lx RBX: 0x%016lx RCX: 0x%016lx RDX: 0x%016lx", esf->rax, esf->rbx, esf->rcx, esf->rdx);
	LOG_ERR("RSI: 0x%016lx RDI: 0x%016lx RBP: 0x%016lx RSP: 0x%016lx", esf->rsi, esf->rdi, esf->rbp, esf->rsp);
	LOG_ERR(" R8: 0x%016lx  R9: 0x%016lx R10: 0x%016lx R11: 0x%016lx", esf->r8, esf->r9, esf->r10, esf->r11);
	LOG_ERR("R12: 0x%016lx R13: 0x%016lx R14: 0x%016lx R15: 0x%016lx", esf->r12, esf->r13, esf->r14, esf->r15);
	LOG_ERR("RSP: 0x%016lx RFLAGS: 0x%016lx CS: 0x%04lx CR3: 0x%016lx", esf->rsp, esf->rflags, esf->cs & 0xffff,
		cr3_get());
	LOG_ERR("RIP: 0x%016lx", esf->rip);
#else
	if (vector < 32) {
		LOG_ERR("%s", vector_text(vector));
	}
	LOG_ERR("EAX: 0x%08x, EBX: 0x%08x, ECX: 0x%08x, EDX: 0x%08x", esf->eax, esf->ebx, esf->ecx, esf->edx);
	LOG_ERR("ESI: 0x%08x, EDI: 0x%08x, EBP: 0x%08x, ESP: 0x%08x", esf->esi, esf->edi, esf->ebp, esf->esp);
	LOG_ERR("EFLAGS: 0x%08x CS: 0x%04x CR3: 0x%08lx", esf->eflags, esf->cs & 0xffff, cr3_get());
	LOG_ERR("EIP: 0x%08x", esf->eip);
#endif
}

/* Version 1: 13 words (ia32) or 22 slots (x86_64 with the callee-saved registers). */
unsigned port_block(const arch_esf *esf, uint8_t *out, uint16_t *version)
{
#ifdef __x86_64__
	const uint64_t slots[22] = {
		esf->vector, esf->code, esf->rax, esf->rcx, esf->rdx, esf->rsi, esf->rdi, esf->rsp,
		esf->r8, esf->r9, esf->r10, esf->r11, esf->rip, esf->rflags, esf->cs & 0xffff, esf->ss, esf->rbp,
		esf->rbx, esf->r12, esf->r13, esf->r14, esf->r15,
	};
#else
	const uint32_t slots[13] = {
		z_x86_exception_vector, esf->errorCode, esf->eax, esf->ecx, esf->edx, esf->ebx, esf->esp, esf->ebp,
		esf->esi, esf->edi, esf->eip, esf->eflags, esf->cs & 0xffff,
	};
#endif
	*version = 1;
	memcpy(out, slots, sizeof(slots));
	return sizeof(slots);
}

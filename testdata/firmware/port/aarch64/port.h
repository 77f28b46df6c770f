/* ARM64 at EL1, QEMU virt, MMU off. */
#ifndef PORT_H
#define PORT_H

#define PORT_TARGET 6
#define PORT_PTR_BITS 6
#define PORT_BLOCK_MAX 192
#define PORT_STACK_MUL 3 / 2
#define PORT_HAS_ISR

struct _callee_saved {
	uint64_t x19, x20, x21, x22, x23, x24, x25, x26, x27, x28, x29;
	uint64_t sp_el0;
	uint64_t sp_elx;
	uint64_t lr;
};

struct _thread_arch {
	uint64_t exception_depth;
};

#define PORT_SP_OFFSET offsetof(struct k_thread, callee_saved.sp_elx)

/* As the entry code pushes it, with CONFIG_FRAME_POINTER; 16-byte aligned. */
typedef struct arch_esf {
	uint64_t x0, x1, x2, x3, x4, x5, x6, x7, x8, x9;
	uint64_t x10, x11, x12, x13, x14, x15, x16, x17, x18;
	uint64_t lr;
	uint64_t spsr;
	uint64_t elr;
	uint64_t fp;
} __attribute__((aligned(16))) arch_esf;

#define port_undef() __asm__ volatile("udf #0" ::: "memory")

/* k_panic: svc 2 with the reason in x8 */
#define port_panic() do {                                            \
	register uint64_t x8_ __asm__("x8") = 4;                     \
	__asm__ volatile("svc #2" :: "r"(x8_) : "memory");           \
} while (0)

/* SGI 3 to ourselves */
#define port_trigger_irq() do {                                      \
	*(volatile uint32_t *)0x08000f00 = 0x02000003;               \
	__asm__ volatile("dsb sy\n\tisb" ::: "memory");              \
} while (0)

#endif

/* Cortex-A (AArch32), QEMU virt, Thumb code, threads in SYS mode, MMU on so that address 0 faults. */
#ifndef PORT_H
#define PORT_H

#define PORT_TARGET 7
#define PORT_PTR_BITS 5
#define PORT_BLOCK_MAX 68
#define PORT_HAS_ISR

struct _callee_saved {
	uint32_t v1, v2, v3, v4, v5, v6, v7, v8;    /* r4 - r11 */
	uint32_t psp;
};

struct _thread_arch {
	uint32_t basepri;
	uint32_t swap_return_value;
	int8_t exception_depth;
};

#define PORT_SP_OFFSET offsetof(struct k_thread, callee_saved.psp)

struct __extra_esf_info {
	struct _callee_saved *callee;
	uint32_t msp;
	uint32_t exc_return;
};

typedef struct arch_esf {
	struct __extra_esf_info extra_info;
	struct __basic_sf {
		uint32_t a1, a2, a3, a4, ip, lr, pc, xpsr;
	} basic;
} arch_esf;

#define port_undef() __asm__ volatile("udf #0" ::: "memory")

/* k_panic: svc 2 with the reason in r0 */
#define port_panic() do {                                            \
	register uint32_t r0_ __asm__("r0") = 4;                     \
	__asm__ volatile("svc #2" :: "r"(r0_) : "memory");           \
} while (0)

/* SGI 3 to ourselves */
#define port_trigger_irq() do {                                      \
	*(volatile uint32_t *)0x08000f00 = 0x02000003;               \
	__asm__ volatile("dsb\n\tisb" ::: "memory");                 \
} while (0)

#endif

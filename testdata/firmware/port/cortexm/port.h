/* Cortex-M: v7-M (mps2-an385) and v8-M secure state (mps2-an505), with or without FPU. */
#ifndef PORT_H
#define PORT_H

#define PORT_TARGET 3
#define PORT_PTR_BITS 5
#define PORT_BLOCK_MAX 68
#define PORT_HAS_ISR
#define PORT_HAS_DIV
#if defined(__ARM_FP)
#define PORT_HAS_FPU
#define PORT_FP_CONTEXT
#endif

struct _callee_saved {
	uint32_t v1, v2, v3, v4, v5, v6, v7, v8;    /* r4 - r11 */
	uint32_t psp;
};

struct _preempt_float {
	float s16, s17, s18, s19, s20, s21, s22, s23, s24, s25, s26, s27, s28, s29, s30, s31;
};

struct _thread_arch {
	uint32_t basepri;
	uint32_t swap_return_value;
	union {
		uint32_t mode;
		struct {
			uint8_t mode_bits;
			uint8_t mode_exc_return;
			uint16_t mode_reserved2;
		};
	};
#ifdef PORT_HAS_FPU
	struct _preempt_float preempt_float;
#endif
};

#define PORT_SP_OFFSET offsetof(struct k_thread, callee_saved.psp)
#define PORT_EXC_RETURN_OFFSET offsetof(struct k_thread, arch.mode_exc_return)
#ifdef PORT_HAS_FPU
#define PORT_PREEMPT_FLOAT_OFFSET offsetof(struct k_thread, arch.preempt_float)
#endif

struct __extra_esf_info {
	struct _callee_saved *callee;
	uint32_t msp;
	uint32_t exc_return;
};

/* What the hardware stacks, as copied for the C handler, plus what the entry stub knew. */
typedef struct arch_esf {
	struct __basic_sf {
		uint32_t a1, a2, a3, a4, ip, lr, pc, xpsr;
	} basic;
#ifdef PORT_HAS_FPU
	struct __fpu_sf {
		uint32_t s[16];
		uint32_t fpscr;
		uint32_t lr_slot;
	} fpu;
#endif
	struct __extra_esf_info extra_info;
} arch_esf;

#define REG32(a) (*(volatile uint32_t *)(a))

#define port_undef() __asm__ volatile("udf #0" ::: "memory")

/* k_panic: svc 2 with the reason in r0 */
#define port_panic() do {                                            \
	register uint32_t r0_ __asm__("r0") = 4;                     \
	__asm__ volatile("svc #2" :: "r"(r0_) : "memory");           \
} while (0)

/* pend external interrupt 31 */
#define port_trigger_irq() do {                                      \
	REG32(0xe000e200) = 1u << 31;                                \
	__asm__ volatile("dsb\n\tisb" ::: "memory");                 \
} while (0)

#endif

/* What the programs whose variables are shown share. All code here is our own. */
#ifndef EXHIBIT_H
#define EXHIBIT_H

#include "kernel.h"

#ifdef __clang__
#define NOINLINE __attribute__((noinline))
#else
#define NOINLINE __attribute__((noinline, noclone))
#endif
#define INLINE static inline __attribute__((always_inline))

/* The variable lives in memory, and what is there counts. */
#define IN_MEMORY(v) __asm__ volatile("" : : "r"(&(v)) : "memory")
/* The scalar is used here, in a register: it must survive what stands before. */
#define USED(v) __asm__ volatile("" : : "r"(v))
/* A value that no compiler knows. */
#define OPAQUE(v) __asm__ volatile("" : "+r"(v))

#define STACK(name, size) \
	static char name[(size) * PORT_STACK_MUL] __attribute__((section(".noinit"), aligned(16)))

void *memcpy(void *d, const void *s, size_t n);
int hold(void);                 /* sleeps for ever: where a thread's trace starts */

/* other.c */
struct hidden;
extern struct hidden *the_hidden;
int other_sum(int n);
int weak_answer(void);
extern int weak_value;

/* flow.c */
void recursion_thread(void *a, void *b, void *c);
void passing_thread(void *a, void *b, void *c);
void crash_thread(void *a, void *b, void *c);

/* optimised.c */
void optimised_thread(void *a, void *b, void *c);

#endif

/* The C side of nocore.rs: threads that call it, and what it calls. */
#include "kernel.h"

int rust_waits(unsigned n);
int rust_crashes(unsigned n);

static struct k_sem never;

int rust_hold(void)
{
	return k_sem_take(&never, -1);
}

int rust_crash(void)
{
	port_undef();
	return 1;
}

void rust_use(const uint8_t *p)
{
	__asm__ volatile("" : : "r"(p) : "memory");
}

#define STACK(name, size) static char name[(size) * PORT_STACK_MUL] __attribute__((section(".noinit"), aligned(16)))
STACK(waiting_stack, 1024);
STACK(crash_stack, 2048);
static struct k_thread waiting, crash;

static void waiting_thread(void *a, void *b, void *c)
{
	(void)a;
	(void)b;
	(void)c;
	never.count = (unsigned)rust_waits(6);
}

static void crash_thread(void *a, void *b, void *c)
{
	(void)a;
	(void)b;
	(void)c;
	never.count = (unsigned)rust_crashes(8);
}

void z_isr_body(void)
{
}

int main(void)
{
	k_thread_create(&waiting, "waiting", waiting_stack, sizeof(waiting_stack), waiting_thread, NULL, NULL, NULL, 1);
	(void)k_sleep(1);
	k_thread_create(&crash, "crash", crash_stack, sizeof(crash_stack), crash_thread, NULL, NULL, NULL, 2);
	return k_sem_take(&never, -1);
}

/* The C side of plant.cpp: threads that run it. */
#include "kernel.h"

void *plant_construct(void);
void plant_motor(void *a, void *b, void *c);
void plant_crash(void *a, void *b, void *c);

#define STACK(name, size) static char name[(size) * PORT_STACK_MUL] __attribute__((section(".noinit"), aligned(16)))
STACK(motor_stack, 1024);
STACK(crash_stack, 4096);
static struct k_thread motor, crash;
static struct k_sem never;

void z_isr_body(void)
{
}

int main(void)
{
	void *built = plant_construct();

	k_thread_create(&motor, "motor", motor_stack, sizeof(motor_stack), plant_motor, built, NULL, NULL, 1);
	(void)k_sleep(1);
	k_thread_create(&crash, "crash", crash_stack, sizeof(crash_stack), plant_crash, NULL, NULL, NULL, 2);
	return k_sem_take(&never, -1);
}

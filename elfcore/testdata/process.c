// A program that ends as its first argument says, for TestKernelCores.
//
//	gcc -g -O1 -pthread process.c -o process
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char marker[] = "a marker in .data";
volatile double value = 1.5;
static pthread_barrier_t ready;

static void *idle(void *p)
{
	pthread_barrier_wait(&ready);
	for (;;)
		pause();
	return p;
}

int main(int argc, char **argv)
{
	pthread_t t;
	const char *how = argc > 1 ? argv[1] : "";
	int threads = argc > 2 ? atoi(argv[2]) : 0;
	volatile double x = value * 3;
	volatile int zero = 0;
	void (*volatile null)(void) = (void (*)(void))0;

	pthread_barrier_init(&ready, 0, threads + 1);
	for (int i = 0; i < threads; i++)
		pthread_create(&t, 0, idle, 0);
	pthread_barrier_wait(&ready);
	if (!strcmp(how, "read"))
		return *(volatile int *)0x1234 + (int)x;
	if (!strcmp(how, "write"))
		*(volatile char *)"constant" = 1;
	if (!strcmp(how, "call"))
		null();
	if (!strcmp(how, "noncanonical"))
		return *(volatile int *)0x8000000000001234;
	if (!strcmp(how, "divide"))
		return (int)x / zero;
	if (!strcmp(how, "illegal"))
		__builtin_trap();
	if (!strcmp(how, "abort"))
		abort();
	if (!strcmp(how, "sent"))
		raise(SIGSEGV);
	if (!strcmp(how, "sys"))
		kill(getpid(), SIGSYS);
	return 0;
}

// A program that ends as its first argument says. Of idle threads it has as
// many as the second one says.
//
//	gcc -g -O1 -pthread process.c -o process
#define _GNU_SOURCE
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

char marker[] = "a marker in .data";
volatile double value = 1.5;
volatile int zero, result;
static pthread_barrier_t ready;

static void *idle(void *p)
{
	pthread_barrier_wait(&ready);
	for (;;)
		pause();
	return p;
}

static void read_nowhere(void) { result = *(volatile int *)0x1234; }

static void write_constant(void) { *(volatile char *)"constant" = 1; }

static void call_null(void) { ((void (*volatile)(void))0)(); }

static void noncanonical(void) { result = *(volatile int *)0x8000000000001234; }

static void divide(void) { result = 100 / zero; }

static void illegal(void) { __builtin_trap(); }

// A page of a file that ends before it.
static void bus(void)
{
	*(volatile char *)mmap(0, 4096, PROT_WRITE, MAP_SHARED, memfd_create("empty", 0), 0) = 1;
}

static void sent(void) { raise(SIGSEGV); }

static void sys(void) { kill(getpid(), SIGSYS); }

// A system call that a filter traps: getppid.
static void filtered(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP | 42),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = {sizeof code / sizeof *code, code};
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
	getppid();
}

static const struct {
	const char *name;
	void (*end)(void);
} ways[] = {
	{"read", read_nowhere}, {"write", write_constant}, {"call", call_null}, {"noncanonical", noncanonical}, {"divide", divide},
	{"illegal", illegal},   {"abort", abort},          {"bus", bus},        {"sent", sent},                 {"sys", sys},
	{"filtered", filtered},
};

int main(int argc, char **argv)
{
	pthread_t t;
	int threads = argc > 2 ? atoi(argv[2]) : 0;
	volatile double x = value * 3; // a floating point register in use

	pthread_barrier_init(&ready, 0, threads + 1);
	for (int i = 0; i < threads; i++)
		pthread_create(&t, 0, idle, 0);
	pthread_barrier_wait(&ready);
	for (unsigned i = 0; argc > 1 && i < sizeof ways / sizeof *ways; i++)
		if (!strcmp(argv[1], ways[i].name))
			ways[i].end();
	return 1;
}

// A program that crashes, whose handler of that signal aborts it:
// cc -static handler.c
#include <signal.h>
#include <stdlib.h>

extern char **environ; // of the C library, whose debug information may be missing

static void handler(int number, siginfo_t *info, void *context)
{
	volatile int kept = number + (environ == 0);
	abort();
}

__attribute__((noinline)) static int work(int n)
{
	return *(volatile int *)8 + n;
}

int main(int argc, char **argv)
{
	struct sigaction action = {0};
	action.sa_sigaction = handler;
	action.sa_flags = SA_SIGINFO;
	sigaction(SIGSEGV, &action, 0);
	return work(argc) + 1;
}

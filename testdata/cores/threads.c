// A program of as many threads as its argument says, main's among them. The
// others wait in every way in which threads do; main's crashes.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static pthread_barrier_t started;
static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
static int nobody_writes[2];
static __thread int number;

static void runs(void)
{
	for (volatile long count = 0;; count++)
		;
}

static void sleeps(void)
{
	for (;;)
		sleep(1000);
}

static void locks(void) { pthread_mutex_lock(&held); }

static void reads(void)
{
	char c;
	read(nobody_writes[0], &c, 1);
}

static const struct {
	const char *name;
	void (*wait)(void);
} states[] = {{"runs", runs}, {"sleeps", sleeps}, {"locks", locks}, {"reads", reads}};

static void *thread(void *argument)
{
	number = (int)(long)argument;
	int state = number < 4 ? number : 1 + number % 3; // no more than one computes
	char name[16];
	snprintf(name, sizeof name, "%s %d", states[state].name, number);
	pthread_setname_np(pthread_self(), name);
	pthread_barrier_wait(&started);
	states[state].wait();
	return 0;
}

int main(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : 4;
	pthread_attr_t small;
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 64 << 10);
	pthread_mutex_lock(&held);
	pipe(nobody_writes);
	pthread_barrier_init(&started, 0, count);
	for (long i = 0; i < count - 1; i++) {
		pthread_t t;
		if (pthread_create(&t, &small, thread, (void *)i))
			return 1;
	}
	pthread_barrier_wait(&started);
	usleep(100000); // until they wait
	return *(volatile int *)0x1234;
}

/* A position-independent program that maps files and crashes in its library. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

extern void crash(void);
char *volatile data, *volatile shared;

/* Arguments: a file to map, then words that say what else to do. */
int main(int argc, char **argv)
{
	int file = open(argv[1], O_RDWR);
	data = mmap(0, 8192, PROT_READ, MAP_PRIVATE, file, 4096);
	shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	shared[0]++;
	for (int i = 2; i < argc; i++) {
		if (!strcmp(argv[i], "delete"))
			unlink(argv[0]);
		if (!strcmp(argv[i], "nothing")) { /* of the memory shall be dumped */
			int filter = open("/proc/self/coredump_filter", O_WRONLY);
			if (write(filter, "0", 1) != 1)
				return 1;
		}
	}
	crash();
}

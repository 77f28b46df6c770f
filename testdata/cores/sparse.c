// A program with as many MiB of memory as its argument says, nearly all of it
// untouched, which the kernel leaves out as holes of the core file.
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

int main(int argc, char **argv)
{
	long size = (argc > 1 ? atol(argv[1]) : 1) << 20;
	char *memory = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return 1;
	sprintf(memory, "the first page");
	sprintf(memory + size / 2, "in the middle");
	sprintf(memory + size - 4096, "the last page");
	return *(volatile int *)0x1234;
}

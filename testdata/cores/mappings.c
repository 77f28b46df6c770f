// A program with as many mappings as its argument says, of a page each. A few
// are written to, the last among them, so that the core holds their bytes.
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { PAGE = 4096 };

int main(int argc, char **argv)
{
	long count = argc > 1 ? atol(argv[1]) : 10;
	char *pages = mmap(0, count * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED)
		return 1;
	// Neighbours of one protection are one mapping.
	for (long i = 0; i < count; i += 2)
		if (mprotect(pages + i * PAGE, PAGE, PROT_READ)) {
			perror("mprotect (vm.max_map_count?)");
			return 1;
		}
	for (long i = 1; i < count; i += 2)
		if (i % 1000 == 1 || i + 2 >= count)
			sprintf(pages + i * PAGE, "page %ld of %ld", i, count);
	return *(volatile int *)0x1234;
}

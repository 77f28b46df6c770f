// A program without a C library, which runs under any Linux kernel or QEMU:
// it fills a floating point register and reads from where nothing is mapped.
//
//	clang --target=arm-linux-gnueabihf -O1 -ffreestanding -nostdlib -static -fuse-ld=lld -Wl,--build-id freestanding.c
double values[2] = {1.5, -2.25};
char marker[] = "a marker in .data";
volatile double product;
volatile int sink;

void _start(void)
{
	product = values[0] * values[1];
	sink = *(volatile int *)0x1234;
	for (;;)
		;
}

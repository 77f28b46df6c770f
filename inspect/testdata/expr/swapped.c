/* GCC's big-endian structures on little-endian CPUs. */
struct __attribute__((scalar_storage_order("big-endian"))) swapped {
	unsigned a : 3, b : 5;
	unsigned short c;
	int d;
	unsigned long long e : 33;
	int f : 6;
	float g;
	short h[3];
	int *p;
} sw = {5, 17, 0x1234, -5, 0x123456789, -3, 2.5f, {1, -2, 3}, 0}, *ps = &sw;
int main(void) { return sw.a; }
void _start(void) { main(); for (;;) ; }

/* Nested calls at -O0, where GCC addresses frames by r7 or s0. Crash dumps
   store those registers only at times; the Makefile rebuilds. */
static volatile int sink;

__attribute__((noinline)) static int leaf(const int *values, int n)
{
	int sum = 0;
	for (int i = 0; i < n; i++)
		sum += values[i];
	sink = sum;
	return sum; /* captured here */
}

__attribute__((noinline)) static int middle(int n)
{
	int values[8];
	for (int i = 0; i < 8; i++)
		values[i] = n * i;
	return leaf(values, 8) + 1;
}

__attribute__((noinline)) static int outer(int n)
{
	volatile char text[n + 20]; /* moves sp: only the frame register knows the frame */
	text[n] = 'x';
	return middle(n) + text[n];
}

int main(void)
{
	return outer(5) + outer(6);
}

#ifdef __arm__
extern char stack_top;
__attribute__((naked, noreturn, section(".start"))) void _start(void)
{
	__asm__(".cfi_undefined lr\n bl main\n1: b 1b");
}
__attribute__((section(".vectors"), used)) static const void *const vectors[] = { &stack_top, (void *)_start };
#else
__attribute__((naked, noreturn, section(".start"))) void _start(void)
{
	__asm__(".cfi_undefined ra\n la sp, stack_top\n call main\n1: j 1b");
}
#endif

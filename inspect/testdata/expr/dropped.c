/* What --gc-sections leaves in debug information. */
int unused = 5, unused_zero;
static int unused_static = 6, unused_static_zero;
int used = 7, used_zero;
static int used_static = 9;

int dead(void)
{
	static int inner = 3;
	return inner + unused + unused_zero + unused_static + unused_static_zero;
}

int alive(void)
{
	static int kept = 4;
	return kept++ + used + used_zero++ + used_static++;
}

__attribute__((section(".vectors"), used)) void *const vectors[4] = {(void *)0x1234, (void *)alive};

void _start(void)
{
	for (;;)
		alive();
}

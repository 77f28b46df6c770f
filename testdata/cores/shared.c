// The shared library of dynamic.c: cc -shared -fPIC shared.c -o libshared.so
int seen;

int compare(const void *a, const void *b)
{
	seen++;
	if (*(const int *)a == 1 || *(const int *)b == 1)
		return *(volatile int *)0x1234;
	return *(const int *)a - *(const int *)b;
}

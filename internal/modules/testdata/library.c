const char constant[8192] = "a constant of the library";
int variable = 41;

void crash(void)
{
	variable++;
	*(volatile int *)16 = 1;
}

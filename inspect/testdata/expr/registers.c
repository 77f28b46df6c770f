/* Ends with a fault, after x86's registers of all kinds were set. */
int main(void) {
	__asm__ volatile(
		"fldpi; fld1; fchs; fldz\n"
		"movl $0x3f800000, %%eax; movd %%eax, %%xmm3; pshufd $0x40, %%xmm3, %%xmm3\n"
		"movabs $0x11223344a5667788, %%rax; movabs $-2, %%r9; movl $0, %%ebx\n"
		"std; stc; movl (%%rbx), %%ecx"
		: : : "rax", "rbx", "rcx", "r9", "xmm3", "cc");
	return 0;
}

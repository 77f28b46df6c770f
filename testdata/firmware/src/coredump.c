/* The fatal text and the core dump on the console, as a Zephyr 4.x target would print them. */
#include "kernel.h"

static void hex_byte(uint8_t b)
{
	port_putc("0123456789abcdef"[b >> 4]);
	port_putc("0123456789abcdef"[b & 15]);
}

/* One output call: lines of at most 32 bytes, the last one short. */
static void dump_out(const void *data, size_t len)
{
	const volatile uint8_t *p = data;

	while (len > 0) {
		size_t n = len < 32 ? len : 32;

		printk("E: #CD:");
		for (size_t i = 0; i < n; i++) {
			hex_byte(p[i]);
		}
		printk("\r\n");
		p += n;
		len -= n;
	}
}

static uint8_t *put(uint8_t *p, uintptr_t v, unsigned n)
{
	while (n--) {
		*p++ = (uint8_t)v;
		v >>= 8;
	}
	return p;
}

static void dump_mem(uintptr_t start, uintptr_t end)
{
	uint8_t hdr[3 + 2 * sizeof(uintptr_t)];
	uint8_t *p = put(put(hdr, 'M', 1), 1, 2);

	p = put(put(p, start, sizeof(start)), end, sizeof(end));
	dump_out(hdr, sizeof(hdr));
	dump_out((const void *)start, end - start);
}

static void coredump(unsigned reason, const arch_esf *esf)
{
	static uint8_t block[PORT_BLOCK_MAX];     /* static, as in Zephyr: shows up in the RAM image */
	struct k_thread *t = _current;
	uint8_t hdr[12];
	uint8_t *p;
	uint16_t version = 1;
	unsigned n;

	printk("E: #CD:BEGIN#\r\n");

	p = put(put(put(put(hdr, 'Z', 1), 'E', 1), 2, 2), PORT_TARGET, 2);
	p = put(put(put(p, PORT_PTR_BITS, 1), 0, 1), reason, 4);
	dump_out(hdr, (size_t)(p - hdr));

	n = port_block(esf, block, &version);
	p = put(put(put(hdr, 'A', 1), version, 2), n, 2);
	dump_out(hdr, (size_t)(p - hdr));
	dump_out(block, n);

	p = put(put(put(hdr, 'T', 1), 1, 2), sizeof(_kernel), 2);
	dump_out(hdr, (size_t)(p - hdr));
	dump_out(&_kernel, sizeof(_kernel));

	dump_mem((uintptr_t)t, (uintptr_t)(t + 1));
	dump_mem(t->stack_info.start, t->stack_info.start + t->stack_info.size);
	dump_mem((uintptr_t)_image_ram_start, (uintptr_t)_image_ram_end);

	printk("E: #CD:END#\r\n");
}

static const char *reason_text(unsigned reason)
{
	static const char *const text[] = {
		"CPU exception", "Unhandled interrupt", "Stack overflow", "Kernel oops", "Kernel panic",
	};

	return reason < 5 ? text[reason] : "Unknown error";
}

void fatal_error(unsigned reason, const arch_esf *esf)
{
	port_print_esf(esf, reason);
	LOG_ERR(">>> ZEPHYR FATAL ERROR %d: %s on CPU %d", (int)reason, reason_text(reason), 0);
	if (_kernel.cpus[0].nested != 0) {
		LOG_ERR("Fault during interrupt handling");
		LOG_ERR("");
	}
	LOG_ERR("Current thread: 0x%lx (%s)", (unsigned long)_current, _current->name);
	coredump(reason, esf);
	LOG_ERR("Halting system");
	port_halt();
}

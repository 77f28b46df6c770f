/* The program that crashes. The global `scenario` says how; capture.py sets it at main. */
#include "kernel.h"

enum { CRASH_UNDEF, CRASH_NULL, CRASH_PANIC, CRASH_ISR, CRASH_DIV };

volatile int scenario = CRASH_UNDEF;

/* ---- data of many shapes ---- */

enum valve { VALVE_SHUT, VALVE_OPEN = 3, VALVE_STUCK = -7 };

struct point { int16_t x, y, z; };

union reading {
	uint32_t u;
	int32_t s;
	float f;
	uint8_t b[4];
};

struct flags {
	unsigned armed : 1;
	unsigned level : 3;
	int trim : 5;
	unsigned : 2;
	unsigned seq : 12;
};

struct sensor {
	char name[12];
	enum valve valve;
	union reading raw;
	struct point trace[3];
	struct flags fl;
	struct sensor *next;
	int (*probe)(struct sensor *s, int n);
	double gain;
};

struct packet {
	uint16_t id;
	uint8_t len;
	bool urgent;
	uint8_t body[12];
};

static int probe_tank(struct sensor *s, int n);
static int probe_pump(struct sensor *s, int n);

struct sensor g_sensors[3] = {
	{ "inlet", VALVE_SHUT, { .f = 12.5f }, { { 1, 2, 3 }, { 4, 5, 6 }, { 7, 8, 9 } },
	  { 0, 1, 2, 3 }, NULL, probe_tank, 0.5 },
	{ "outlet", VALVE_OPEN, { .u = 77 }, { { 10, 20, 30 }, { 40, 50, 60 }, { 70, 80, 90 } },
	  { 1, 2, -3, 4 }, NULL, probe_pump, 1.25 },
	{ "spare", VALVE_SHUT, { .s = -1 }, { { 0 } }, { 0 }, NULL, NULL, -2.0 },
};
struct sensor *g_head = &g_sensors[2];
int g_matrix[3][4] = { { 1, 2, 3, 4 }, { 5, 6, 7, 8 }, { 9, 10, 11, 12 } };
uint32_t g_counter = 1000;
int64_t g_total = -5000000000;
double g_ratio = 3.0;
float g_level = 0.25f;
char g_banner[24] = "not started";
enum valve g_mode = VALVE_SHUT;
uint8_t g_signature[4] = { 0xde, 0xad, 0xbe, 0xef };
const char *g_state = "boot";
static void count_hook(int n);
void (*volatile g_hook)(int) = count_hook;
const struct { uint16_t port; char host[10]; } g_config = { 17777, "console" };   /* stays in .rodata */

/* .bss */
unsigned g_history[8];
struct packet g_last;
uint32_t g_irq_count;
int (*g_probe)(struct sensor *s, int n);
volatile int g_zero;
static struct k_sem sem_packet = { .limit = 1 }, sem_done = { .limit = 1 };

#define STACK(name, size) \
	static char name[(size) * PORT_STACK_MUL] __attribute__((section(".noinit"), aligned(16)))

STACK(blocked_stack, 768);
STACK(sleeper_stack, 768);
STACK(worker_stack, 1536);

static struct k_thread blocked_thread, sleeper_thread, worker_thread;

#define NOINLINE __attribute__((noinline, noclone))

/* Halve a float; without an FPU the exponent is decremented by hand (no libgcc here). */
#ifdef PORT_HAS_FPU
#define HALVE(v) ((v) * 0.5f)
#else
#define HALVE(v) ({ union reading u_ = { .f = (v) }; u_.u -= 0x00800000u; u_.f; })
#endif

#ifdef NEAR_MISS      /* only in near-added.elf: one more function, everything behind it moves */
int g_added(int a, int b);
int g_added(int a, int b)
{
	g_history[6] = (unsigned)(a - b);
	return a + b + g_matrix[1][2];
}
#endif

static int probe_tank(struct sensor *s, int n)
{
	s->raw.u += (unsigned)n;
	return s->trace[0].x + n;
}

static int probe_pump(struct sensor *s, int n)
{
	s->trace[2].z = (int16_t)(s->trace[2].z - n);
	return s->trace[2].z;
}

static void count_hook(int n)
{
	g_counter += (unsigned)n;
}

/* ---- a thread that waits ---- */

static NOINLINE int wait_for_packet(struct packet *pkt, int tries, const char *who)
{
	struct point mark = { (int16_t)tries, (int16_t)pkt->len, -9 };
	int got;

	pkt->id = (uint16_t)(0x5100 + tries);
	got = k_sem_take(&sem_packet, 100 * 3 + tries);
	pkt->body[0] = (uint8_t)(mark.x + mark.y + mark.z);
	g_state = who;
	return got + pkt->len + tries;
}

static NOINLINE int serve(int port)
{
	struct packet pkt = { .id = 0x77, .len = 9, .urgent = true, .body = "hello" };
	int total = port;

	for (int i = 4; i < 9; i++) {
		total += wait_for_packet(&pkt, i, "serve");
	}
	g_last = pkt;
	return total;
}

static void blocked(void *a, void *b, void *c)
{
	int served = serve(*(const uint16_t *)a);

	g_counter += (unsigned)served + (b != c);
}

/* ---- a thread that sleeps ---- */

static NOINLINE int nap(int depth, unsigned *trail)
{
	unsigned slept = 0x60u + (unsigned)depth;
	int r;
#ifdef PORT_FP_CONTEXT      /* the port switches FP registers: keep one live over the switch */
	float drift = HALVE(g_level);
#endif

	trail[depth] = slept;
	if (depth > 0) {
		r = nap(depth - 1, trail);
	} else {
		r = k_sleep(900000);
	}
	trail[depth] += (unsigned)r;
#ifdef PORT_FP_CONTEXT
	g_level = drift;
#endif
	return r + (int)slept;
}

static void sleeper(void *a, void *b, void *c)
{
	unsigned trail[4] = { 0x11, 0x22, 0x33, 0x44 };
	int r = nap(2, trail);

	g_counter += trail[1] + (unsigned)r + (a != b) + (b != c);
}

/* ---- the crash ---- */

static NOINLINE int isr_deep(struct sensor *s, unsigned cause)
{
	unsigned mask = cause ^ 0x5a5a0000u;
	struct point p = s->trace[1];

	g_irq_count++;
	s->fl.seq = (unsigned)(p.x + p.y) & 0xfff;
	port_undef();
	return (int)mask + p.x + p.z;
}

void z_isr_body(void)
{
	unsigned cause = 0x1234u + g_irq_count;

	g_counter += (unsigned)isr_deep(&g_sensors[1], cause);
	g_history[7] = cause;
}

NOINLINE int blow_up(struct sensor *s, int (*rows)[4], float scaled, const char *why)
{
	struct point p = s->trace[1];
	char window[8];
	int guard = -14;
	int total = 0;
	void (*hook)(int) = g_hook;
	union reading left;

	for (unsigned i = 0; i < 4; i++) {
		window[i] = (char)g_signature[i];
		window[7 - i] = why[i];
		total += (int)((unsigned)rows[i & 1][i] << i) + (int)s->fl.level;
	}
	left.f = scaled;
	g_history[2] = left.u;

	switch (scenario) {
	case CRASH_NULL:
		hook(total);
		break;
	case CRASH_PANIC:
		port_panic();
		break;
#ifdef PORT_HAS_ISR
	case CRASH_ISR:
		port_trigger_irq();
		break;
#endif
#ifdef PORT_HAS_DIV
	case CRASH_DIV:
		total = total / g_zero;
		break;
#endif
	default:
		port_undef();
		break;
	}
	g_history[1] = left.u + (unsigned)window[1] + (unsigned)window[5];
	s->trace[0] = p;
	return guard + total + p.x + (hook != NULL) + rows[1][1] + why[1];
}

static NOINLINE int run_scenario(int level, struct sensor *s, float scale, const char *why)
{
	float scaled = HALVE(scale);
	int sum = 0x900 + level * 3;
	int r;

	g_history[level + 3] = (unsigned)sum;
	if (level > 0) {
		r = run_scenario(level - 1, s->next ? s->next : s, scaled, why);
	} else {
		r = blow_up(s, g_matrix, scaled, why);
	}
	if (r == sum) {
		g_level = scaled;
	}
	return r + sum;
}

static void worker(void *a, void *b, void *c)
{
	struct sensor *s = a;
	int job = *(int *)b;
	int r;

	LOG_INF("worker got job %d", job);
	g_state = "running";
	r = run_scenario(2, s, 0.5f, c);
	g_counter += (unsigned)(r + job);
	k_sem_give(&sem_done);
}

/* ---- set-up: change the initialised data so that live values differ from the ELF's ---- */

static NOINLINE void prepare(void)
{
	static const char text[] = "tank farm 7";
	struct sensor *prev = NULL;

	for (unsigned i = 0; i < sizeof(text); i++) {
		g_banner[i] = text[i];
	}
	for (int i = 0; i < 3; i++) {
		g_sensors[i].next = prev;
		g_sensors[i].fl.seq = 0x100u + (unsigned)i;
		prev = &g_sensors[i];
		g_matrix[i][3] = -100 - i;
	}
	g_sensors[0].next = &g_sensors[1];
	g_sensors[1].next = &g_sensors[2];
	g_sensors[2].next = NULL;
	g_head = &g_sensors[0];
	g_sensors[2].raw.f = 0.125f;
	g_sensors[2].valve = VALVE_STUCK;
	g_sensors[2].fl.level = 5;
	g_sensors[2].trace[1] = (struct point){ -41, 512, 1234 };
	g_sensors[0].fl.trim = -6;
	g_sensors[1].gain = 2.75;
	g_probe = g_sensors[1].probe;
	g_history[0] = (unsigned)g_sensors[0].probe(&g_sensors[0], 3) + (unsigned)g_probe(&g_sensors[1], 130);
	g_counter += 234;
	g_total -= 42;
	g_ratio = 0.0625;
	g_mode = VALVE_OPEN;
	g_state = "ready";
	for (unsigned i = 0; i < sizeof(g_last.body); i++) {
		g_last.body[i] = (uint8_t)(i * 3);
	}
	g_last.id = 0xbeef;
	g_last.urgent = true;
	if (scenario == CRASH_NULL) {
		g_hook = NULL;
	}
}

int main(void)
{
	int job = scenario;

	prepare();
	k_thread_create(&blocked_thread, "blocked", blocked_stack, sizeof(blocked_stack),
			blocked, (void *)&g_config, &job, NULL, 1);
	k_thread_create(&sleeper_thread, "sleeper", sleeper_stack, sizeof(sleeper_stack),
			sleeper, NULL, NULL, NULL, 2);
	LOG_INF("posting job %d", job);
	(void)k_sleep(1);       /* lets everybody run; the idle thread wakes us */
	k_thread_create(&worker_thread, "worker", worker_stack, sizeof(worker_stack),
			worker, &g_sensors[0], &job, "crashlab", 3);
	return k_sem_take(&sem_done, -1) + job;
}

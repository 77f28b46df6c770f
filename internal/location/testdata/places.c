/* What makes compilers write the rarer operators of DWARF expressions; built
 * and harvested by harvest_test.go, never run. */
typedef long long wide;
typedef struct { int a; short b; char c, d; wide e; } record;

extern void use(void);
extern int pull(void);
extern void keep(const void *);
extern volatile int input;
extern double inputf;

_Thread_local int local_to_thread = 7;

/* Values that live on only in the debug information: arithmetic, entry values. */
int arithmetic(int x, unsigned y, char c, signed char s) {
    int quotient = x / 7, rest = x % 5, product = x * 3, shifted = x << 4;
    unsigned uquotient = y / 10, urest = y % 10, high = y >> 3;
    int low = (char)(c + 1), minus = -x, not = ~x, less = x < 4, equal = (int)y == x, signs = s * 2;
    use();
    input = x;
    use();
    return 0;
}

/* Wider than a register of 32 bits; floats; conversions between them. */
wide mixed(wide w, float f, double d, unsigned u, short h) {
    wide sum = w + u, moved = w >> 3, from = h;
    double half = d / 2, single = f, made = u;
    float back = (float)d;
    unsigned long long zero = (unsigned long long)u << 5;
    int cut = (int)w, trunc = (int)d;
    use();
    inputf = d;
    use();
    return 0;
}

/* Aggregates in pieces. */
int pieces(int n) {
    record r = {n, (short)pull(), (char)pull(), 3, 9};
    struct { unsigned x : 5, y : 11, z : 16; } bits = {(unsigned)pull(), 2, (unsigned)n};
    for (int i = 0; i < n; i++) {
        r.a += pull();
        r.e ^= r.a;
        bits.y += 1;
        use();
    }
    return r.a + (int)r.e + (int)bits.y;
}

/* Pointers to what has no address. */
static inline int through(const record *p, const int *q) {
    int v = p->a + *q;
    use();
    return v + p->b;
}
int pointers(int n) {
    record r = {n, 2, 3, 4, 5};
    int k = pull();
    int v = through(&r, &k);
    use();
    return v;
}

/* Parameters that GCC removes from the clone. */
static __attribute__((noinline)) int removed(int used, int constant, record *unused) {
    use();
    input = used;
    use();
    return constant;
}
int calls_removed(int n, record *p) { return removed(n, 42, p) + removed(n + 1, 42, p); }

/* Sizes known at run time. */
int variable(int n) {
    char array[n + 1];
    keep(array);
    return array[n];
}

#ifdef __SIZEOF_INT128__
wide hugest(wide a, wide b) {
    __int128 m = (__int128)a * b, k = m >> 70;
    use();
    input = (int)(m >> 64);
    use();
    return (wide)k;
}
#endif

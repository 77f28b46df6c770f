struct ring { int tag; unsigned head : 3, tail : 5; struct ring *next; };
void use(void *);
int other(int a, struct ring *r);
static inline int twice(int x) { int y = x + x; return y; }

/* Defines what types.c only declares. */
typedef struct { int unused; } opaque_state;
struct opaque { int kind; opaque_state state; };
struct opaque the_opaque;
typedef enum { SMALL, LARGE } local_t;
int local_types(void) { struct only_here { short a, b; } x = {1, 2}; return x.a + sizeof(local_t); }

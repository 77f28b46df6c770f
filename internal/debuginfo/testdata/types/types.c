#include <stdint.h>
#include <stddef.h>
#include <stdarg.h>
struct node { struct node *next; const char *name; int v; };
typedef struct node node_t;
typedef struct { int x, y; } point_t;
typedef union { int i; float f; } both_t;
typedef enum { RED, GREEN = 5, BLUE = -1 } color_t;
enum shape { SQUARE, ROUND = 0x80000000u };
typedef int (*callback_t)(struct node *, void *);
typedef int array_t[3];
struct opaque;
typedef struct opaque opaque_t;
struct bits { unsigned a:3; unsigned b:5; int c:7; unsigned long long d:33; _Bool e:1; char f; unsigned :0; unsigned g:4; };
struct anon { int k; union { int i; char c[4]; struct { short lo, hi; }; }; struct { int q; } named; };
struct flex { int n; char data[]; };
struct zero { int n; char data[0]; };
int v1; unsigned v2; long v3; unsigned long v4; long long v5; unsigned long long v6; short v7; unsigned short v8; char v9; signed char v10; unsigned char v11;
float f1; double f2; long double f3; _Bool b1; float _Complex c1; double _Complex c2; 
#ifdef __SIZEOF_INT128__
__int128 i128; unsigned __int128 u128;
#endif

wchar_t wc; uint8_t u8; uint32_t u32; size_t sz; ptrdiff_t pd; uintptr_t up;
const int ci = 1; volatile int vi; const volatile int cvi = 2; int *restrict rp; int *const cp = &v1; const int *const volatile ccp; const char *const names[3]; volatile const char vcc[4];
struct node n1; node_t n2; const node_t n3; struct node *n4; const struct node *n5; struct node *const *n6; node_t n7[4]; struct node *n8[4][5]; struct node (*n9)[4];
point_t p1; struct { int a; } s1; struct { int a; } *s2; struct { int a; } s3[2]; union { int z; float w; } s4; enum { A1, A2 } e1; enum shape e2; color_t e3; union uu { int a; } e4;
const struct { int a; } s5; both_t both;
callback_t cb; int (*fp)(int, char); void (*fp2)(void); void (*fp3)(); int (*fp4)(const char *, ...); int (*fp5[4])(int); int (*(*fp6)[3])(char); int (*(*fp7)(int))(char); void (**fp8)(int); const char *(*fp9)(struct node *, point_t *, color_t);
int (*const fp10)(int); int (*volatile fp11[2])(int);
array_t ar; const array_t car; array_t *par; array_t arr2[2]; int a2[2][3]; int a3[2][3][4]; const int a4[2][3]; int (*pa)[3]; int *pa2[3]; char buf[16]; int flexe[]; extern int ext[]; int (*pu)[];
opaque_t *op; struct opaque *op2; struct bits bi; struct anon an; struct flex fl; struct zero zr; void *vp; const void *cvp; void **vpp; const void *volatile *cvvp;
_Atomic int at; _Atomic(struct node *) atp; int *_Atomic atq; _Atomic point_t atpt;
typedef int v4si __attribute__((vector_size(16))); v4si vec; v4si *pvec; int vec2 __attribute__((vector_size(8)));
va_list val;
typedef const int cint_t; cint_t ct; volatile cint_t vct; typedef callback_t cbs_t[2]; cbs_t cbs;
typedef void fn_t(int, va_list); fn_t *fnp; fn_t fnd; const fn_t *fnp2;
typedef void *vptr; const vptr cvptr; restrict vptr rvptr;
int ext[4];
int func(int a, struct node *b, char c[], int d[2][3], callback_t e, fn_t f) { static int count; return a + count++; }
void fnd(int a, va_list l) {}
void noproto() {}
double knr(a, b) int a; float b; { return a+b; }
int vla(int n) { int arr[n]; int arr2[n][3]; arr[0]=n; arr2[0][0]=1; return arr[n-1]; }
typedef __CHAR16_TYPE__ char16_t; char16_t c16; 
struct __attribute__((packed)) packed { char a; unsigned long long b:40; int c:17; unsigned d:13; short e:3; long long f:63; _Bool g:1; };
struct __attribute__((packed, aligned(2))) crossing { unsigned char a:4; unsigned b:31; int c:29; enum shape d:5; char tail[]; };
union overlay { unsigned a:5; int b:3; struct { unsigned char lo:4, hi:4; } c; struct packed d; };
struct packed pk; struct crossing cr; union overlay ov;
#if !defined(__clang__) && defined(__x86_64__)
struct __attribute__((scalar_storage_order("big-endian"))) swapped { unsigned a:3; unsigned b:5; unsigned short c; unsigned d; unsigned long long e:33; int f:6; };
struct swapped sw;
_Float128 fl128; _Float64 fl64; _Float32x f32x; _Decimal32 d32; _Decimal64 d64; _Decimal128 d128; int _Complex ci2;
#endif

int main(void){ return func(1,0,0,0,0,0)+vla(3); }

package inspect_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"corelift"
	"corelift/elfcore"
	"corelift/elfcore/firmware"
	"corelift/inspect"
	"corelift/internal/cexpr"
)

// load makes a session from a fixture of testdata/firmware: "cortex-m3", "div".
func load(t testing.TB, cpu, scenario string) *inspect.Session {
	t.Helper()
	dir := filepath.Join("..", "testdata", "firmware", cpu)
	return open(t, filepath.Join(dir, scenario+".log"), filepath.Join(dir, "fw.elf"))
}

func open(t testing.TB, dump, elf string) *inspect.Session {
	t.Helper()
	p, err := firmware.Open(elf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	f, err := os.Open(dump)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	dumps, err := corelift.Dumps(context.Background(), f, dump)
	if err != nil {
		t.Fatal(err)
	}
	core, err := dumps[len(dumps)-1].Core(context.Background(), corelift.Options{Program: p})
	if err != nil {
		t.Fatal(err)
	}
	return inspect.New(core, p, inspect.Options{})
}

// TestEval pins what expressions print; GDB prints the same of the same core.
func TestEval(t *testing.T) {
	s := load(t, "cortex-m3", "div")
	f, err := s.Frame(s.Crashed(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ expr, text, typ string }{
		{"p", "{x = -41, y = 512, z = 1234}", "struct point"},
		{"p.x+p.y*2", "983", "int"},
		{"&p", "(struct point *) 0x20001138 <worker_stack+1416>", "struct point *"},
		{"s->valve", "VALVE_STUCK", "enum valve"},
		{"g_sensors->valve", "VALVE_SHUT", "enum valve"},
		{"s->raw", `{u = 1040187392, s = 1040187392, f = 0.125, b = "\000\000\000>"}`, "union reading"},
		{"(*s).trace[1]", "{x = -41, y = 512, z = 1234}", "struct point"},
		{"&g_sensors[1]", "(struct sensor *) 0x20000060 <g_sensors+64>", "struct sensor *"},
		{"&g_sensors[3]-&g_sensors[1]", "2", "long"},
		{"g_matrix", "{{1, 2, 3, -100}, {5, 6, 7, -101}, {9, 10, 11, -102}}", "int [3][4]"},
		{"/x g_matrix[1]", "{0x5, 0x6, 0x7, 0xffffff9b}", "int [4]"},
		{"g_matrix[0:2]", "{{1, 2, 3, -100}, {5, 6, 7, -101}}", "int [2][4]"},
		{"rows", "(int (*)[4]) 0x200000e0 <g_matrix>", "int (*)[4]"},
		{"*rows[0]@2", "{1, 2}", "int [2]"},
		{"hook", "(void (*)(int)) 0xdb <count_hook>", "void (*)(int)"},
		{"*hook", "{void (int)} 0xdb <count_hook>", "void (int)"},
		{"/a hook", "0xdb <count_hook>", "void (*)(int)"},
		{"window", `"\336\255\276\357sarc"`, "char [8]"},
		{"/x window", "{0xde, 0xad, 0xbe, 0xef, 0x73, 0x61, 0x72, 0x63}", "char [8]"},
		{"why", `0x11a0 "crashlab"`, "const char *"},
		{"*why@4", `"cras"`, "const char [4]"},
		{"_kernel.threads->next_thread->name", `"sleeper", '\000' <repeats 24 times>`, "char [32]"},
		{"((struct k_thread *)0x200002d4)->base.prio", `3 '\003'`, "int8_t"},
		{"sizeof(struct k_thread)", "156", "unsigned long"},
		{"sizeof p", "6", "unsigned long"},
		{"app.c::g_matrix[0][0]", "1", "int"},
		{"'src/app.c'::g_matrix[0][0]", "1", "int"},
		{"{int}0x200000a0", "1918988403", "int"},
		{"(unsigned char)300", "44 ','", "unsigned char"},
		{"(float)1/3", "0.333333343", "float"},
		{"-5/2", "-2", "int"},
		{"5u-6", "4294967295", "unsigned int"},
		{"0x80000000", "2147483648", "unsigned int"},
		{"2147483648", "2147483648", "long long"},
		{"1<<31", "-2147483648", "int"},
		{"-7>>1", "-4", "int"},
		{"1 ? 2 : 3", "2", "int"},
		{"guard < 0 && total < 0", "1", "int"},
		{"$pc", "(void (*)()) 0x4b8 <blow_up+228>", "void (*)()"},
		{"/x $lr", "0xfffffcdd", "long"},
		{"main", "{int (void)} 0x568 <main>", "int (void)"},
		{"VALVE_OPEN", "VALVE_OPEN", "enum valve"},
		{"left", "<optimized out>", "union reading"},
		{"left.u", "<optimized out>", "uint32_t"},
		{"-left.u", "<optimized out>", "int"},
		{"~left.u", "<optimized out>", "int"},
		{"left.u + 1", "<optimized out>", "int"},
		{"(int)left.u", "<optimized out>", "int"},
	} {
		v, err := s.Eval(f, c.expr, 0)
		if err != nil {
			t.Errorf("%s: %v", c.expr, err)
		} else if v.Text != c.text || v.Type != c.typ {
			t.Errorf("%s is %s of type %s, want %s of %s", c.expr, v.Text, v.Type, c.text, c.typ)
		}
	}
}

func TestEvalErrors(t *testing.T) {
	s := load(t, "cortex-m3", "div")
	f, _ := s.Frame(s.Crashed(), 0)
	for _, c := range []struct {
		expr   string
		column int
	}{
		{"nope", 1}, {"s->nope", 4}, {"1 + p", 5}, {"p[0]", 2}, {"*p", 1}, {"&1", 1}, {"1/0", 2}, {"s + s", 3}, {"(struct nope *)0", 2}, {"$r99", 1}, {"g_sensors.name", 11},
		{"g_matrix[0:-1]", 9}, {"1.5 % 2", 5}, {"main()", 5}, {"(int &)total", 6}, {"!left.u", 7}, {"g_matrix[left.u]", 15}, {"left.u ? 1 : 2", 6},
	} {
		_, err := s.Eval(f, c.expr, 0)
		var known *cexpr.Error
		if !errors.As(err, &known) {
			t.Errorf("%s: error %v", c.expr, err)
		} else if known.Column != c.column {
			t.Errorf("%s: %v at column %d, want %d", c.expr, err, known.Column, c.column)
		}
	}
}

// TestMissingIsSaid checks that a value which needs a register that the dump
// lacks is absent, and says why.
func TestMissingIsSaid(t *testing.T) {
	s := load(t, "rv32", "undef")
	f, err := s.Frame(s.Crashed(), 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, expr := range []string{"why", "why[0]", "s->gain + 1", "$s2"} {
		v, err := s.Eval(f, expr, 0)
		if err != nil || v.Presence != inspect.NotInDump || v.State != elfcore.Missing || v.Text != "<not in dump>" || v.Reason == "" {
			t.Errorf("%s: %+v, %v", expr, v, err)
		}
	}
}

func TestNoFrame(t *testing.T) {
	s := load(t, "cortex-m3", "div")
	if v, err := s.Eval(nil, "g_matrix[0]", 0); err != nil || v.Text != "{1, 2, 3, -100}" {
		t.Errorf("%+v, %v", v, err)
	}
	if v, err := s.Eval(nil, "$pc", 0); err != nil || v.Presence != inspect.NotInDump {
		t.Errorf("%+v, %v", v, err)
	}
	bare := inspect.New(s.Core(), nil, inspect.Options{})
	if v, err := bare.Eval(nil, "/x {unsigned int}0x200000e0", 0); err != nil || v.Text != "0x1" {
		t.Errorf("%+v, %v", v, err)
	}
	if st, err := bare.Stack(1, inspect.StackOptions{Arguments: true, Locals: true}); err != nil || len(st.Frames) == 0 {
		t.Errorf("without a firmware: %+v, %v", st, err)
	}
}

func TestPeak(t *testing.T) {
	for _, row := range load(t, "cortex-m3", "div").Threads().Threads {
		if row.Used == nil || row.Peak == nil {
			t.Errorf("thread %d: used %v, peak %v", row.ID, row.Used, row.Peak)
		} else if row.Peak.Bytes < row.Used.Bytes || row.Peak.Bytes > row.Stack.Value.Size {
			t.Errorf("thread %d uses %d of at most %d of %d bytes", row.ID, row.Used.Bytes, row.Peak.Bytes, row.Stack.Value.Size)
		}
	}
}

// TestCorruptReturn puts a pc into a variable: that is no function.
func TestCorruptReturn(t *testing.T) {
	s := load(t, "cortex-m3", "div")
	core := s.Core()
	core.Threads[0].Regs.Set(core.Arch.PC, 0x200000a0, elfcore.Known, 0) // g_sensors+128
	st, err := s.Stack(s.Crashed(), inspect.StackOptions{})
	if err != nil || len(st.Frames) == 0 || st.Frames[0].Function != "" || st.Frames[0].Offset != nil {
		t.Errorf("%+v, %v", st, err)
	}
}

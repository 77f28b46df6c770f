package nuttx

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// asserts are texts in the form of up_dump_register and stack_dump of each
// CPU, with numbers of our own. want: name=value of registers.
var asserts = []struct {
	name, cpu, text string
	want            string
	task            string
	fault           arch.Fault
	addr            string
}{
	{"cortex-m hard fault", "arm-m", `
[CPU0] arm_hardfault: PANIC!!! Hard Fault!:
[CPU0] arm_hardfault: 	IRQ: 3 regs: 0x20005000
[CPU0] arm_hardfault: 	BASEPRI: 00000080 PRIMASK: 00000000 IPSR: 00000003 CONTROL: 00000000
[CPU0] arm_hardfault: 	CFSR: 00008200 HFSR: 40000000 DFSR: 00000000 BFAR: 0000016c AFSR: 00000000
[CPU0] dump_assert_info: Current Version: NuttX  12.6.0 0123456789 Jan  1 2026 00:00:00 arm
[CPU0] dump_assert_info: Assertion failed panic: at file: :0 task(CPU0): my task process: my proc 0x8001235
[CPU0] up_dump_register: R0: 00000001 R1: 00000002 R2: 00000003  R3: 00000004
[CPU0] up_dump_register: R4: 00000005 R5: 00000006 R6: 00000007  FP: 00000008
[CPU0] up_dump_register: R8: 00000009 SB: 0000000a SL: 0000000b R11: 0000000c
[CPU0] up_dump_register: IP: 0000000d SP: 20004f10 LR: 08001001  PC: 08001020
[CPU0] up_dump_register: xPSR: 61000000 BASEPRI: 00000080 CONTROL: 00000004
[CPU0] up_dump_register: EXC_RETURN: ffffffed
[CPU0] dump_stackinfo: User Stack:
[CPU0] dump_stackinfo:   base: 0x20004f00
[CPU0] dump_stackinfo:   size: 00000072
[CPU0] dump_stackinfo:     sp: 0x20004f10
[CPU0] stack_dump: 0x20004f00: 11111111 22222222 33333333 44444444 55555555 66666666 77777777 88888888
[CPU0] stack_dump: 0x20004f20: 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000
[CPU0] stack_dump: 0x20004f40: 99999999 00000000 00000000 00000000 00000000 00000000 00000000 00000000
[CPU0] dump_tasks:    PID GROUP PRI POLICY   TYPE    NPX STATE   EVENT      SIGMASK          STACKBASE  STACKSIZE   COMMAND
[CPU0] up_dump_register: R0: deadbeef R1: deadbeef R2: deadbeef  R3: deadbeef
`, "r0=1 r1=2 r3=4 r6=7 r7=8 r8=9 r9=a r10=b r11=c r12=d sp=20004f10 lr=8001001 pc=8001020 xpsr=61000000 control=4 exc_return=ffffffed cfsr=8200 hfsr=40000000 bfar=16c",
		"my task", arch.FaultBus, "0x0000016c"},
	{"cortex-a", "arm", `
Assertion failed at file:armv7-a/x.c line: 12 task: init
up_dump_register: R0: 00000001 R1: 00000002 R2: 00000003  R3: 00000004
up_dump_register: R4: 00000005 R5: 00000006 R6: 00000007  R7: 00000008
up_dump_register: R8: 00000009 SB: 0000000a SL: 0000000b  FP: 0000000c
up_dump_register: IP: 0000000d SP: 40004f10 LR: 40001001  PC: 40001020
up_dump_register: CPSR: 600001d3
`, "r7=8 r9=a r11=c sp=40004f10 pc=40001020 cpsr=600001d3", "init", arch.FaultAbort, ""},
	{"riscv64, size-optimised tree", "riscv64", `
EXCEPTION: Load access fault. MCAUSE: 0000000000000005, EPC: 0000000050208086, MTVAL: 000000000c002104
PANIC!!! Exception = 0000000000000005
Current Version: NuttX  12.9.0 0123456789 Jan  1 2026 00:00:00 risc-v
Assertion failed panic: at file: common/riscv_exception.c:85 task: Idle_Task process: Kernel 0x50200e28
EPC: 0000000050208086
A0: 000000000c002104 A1: ffffffffffffffff A2: 0000000000000001 A3: 0000000000000003
S8: 00000000fff47194 S9: 0000000000000000 S10: 0000000000000000 S11: 0000000000000011
GP: 0000000050400500 SP: 0000000050406650 FP: 0000000050406700 TP: 0000000000000001 RA: 000000005020f590
User Stack:
  base: 0x50406030
  size: 00003024
    sp: 0x50406650
0x50406610: 0000000000000001 0000000000000002 0000000000000003 0000000000000004 0000000000000005 0000000000000006 0000000000000007 000000005020f590
backtrace| 0: 0x0000000050208086 0x000000005020f590
`, "pc=50208086 a0=c002104 a1=ffffffffffffffff s8=fff47194 s0=50406700 gp=50400500 sp=50406650 ra=5020f590 mcause=5 mtval=c002104",
		"Idle_Task", arch.FaultAccess, "0x0c002104"},
	{"riscv32", "riscv32", `
_assert: Assertion failed (_Bool)0: at file: semtimed.c:240 task: ostest process: ostest 0x8000004a
up_dump_register: EPC: 50202008
up_dump_register: A0: 0c002104 A1: ffffffff A2: 00000001 A3: 00000003
up_dump_register: SP: 50406650 FP: 50406700 TP: 00000001 RA: 5020f590
`, "pc=50202008 a1=ffffffff sp=50406650 s0=50406700 tp=1", "ostest", arch.FaultAbort, ""},
	{"arm64", "aarch64", `
[CPU0] arm64_exception_handler: ESR_ELn: 0x96000045
[CPU0] arm64_exception_handler: FAR_ELn: 0xffffffffffffff00
[CPU0] dump_assert_info: Assertion failed panic: at file: arm64_fatal.c:561 task(CPU0): nsh_main process: nsh_main 0x402a10a8
[CPU0] up_dump_register: stack = 0x4040a230
[CPU0] up_dump_register: x0:   0xffffffffffffffff  x1:   0x0
[CPU0] up_dump_register: x2:   0x4040a300          x3:   0x0
[CPU0] up_dump_register: x28:  0x1                 x29:  0x4040a310
[CPU0] up_dump_register: x30:  0x402a7934        
[CPU0] up_dump_register: STATUS Registers:
[CPU0] up_dump_register: SPSR:      0x60000305      
[CPU0] up_dump_register: ELR:       0x402a7940      
[CPU0] up_dump_register: SP_EL0:    0x4040b000      
[CPU0] up_dump_register: SP_ELX:    0x4040a240      
[CPU0] up_dump_register: EXE_DEPTH: 0x1               
`, "x0=ffffffffffffffff x2=4040a300 x29=4040a310 x30=402a7934 cpsr=60000305 pc=402a7940 sp=4040a240 esr=96000045 far=ffffffffffffff00",
		"nsh_main", arch.FaultAccess, "0xffffffffffffff00"},
	{"xtensa", "xtensa", `
[CPU0] dump_assert_info: Assertion failed : at file: mm_heap/mm_free.c:243 task(CPU0): nsh_main process: nsh_main 0x4201b1ac
[CPU0] up_dump_register:    PC: 420376ab    PS: 00060322
[CPU0] up_dump_register:    A0: 8037a62c    A1: 3c0c1da0    A2: 00000000    A3: 3fc9be40
[CPU0] up_dump_register:   SAR: 0000000f CAUSE: 00000006 VADDR: aaaaadba
[CPU0] up_dump_register:  LBEG: 400554b9  LEND: 400554dd  LCNT: 82023245
[CPU0] stack_dump: 0x3c0c1d80: 82017048 3c0c1dc0 3c0a09fd 3c0c1dd0 3fcbe970 000000f3 3c0a09fd 3fc921a8
[CPU0] stack_dump: 0x3c0c1da0: 82017048 3c0c1dc0 3c0a09fd 3c0c1dd0 3fcbe970 000000f3 00000000 00000000
`, "pc=420376ab ps=60322 a0=8037a62c a1=3c0c1da0 sar=f lbeg=400554b9 lend=400554dd lcount=82023245", "nsh_main", arch.FaultAbort, ""},
}

func TestAssertRegisters(t *testing.T) {
	for _, x := range asserts {
		c := readOne(t, []byte("boot\n"+x.text+"more\n"), true)
		if c.Arch.Name != x.cpu || len(c.Threads) != 1 || c.Crash.Thread != 0 {
			t.Fatalf("%s: %s, %d threads", x.name, c.Arch.Name, len(c.Threads))
		}
		for word := range strings.FieldsSeq(x.want) {
			name, value, _ := strings.Cut(word, "=")
			r, ok := c.Arch.Reg(name)
			if v, s := c.Threads[0].Regs.Get(r); !ok || fmt.Sprintf("%x", v) != value || s != elfcore.Known {
				t.Errorf("%s: %s: %#x %v, want %s", x.name, name, v, s, value)
			}
		}
		addr := ""
		if c.Crash.Addr.State != elfcore.Missing {
			addr = c.Crash.Addr.Value.String()
		}
		if c.Threads[0].Name.Value != x.task || c.Crash.Fault.Value != x.fault || addr != x.addr {
			t.Errorf("%s: %v, %v at %s", x.name, c.Threads[0].Name, c.Crash.Fault, addr)
		}
		if !strings.HasPrefix(c.Crash.Message.Value, "Assertion failed") {
			t.Errorf("%s: %v", x.name, c.Crash.Message)
		}
		written(t, c)
	}
}

// TestAssertXtensa: CAUSE of an assertion is not that of the crash.
func TestAssertXtensa(t *testing.T) {
	c := readOne(t, []byte(asserts[5].text), true)
	r, _ := c.Arch.Reg("exccause")
	if v, s := c.Threads[0].Regs.Get(r); v != 6 || s != elfcore.Suspect {
		t.Error(v, s)
	}
	panic := strings.Replace(asserts[5].text, "failed :", "failed panic:", 1)
	if c := readOne(t, []byte(panic), true); c.Crash.Fault.Value != arch.FaultDivide {
		t.Error(c.Crash.Fault)
	}
}

// TestStackEnd: the zeros behind the stack are not memory.
func TestStackEnd(t *testing.T) {
	c := readOne(t, []byte(asserts[0].text), true)
	if run := c.Memory.Run(0x20004f00); run.Size != 72 {
		t.Error(run)
	}
	if v, _, err := c.ReadWord(0x20004f40); v != 0x99999999 || err != nil {
		t.Error(v, err)
	}
	// Where the stack ends is lost.
	text := strings.ReplaceAll(asserts[0].text, "size: 00000072", "")
	if run := readOne(t, []byte(text), true).Memory.Run(0x20004f00); run.Size != 68 {
		t.Error(run)
	}
	if run := readOne(t, []byte(asserts[5].text), true).Memory.Run(0x3c0c1d80); run.Size != 64-8 {
		t.Error(run)
	}
	// 64-bit words, and 32-bit words of a 64-bit CPU in older trees.
	if v, _, err := readOne(t, []byte(asserts[2].text), true).ReadWord(0x50406648); v != 0x5020f590 || err != nil {
		t.Errorf("%#x %v", v, err)
	}
}

func TestAsserts(t *testing.T) {
	// Two crashes, the second in a tree that prints no function names.
	cores, hits := readAll(t, []byte(asserts[0].text+"boot\n"+asserts[2].text), true)
	if len(cores) != 2 || cores[1].Arch != arch.RV64 || hits[0].Score >= 80 {
		t.Fatal(hits)
	}
	// A failed assertion that printed no registers is no crash.
	if cores, _ := readAll(t, []byte("Assertion failed x: at file: x.c:1 task: y 0x1\n"), true); len(cores) > 0 {
		t.Error("no registers, but a crash")
	}
	if cores, _ := readAll(t, []byte(strings.Repeat("Assertion failed: x != 0, x.c:1\n", 10)), true); len(cores) > 0 {
		t.Error("another program's assertion")
	}
}

// TestMerged: a text and a dump of the same crash.
func TestMerged(t *testing.T) {
	m := dumps()["riscv64"]
	m.tasks[2].regs[3] = 0 // gp
	text := fmt.Sprintf(`EXCEPTION: Load access fault. MCAUSE: 0000000000000005, EPC: 0000000050208086, MTVAL: 000000000c002104
Current Version: NuttX  12.9.0 x risc-v
Assertion failed panic: at file: x.c:85 task: hello process: app 0x50200e28
EPC: %016x
A0: 1111111111111111 GP: 0000000050400500
stack_dump: 0x70000000: 0000000000000001 0000000000000002
`, m.tasks[2].regs[0])
	c := readOne(t, []byte(text+log(m.bytes(), "hex", true, 64, "", "")), true)
	crashed := c.Crashed()
	gp, _ := c.Arch.Reg("gp")
	a0, _ := c.Arch.Reg("a0")
	if v, s := crashed.Regs.Get(gp); v != 0x50400500 || s != elfcore.Known {
		t.Errorf("gp %#x %v", v, s)
	}
	if v, _ := crashed.Regs.Get(a0); v != m.tasks[2].regs[10] {
		t.Errorf("a0 %#x", v)
	}
	if v, _, err := c.ReadWord(0x70000008); v != 2 || err != nil {
		t.Error(v, err)
	}
	if c.Crash.Fault.Value != arch.FaultAccess || c.Facts[factVersion].Value == "" || c.Facts[factProcess].Value != "app" || c.Crash.Addr.Value != 0xc002104 {
		t.Error(c.Crash, c.Facts)
	}
	// The registers are those of another moment.
	c = readOne(t, []byte(strings.Replace(text, "EPC: 00", "EPC: 01", 2)+log(m.bytes(), "hex", true, 64, "", "")), true)
	if _, s := c.Crashed().Regs.Get(gp); s != elfcore.Missing {
		t.Error("gp", s)
	}
	// A dump of a device, and the console's text beside it.
	for _, x := range []struct {
		edit func(*made)
		task string
		want int
		code string
	}{
		{func(m *made) {}, "hello", 2, ""},
		{func(m *made) { m.tasks[2].running = false }, "init", 3, ""},
		{func(m *made) {}, "init", 2, "console-other-crash"},
	} {
		m := dumps()["riscv64"]
		x.edit(m)
		c := readOne(t, m.bytes(), false)
		Format.Console(c, []byte(strings.Replace(text, "hello", x.task, 1)))
		if c.Crash.Thread != x.want || x.code != "" && !has(c, x.code) || (c.Crash.Message.Value != "") != (x.code == "") {
			t.Errorf("%s: %d %v", x.task, c.Crash.Thread, c.Diagnostics)
		}
	}
}

// TestAssertInstead: the dump is beyond repair, the text is not.
func TestAssertInstead(t *testing.T) {
	m := dumps()["riscv64"]
	lines := strings.SplitAfter(log(m.bytes(), "hex", true, 64, "", ""), "\n")
	c := readOne(t, []byte(asserts[2].text+lines[0]+strings.Join(lines[20:], "")), true)
	if len(c.Threads) != 1 || !c.Damaged() || !has(c, "dump") {
		t.Error(len(c.Threads), c.Diagnostics)
	}
	var b bytes.Buffer
	if c.Threads[0].ID = 1; c.Write(&b) != nil {
		t.Error("not written")
	}
}

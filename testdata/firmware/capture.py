#!/usr/bin/env python3
"""capture.py CPU SCENARIO: runs CPU/fw.elf in QEMU under gdb-multiarch, writes CPU/SCENARIO.log and .json.

Works in two roles: started from the shell it starts gdb-multiarch with itself as the script.
To add a CPU: one entry in CPUS, and a Family class (one per port directory) that knows how a
switched-out thread's registers are found in memory.
"""
import json, os, re, struct, subprocess, sys

try:
    import gdb
except ImportError:
    gdb = None

SCENARIOS = {"undef": 0, "null": 1, "panic": 2, "isr": 3, "div": 4}     # values of the global `scenario`

GLOBALS = """scenario g_sensors g_head g_head->next->name g_matrix g_counter g_total g_ratio g_level g_banner g_mode
 g_signature g_state g_config g_hook g_history g_last g_irq_count g_probe g_zero sem_packet
 _kernel.cpus[0].nested _kernel.cpus[0].current _kernel.threads worker_thread.name
 worker_thread.base.prio sleeper_thread.base.timeout.dticks""".split()

ARM = ["r%d" % i for i in range(13)] + ["sp", "lr", "pc"]

# ---------------------------------------------------------------------------------------------


def field(v, path):
    for p in path.split("."):
        v = v[p]
    return v


def num(v):
    return int(v) & ((1 << (8 * v.type.strip_typedefs().sizeof)) - 1)


class Family:
    """Defaults; a port overrides what differs."""
    pc, sp = "pc", "sp"
    # where each scenario's crashing instruction is: (function, regex over gdb's disassembly)
    undef = panic = div = None
    trap_size = 0             # bytes by which the dumped pc of `panic` is behind the trap instruction
    word = 4

    def mem(self, addr, n=1):
        w = self.word
        raw = bytes(gdb.selected_inferior().read_memory(addr, n * w))
        return [int.from_bytes(raw[i * w:(i + 1) * w], "little") for i in range(n)]

    def return_address(self):
        """scenario null, stopped at pc 0"""
        return num(gdb.parse_and_eval("$lr")) & ~1

    def switched_out(self, t):
        """t: gdb.Value of a struct k_thread -> {register: value}; leave out what memory does not hold"""
        raise NotImplementedError

    def interrupted(self, t):
        """Scenario isr, stopped in the handler: registers of thread t from the frame the entry code saved.
        Must have pc; what is there is checked against the registers seen when single-stepping."""
        raise NotImplementedError


class CortexM(Family):
    undef, panic, div = r"\budf\b", r"\bsvc\b", r"\bsdiv\b"
    trap_size = 2

    def unstack(self, psp, exc_return):
        f = self.mem(psp, 8)
        r = dict(zip(["r0", "r1", "r2", "r3", "r12", "lr", "pc", "xpsr"], f))
        r["sp"] = psp + (32 if exc_return & 0x10 else 104) + (4 if r["xpsr"] & 0x200 else 0)
        r["xpsr"] &= ~0x100200       # bits only the stacked word has: alignment; v8-M SFPA
        return r

    def switched_out(self, t):
        cs = t["callee_saved"]
        r = self.unstack(num(cs["psp"]), num(t["arch"]["mode_exc_return"]))
        for i in range(8):
            r["r%d" % (i + 4)] = num(cs["v%d" % (i + 1)])
        if not num(t["arch"]["mode_exc_return"]) & 0x10:
            # extended frame (PendSV's vstm flushed the lazy part) and the callee-saved half
            s = self.mem(num(cs["psp"]) + 32, 17) + self.mem(num(t["arch"]["preempt_float"].address), 16)
            r["fpscr"] = s.pop(16)
            for i in range(32):
                r["s%d" % i] = s[i]
        return r

    def interrupted(self, t):
        # _isr_wrapper pushed PSP and EXC_RETURN first thing (QEMU's stub does not show psp)
        psp, exc_return = self.mem(num(gdb.parse_and_eval("&z_interrupt_stacks[1]")) - 8, 2)
        return self.unstack(psp, exc_return)


class CortexA(Family):
    undef, panic = r"\budf\b", r"\bsvc\b"
    trap_size = 2

    def unstack(self, at):
        r = dict(zip(["r0", "r1", "r2", "r3", "r12", "lr", "pc", "cpsr"], self.mem(at, 8)))
        r["sp"] = at + 32
        return r

    def switched_out(self, t):
        cs = t["callee_saved"]
        r = self.unstack(num(cs["psp"]))
        for i in range(8):
            r["r%d" % (i + 4)] = num(cs["v%d" % (i + 1)])
        return r

    def interrupted(self, t):
        # _isr_wrapper pushed the address of the frame first
        return self.unstack(self.mem(num(gdb.parse_and_eval("&z_interrupt_stacks[1]")) - 8)[0])


class RiscV(Family):
    undef, panic = r"\bunimp\b", r"\becall\b"
    trap_size = 4
    saved = ["sp", "ra"] + ["s%d" % i for i in range(12)]

    def return_address(self):
        return num(gdb.parse_and_eval("$ra"))

    def switched_out(self, t):
        cs = t["callee_saved"]
        names = [f.name for f in cs.type.fields()]
        r = {n: num(cs[n]) for n in self.saved if n in names}
        r["pc"] = r["ra"]
        return r

    def interrupted(self, t):
        # _isr_wrapper put the address of its arch_esf 16 bytes below the top of the interrupt stack
        at = self.mem(num(gdb.parse_and_eval("&z_interrupt_stacks[1]")) - 16)[0]
        esf = gdb.parse_and_eval("*(struct arch_esf *)%#x" % at)
        r = {f.name: num(esf[f.name]) for f in esf.type.fields()}
        r["pc"], r["sp"] = r.pop("mepc"), at + esf.type.sizeof
        del r["mstatus"]
        return r


class RiscV64(RiscV):
    word = 8


class X86(Family):
    pc, sp = "eip", "esp"
    undef, panic, div = r"\bud2\b", r"\bint\s+\$0x20\b", r"\bidiv"
    trap_size = 2

    def return_address(self):
        return self.mem(num(gdb.parse_and_eval("$" + self.sp)))[0]

    def switched_out(self, t):
        esp = num(t["callee_saved"]["esp"])
        r = dict(zip(["", "ebp", "ebx", "esi", "edi", "eip"], self.mem(esp, 6)))
        del r[""]           # the value arch_swap will return
        r["esp"] = esp + 24
        return r

    def interrupted(self, t):
        at = self.mem(num(gdb.parse_and_eval("&z_interrupt_stacks[1]")) - 4)[0]
        r = dict(zip(["edi", "ecx", "edx", "eax", "eip", "cs", "eflags"], self.mem(at, 7)))
        r["esp"] = at + 28
        return r


class X86_64(X86):
    word = 8
    pc, sp = "rip", "rsp"

    def switched_out(self, t):
        cs = t["callee_saved"]
        r = {f.name: num(cs[f.name]) for f in cs.type.fields()}
        r["eflags"] = r.pop("rflags")
        return r

    def interrupted(self, t):
        # the whole interrupted state is in the k_thread
        r = self.switched_out(t)
        r.update({f.name: num(t["arch"][f.name]) for f in t["arch"].type.fields() if f.name != "flags"})
        return r


RISCV = "ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 pc".split()
RISCV_HIGH = "a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6".split()
SEGMENTS = "eflags cs ss ds es fs gs".split()

class AArch64(Family):
    undef, panic = r"\budf\b", r"\bsvc\b"
    trap_size, word = 4, 8

    def return_address(self):
        return num(gdb.parse_and_eval("$x30"))

    def switched_out(self, t):
        cs = t["callee_saved"]
        r = {"x%d" % i: num(cs["x%d" % i]) for i in range(19, 30)}
        r["sp"] = num(cs["sp_elx"])
        r["x30"] = r["pc"] = num(cs["lr"])
        return r

    def interrupted(self, t):
        esf = self.mem(num(gdb.parse_and_eval("_kernel.cpus[0].irq_stack")) - 16)[0]
        f = self.mem(esf, 23)
        r = {"x%d" % i: f[i] for i in range(19)}
        r.update(x30=f[19], cpsr=f[20], pc=f[21], x29=f[22], sp=esf + 192)
        return r


CPUS = {
    "cortex-m33": dict(
        family=CortexM, qemu="qemu-system-arm -M mps2-an505", regs=ARM + ["xpsr"],
        reasons={"undef": 36, "null": 35, "panic": 4, "isr": 36, "div": 30}),
    "cortex-m33f": dict(
        family=CortexM, qemu="qemu-system-arm -M mps2-an505", regs=ARM + ["xpsr"],
        float=["s%d" % i for i in range(32)] + ["fpscr"],
        reasons={"undef": 36, "null": 35, "panic": 4, "isr": 36, "div": 30}),
    "cortex-a": dict(
        family=CortexA, qemu="qemu-system-arm -M virt -cpu cortex-a15", regs=ARM + ["cpsr"],
        reasons={"undef": 45, "null": 54, "panic": 4, "isr": 45}),
    "aarch64": dict(
        family=AArch64, qemu="qemu-system-aarch64 -M virt -cpu cortex-a53",
        regs=["x%d" % i for i in range(31)] + ["sp", "pc", "cpsr"]),
    "cortex-m3": dict(
        family=CortexM, qemu="qemu-system-arm -M mps2-an385", regs=ARM + ["xpsr"],
        reasons={"undef": 36, "null": 35, "panic": 4, "isr": 36, "div": 30}),
}
CPUS.update({
    "rv32": dict(family=RiscV, qemu="qemu-system-riscv32 -M virt -bios none", regs=RISCV + RISCV_HIGH),
    "rv32e": dict(
        family=RiscV, regs=RISCV,
        qemu="qemu-system-riscv32 -M virt -bios none "
             "-cpu rv32,e=on,i=off,g=off,h=off,m=on,a=on,c=on,f=off,d=off,s=off,u=off"),
    "rv64": dict(family=RiscV64, qemu="qemu-system-riscv64 -M virt -bios none", regs=RISCV + RISCV_HIGH),
    "i386": dict(
        family=X86, qemu="qemu-system-i386",
        regs="eax ecx edx ebx esp ebp esi edi eip".split() + SEGMENTS),
    # QEMU's multiboot loader takes 32-bit ELF files only
    "x86_64": dict(
        family=X86_64,
        qemu="sh -c 'objcopy -O elf32-i386 x86_64/fw.elf x86_64/fw32.tmp; exec qemu-system-x86_64 \"$@\"' sh",
        load="-kernel x86_64/fw32.tmp", gdb_connected=["shell rm -f x86_64/fw32.tmp"],
        regs="rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip".split() + SEGMENTS),
})

# Optional keys of an entry: float=[register names] (FPU live), gdb=[commands before connecting],
# gdb_connected=[commands after], load="-kernel {elf}" (default), reasons (default: panic 4, else 0)

# ---------------------------------------------------------------------------------------------


def capture(cpu, scenario):
    c = CPUS[cpu]
    fam = c["family"]()
    elf = "%s/fw.elf" % cpu
    log = "%s/%s.log" % (cpu, scenario)
    run = lambda s: gdb.execute(s, to_string=True)
    ev = gdb.parse_and_eval
    reg = lambda n: num(ev("$" + n))
    for s in ["set pagination off", "set confirm off", "set width 0", "set height 0", "set print pretty off",
              "set print elements 200", "set charset ASCII", "set print repeats unlimited", "file " + elf] + c.get("gdb", []):
        run(s)

    def start():
        run("target remote | exec %s %s -S -gdb stdio -serial file:%s -monitor none -display none -no-reboot"
            % (c["qemu"], c.get("load", "-kernel {elf}").format(elf=elf), log))
        for s in c.get("gdb_connected", []):
            run(s)
        go("*main")
        run("set var scenario = %d" % SCENARIOS[scenario])

    def go(where):
        run("delete")
        run("hbreak " + where)
        run("continue")
        run("delete")

    def kill():
        try:
            run("kill")
        except gdb.error:             # QEMU sometimes closes the pipe first
            pass

    def site(function, pattern):
        for line in run("disassemble " + function).splitlines():
            m = re.match(r"\s*(?:=>)?\s*(0x[0-9a-f]+) <[^>]*>:\s*(.*)", line)
            if m and re.search(pattern, m.group(2)):
                return int(m.group(1), 16)
        raise SystemExit("%s: no %s in %s" % (cpu, pattern, function))

    def registers():
        return {n: reg(n) for n in c["regs"]}

    def floats():
        return {n: reg(n) if n == "fpscr" else int.from_bytes(float_bytes(ev("$" + n)), "little")
                for n in c.get("float", [])}

    def set_registers(d):
        names = [n for n in c["regs"] if n in d and n not in ("xpsr", "cpsr") and n not in SEGMENTS]
        for n in names:
            run("set $%s = %d" % (n, d[n]))
        for n in c.get("float", []):
            if n in d and n != "fpscr":
                run("set $%s = %r" % (n, struct.unpack("<f", struct.pack("<I", d[n]))[0]))
        gdb.invalidate_cached_frames() if hasattr(gdb, "invalidate_cached_frames") else run("flushregs")

    def frames():
        out = []
        f = gdb.newest_frame()
        while f is not None and f.is_valid():
            if out and (f.pc() == 0 or f.type() == gdb.SIGTRAMP_FRAME):
                break
            sal = f.find_sal()
            e = {"pc": hex(f.pc()), "function": f.name(),
                 "file": os.path.basename(sal.symtab.filename) if sal.symtab else None,
                 "line": sal.line if sal.symtab else None}
            if f.type() == gdb.INLINE_FRAME:
                e["inlined"] = True
            loc = {}
            try:
                b = f.block()
                while b is not None:
                    for s in b:
                        if (s.is_variable or s.is_argument or s.is_constant) and s.name not in loc:
                            try:
                                loc[s.name] = str(s.value(f)) if s.needs_frame else str(s.value())
                            except gdb.error as x:
                                loc[s.name] = "<error: %s>" % x
                    if b.function:
                        break
                    b = b.superblock
            except RuntimeError:
                pass
            e["locals"] = loc
            out.append(e)
            if f.name() in ("z_thread_entry", "z_arm_reset"):
                break
            try:
                f = f.older()
            except gdb.error:
                break
        return out

    def texts(d):
        return {n: hex(v) for n, v in d.items()}

    start()
    if scenario == "isr":
        go("*%#x" % site("isr_deep", fam.undef))
    elif scenario == "null":
        go("*0")
    else:
        go("*%#x" % site("blow_up", getattr(fam, scenario)))

    live = registers()
    live.update(floats())
    back = fam.return_address() if scenario == "null" else None
    current = num(ev("_kernel.cpus[0].current"))
    threads = []

    def describe(t, addr):
        start_, size = num(field(t, "stack_info.start")), num(field(t, "stack_info.size"))
        m = re.match(r"(\S+)(?: \+ 1)? in section", run("info symbol %#x" % num(field(t, "entry.pEntry"))))
        return {"name": t["name"].string(), "control": hex(addr), "current": addr == current, "kind": "task",
                "state": num(field(t, "base.thread_state")), "prio": int(field(t, "base.prio")),
                "entry": m.group(1) if m else None, "stack": [hex(start_), hex(start_ + size)]}

    locals_ = {}
    if scenario == "isr":
        f = frames()
        threads.append({"name": "interrupt", "kind": "interrupt", "current": True,
                        "registers": texts({n: live[n] for n in c["regs"]}), "frames": f})
        for e in f:
            locals_.setdefault(e["function"], e["locals"])
    t = ev("_kernel.threads")
    order = []
    while num(t):
        order.append(num(t))
        t = t["next_thread"]
    order.remove(current)
    stepped = None
    for addr in [current] + order:
        t = ev("*(struct k_thread *)%#x" % addr)
        d = describe(t, addr)
        if addr == current and scenario == "isr":
            saved = fam.interrupted(t)
            d["current"] = False
            d["interrupted"] = True
            stepped = d
        elif addr == current:
            d["registers"] = texts({n: live[n] for n in c["regs"]})
            d["frames"] = frames()
            for e in d["frames"]:
                locals_.setdefault(e["function"], e["locals"])
        else:
            r = fam.switched_out(t)
            d["registers"] = texts({n: v for n, v in r.items() if n not in c.get("float", [])})
            if any(n in r for n in c.get("float", [])):
                d["float"] = texts({n: v for n, v in r.items() if n in c["float"]})
            set_registers(r)
            d["frames"] = frames()
            set_registers(live)
        threads.append(d)
    again = registers()
    again.update(floats())
    for n in live:
        if live[n] != again[n]:
            print("warning: %s not restored: %#x, was %#x" % (n, again[n], live[n]), file=sys.stderr)

    truth = {"cpu": cpu, "scenario": scenario,
             "reason": c.get("reasons", {}).get(scenario, 4 if scenario == "panic" else 0),
             "image_ram": [hex(num(ev("(unsigned long)&_image_ram_start"))), hex(num(ev("(unsigned long)&_image_ram_end")))],
             "trap_size": fam.trap_size if scenario == "panic" else 0,
             "threads": threads}
    if "float" in c:
        truth["float"] = texts({n: live[n] for n in c["float"]})
    truth["globals"] = {g: str(ev(g)) for g in GLOBALS}
    truth["locals"] = locals_

    go("*port_halt")
    kill()

    if scenario == "null":
        # gdb may not unwind from pc 0: once more, to the call instruction, for the callers' frames
        keep = open(log, "rb").read()
        start()
        go("*blow_up")
        begin, call = reg(fam.pc), None
        for i in gdb.selected_frame().architecture().disassemble(begin, back - 1):
            call = i["addr"]
        go("*%#x" % call)
        f = frames()
        f[0]["pc"] = hex(back)
        for e in f:
            locals_.setdefault(e["function"], e["locals"])
        d = threads[0]
        d["gdb_frames"] = d["frames"]      # what gdb's own bt shows at pc 0
        d["frames"] = [{"pc": "0x0", "function": None, "file": None, "line": None, "locals": {}}] + f
        locals_.pop(d["gdb_frames"][0]["function"], None)
        kill()
        open(log, "wb").write(keep)

    if stepped is not None:
        # once more, by single steps (QEMU holds interrupts back meanwhile), to where it was interrupted
        keep = open(log, "rb").read()
        start()
        go("*blow_up")
        for _ in range(3000):
            if reg(fam.pc) == saved[fam.pc]:
                break
            run("stepi")
        else:
            raise SystemExit("%s: interrupted pc %#x never reached" % (cpu, saved[fam.pc]))
        r = registers()
        for n, v in saved.items():
            if n in r and r[n] != v:
                print("warning: %s/%s: %s stepped %#x, saved by the entry code %#x" % (cpu, scenario, n, r[n], v), file=sys.stderr)
        stepped["registers"] = texts(r)
        stepped["frames"] = frames()
        kill()
        open(log, "wb").write(keep)

    with open("%s/%s.json" % (cpu, scenario), "w") as out:
        json.dump(truth, out, indent=1)
        out.write("\n")


def float_bytes(v):
    n = v.type.sizeof
    t = gdb.lookup_type("unsigned int" if n == 4 else "unsigned long long")
    if v.type.code == gdb.TYPE_CODE_FLT:
        return struct.pack("<f" if n == 4 else "<d", float(v))
    return int(v.cast(t)).to_bytes(n, "little")


def main():
    os.chdir(os.path.dirname(os.path.abspath(__file__)))
    cpu, scenario = sys.argv[1:3]
    env = dict(os.environ, CAPTURE="%s %s" % (cpu, scenario))
    p = subprocess.run(["gdb-multiarch", "-nx", "-batch", "-x", os.path.abspath(__file__)], env=env,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=240)
    log, truth = "%s/%s.log" % (cpu, scenario), "%s/%s.json" % (cpu, scenario)
    text = open(log, "rb").read()
    if p.returncode or not os.path.exists(truth) or b"#CD:END#" not in text or b"Halting system" not in text:
        if os.path.exists(truth):
            os.unlink(truth)
        sys.exit("%s %s: capture failed" % (cpu, scenario))


if gdb is None:
    main()
else:
    try:
        capture(*os.environ["CAPTURE"].split())
    except BaseException:
        import traceback
        traceback.print_exc()
        gdb.execute("kill") if gdb.selected_inferior().pid else None
        gdb.execute("quit 1")

#!/usr/bin/env python3
"""Runs a program in QEMU and prints, as JSON, what gdb sees at the calls in middle and outer, and at the end of leaf."""
import json, os, subprocess, sys, tempfile

INSIDE = r'''
import gdb, json
def stop(where):
    gdb.execute("tbreak " + where)
    gdb.execute("continue", to_string=True)
    frame, registers, frames = gdb.selected_frame(), {}, []
    for r in frame.architecture().registers("general"):
        if r.name in NAMES:
            registers[r.name] = hex(int(frame.read_register(r.name)) & 0xffffffff)
    while frame:
        frames.append({"pc": hex(frame.pc()), "function": frame.name()})
        frame = frame.older()
    return {"registers": registers, "frames": frames, "ram": bytes(gdb.selected_inferior().read_memory(RAM, SIZE)).hex()}
thumb = gdb.selected_inferior().architecture().name().startswith("arm")
NAMES = ("r0 r1 r2 r3 r4 r5 r6 r7 r8 r9 r10 r11 r12 sp lr pc" if thumb else "ra sp gp tp fp s1 a0 a1 a2 a3 a4 a5 a6 a7 pc").split()
RAM = 0x20000000 if thumb else 0x80001000
SIZE = int(gdb.parse_and_eval("(unsigned long)&stack_top")) - RAM
stops = [stop(w) for w in (LINES["return middle"], LINES["return leaf"], LINES["captured here"])]
print("JSON" + json.dumps({"start": hex(RAM), "stops": stops}))
'''

def main(elf, qemu):
    with open("frames.c") as f:
        lines = {k: "frames.c:%d" % n for n, text in enumerate(f, 1)
                 for k in ("return middle", "return leaf", "captured here") if k in text}
    with tempfile.TemporaryDirectory() as tmp:
        script, sock = os.path.join(tmp, "inside.py"), os.path.join(tmp, "gdb")
        with open(script, "w") as f:
            f.write("LINES = %r\n" % lines + INSIDE)
        target = subprocess.Popen(qemu.split() + ["-display", "none", "-S", "-kernel", elf, "-chardev",
                                  "socket,path=%s,server=on,wait=off,id=g" % sock, "-gdb", "chardev:g"])
        try:
            while not os.path.exists(sock):
                pass
            out = subprocess.run(["gdb-multiarch", "-nx", "-batch", elf, "-ex", "target remote " + sock, "-x", script],
                                 capture_output=True, text=True, timeout=60)
            if "JSON" not in out.stdout:
                sys.exit(out.stdout + out.stderr)
            seen, _ = json.JSONDecoder().raw_decode(out.stdout.split("JSON", 1)[1])
            print(json.dumps(seen, indent=1))
        finally:
            target.kill()
            target.wait()

main(*sys.argv[1:])

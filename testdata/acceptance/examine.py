# Runs inside gdb: opens every core listed in the file $JOBS against one ELF and writes what the debugger shows to $RESULT.
#
#   { "elf": "fw.elf", "cores": [...], "registers": [...], "globals": [...] }
#   -> [ { "core", "text", "threads": [ { "lwp", "registers", "frames", "bt" } ], "globals" } ]
#
# Walks end where those of testdata/firmware/capture.py end, so that frames compare one to one.
import gdb
import json
import os


def run(command):
    return gdb.execute(command, to_string=True)


def number(value):
    size = value.type.strip_typedefs().sizeof
    return int(value) & ((1 << (8 * size)) - 1)


def register(name):
    try:
        return hex(number(gdb.parse_and_eval("$" + name)))
    except gdb.error:
        return None


def text(frame, symbol):
    try:
        return str(symbol.value(frame)) if symbol.needs_frame else str(symbol.value())
    except gdb.error as e:
        return "<error: %s>" % e


def local_variables(frame):
    found = {}
    try:
        block = frame.block()
    except RuntimeError:
        return found
    while block is not None:
        for s in block:
            if (s.is_variable or s.is_argument or s.is_constant) and s.name not in found:
                found[s.name] = text(frame, s)
        if block.function:
            break
        block = block.superblock
    return found


def frames():
    out = []
    frame = gdb.newest_frame()
    while frame is not None and frame.is_valid() and len(out) < 64:
        if out and (frame.pc() == 0 or frame.type() == gdb.SIGTRAMP_FRAME):
            break
        sal = frame.find_sal()
        out.append({"pc": hex(frame.pc()), "function": frame.name(),
                    "file": os.path.basename(sal.symtab.filename) if sal.symtab else None,
                    "line": sal.line if sal.symtab else None,
                    "locals": local_variables(frame)})
        if frame.name() in ("z_thread_entry", "z_arm_reset"):
            break
        try:
            frame = frame.older()
        except gdb.error:
            break
    return out


def examine(core, registers, variables):
    result = {"core": core, "text": run("core-file " + core) + run("info threads"), "threads": [], "globals": {}}
    for thread in sorted(gdb.selected_inferior().threads(), key=lambda t: t.num):
        thread.switch()
        result["threads"].append({
            "lwp": thread.ptid[1] or thread.ptid[0],
            "registers": {r: register(r) for r in registers},
            "frames": frames(),
            "bt": run("bt"),
        })
    for name in variables:
        try:
            result["globals"][name] = str(gdb.parse_and_eval(name))
        except gdb.error as e:
            result["globals"][name] = "<error: %s>" % e
    return result


job = json.load(open(os.environ["JOBS"]))
for command in ["set pagination off", "set confirm off", "set width 0", "set height 0", "set print elements 200",
                "set charset ASCII", "set print repeats unlimited", "file " + job["elf"]]:
    run(command)
results = []
for core in job["cores"]:
    try:
        results.append(examine(core, job["registers"], job["globals"]))
    except gdb.error as e:
        results.append({"core": core, "text": "refused: %s" % e, "threads": [], "globals": {}})
json.dump(results, open(os.environ["RESULT"], "w"))

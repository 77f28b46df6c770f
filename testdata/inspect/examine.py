# Runs inside gdb: says of every thread of every core what its frames are and what each variable holds. Reads the file $JOBS,
#
#   [ { "elf": "fw.elf", "core": "crash.core", "expressions": ["g_list->next"] } ]
#
# and writes to $RESULT, in the same order,
#
#   [ { "threads": [ { "id", "end", "frames": [ { "pc", "function", "file", "line", "kind",
#       "variables": [ { "name", "type", "text", "argument", "entry" } ] } ] } ],
#       "expressions": { "g_list->next": "(struct node *) 0x20000010 <g_nodes+20>" } } ]
#
# Variables are in the order of blocks, innermost first. "entry" is gdb's NAME@entry where NAME itself is optimised out.
import gdb
import json
import os

SETTINGS = """pagination off|confirm off|width 0|height 0|style enabled off|charset ASCII|print elements 200|print repeats 10
print pretty off|print object off|print vtbl off|print symbol on|print address on|print entry-values no
backtrace past-main on|backtrace limit 256""".replace("\n", "|").split("|")
KINDS = {gdb.INLINE_FRAME: "inlined", gdb.TAILCALL_FRAME: "tail call", gdb.SIGTRAMP_FRAME: "signal"}
ABSENT = "<optimized out>"


def text(get):
    try:
        return get().format_string(deref_refs=True)
    except (gdb.error, RuntimeError) as e:
        return "<error: %s>" % e
    except KeyboardInterrupt:       # what an internal error of gdb comes out as
        return "<error: internal>"


def variables(frame):
    out = []
    try:
        block = frame.block()
    except RuntimeError:
        return out
    frame.select()
    while block is not None:
        for s in block:
            if not (s.is_variable or s.is_argument or s.is_constant):
                continue
            v = {"name": s.name, "type": str(s.type), "argument": s.is_argument,
                 "text": text(lambda: s.value(frame) if s.needs_frame else s.value())}
            if s.is_argument and v["text"] == ABSENT:
                v["entry"] = text(lambda: gdb.parse_and_eval(s.name + "@entry"))
            out.append(v)
        if block.function:
            break
        block = block.superblock
    return out


def frames():
    out, end = [], ""
    frame = gdb.newest_frame()
    while frame is not None and frame.is_valid() and len(out) < 256:
        sal = frame.find_sal()
        out.append({"pc": hex(frame.pc()), "function": frame.name() or "", "kind": KINDS.get(frame.type(), ""),
                    "file": sal.symtab.filename if sal.symtab else "", "line": sal.line if sal.symtab else 0,
                    "variables": variables(frame)})
        end = gdb.frame_stop_reason_string(frame.unwind_stop_reason())
        try:
            frame = frame.older()
        except gdb.error as e:
            end = str(e)
            break
    return out, end


def evaluate(expression):
    try:
        return gdb.execute("output " + expression, to_string=True)
    except (gdb.error, RuntimeError) as e:
        return "<error: %s>" % e


def examine(job):
    gdb.execute("file " + job["elf"], to_string=True)
    gdb.execute("core-file " + job["core"], to_string=True)
    threads = []
    for thread in sorted(gdb.selected_inferior().threads(), key=lambda t: t.num):
        thread.switch()
        walked, end = frames()
        threads.append({"id": thread.ptid[1] or thread.ptid[0], "frames": walked, "end": end})
    gdb.execute("thread 1", to_string=True)
    gdb.execute("frame 0", to_string=True)
    shown = {e: evaluate(e) for e in job["expressions"]}
    gdb.execute("core-file", to_string=True)
    return {"threads": threads, "expressions": shown}


for setting in SETTINGS:
    gdb.execute("set " + setting, to_string=True)
for question in "quit", "corefile":
    gdb.execute("maintenance set internal-error %s no" % question)
with open(os.environ["JOBS"]) as f:
    jobs = json.load(f)
results = [examine(job) for job in jobs]
with open(os.environ["RESULT"], "w") as f:
    json.dump(results, f)

# Asks GDB: each line of $ASK is "whatis EXPRESSION", "fields TYPE" or
# "set SETTING"; a line of answer each goes to $ANSWER.
import gdb, os

def answer(how, what):
    if how == "whatis":
        return gdb.execute("whatis " + what, to_string=True).strip().removeprefix("type = ")
    if how == "set":
        return gdb.execute("set " + what, to_string=True)
    t = gdb.lookup_type(what).strip_typedefs()
    fields = []
    for f in t.fields():
        at = f.enumval if t.code == gdb.TYPE_CODE_ENUM else getattr(f, "bitpos", "static")
        fields.append("%s@%s:%s" % (f.name or "", at, f.bitsize))
    return "%s %s" % (t.sizeof, " ".join(fields))

try:  # without a main GDB takes every program for one in C
    gdb.execute("list types.rs:1", to_string=True)
    gdb.execute("set language rust")
except gdb.error:
    pass

with open(os.environ["ASK"]) as ask, open(os.environ["ANSWER"], "w") as out:
    for line in ask:
        try:
            text = answer(*line.rstrip("\n").split(" ", 1))
        except (gdb.error, RuntimeError) as e:
            text = "error: %s" % e
        print(text.replace("\n", " "), file=out)

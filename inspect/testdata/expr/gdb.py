# Runs inside GDB: prints the expressions of the file $ASK, one a line. A line
# of answer goes to $ANSWER for each: value, a tab, type; or an error.
import gdb
import os

SETTINGS = "pagination off|confirm off|width 0|height 0|style enabled off|charset ASCII|host-charset ASCII|target-wide-charset UTF-32"


def answer(expression):
    show = "print" + (expression if expression.startswith("/") else " " + expression)
    bare = expression.split(" ", 1)[1] if expression.startswith("/") else expression
    value = gdb.execute(show, to_string=True).split(" = ", 1)[1].rstrip("\n")
    kind = gdb.execute("whatis " + bare, to_string=True).rstrip("\n").removeprefix("type = ")
    return value + "\t" + kind


for setting in SETTINGS.split("|"):
    gdb.execute("set " + setting)
with open(os.environ["ASK"]) as ask, open(os.environ["ANSWER"], "w") as out:
    for line in ask:
        try:
            text = answer(line.rstrip("\n"))
        except (gdb.error, RuntimeError) as e:
            text = "error: %s" % e
        print(text.replace("\n", " "), file=out)

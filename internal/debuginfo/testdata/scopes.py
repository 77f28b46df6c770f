# For each address in $PCS (hexadecimal, one a line) what GDB says: the line, and
# from the function inwards each scope with its variables. Writes JSON to $OUT.
import gdb, json, os


def variables(block):
    for s in block:
        if s.type is None or str(s.type) in ("CORE_ADDR", "__CORE_ADDR"):
            continue  # a label
        # Enumerators are constants, too, but have no line.
        constant = s.addr_class == gdb.SYMBOL_LOC_CONST and s.line or s.addr_class == gdb.SYMBOL_LOC_CONST_BYTES
        if s.is_argument or s.is_variable or constant:
            yield [s.name, "parameter" if s.is_argument else "variable", str(s.line)]


def scopes(pc):
    found, pending = [], []
    block = gdb.current_progspace().block_for_pc(pc)
    while block is not None and not block.is_static and not block.is_global:
        if not block.start <= pc < block.end:
            break  # a function that is nested in the source only
        pending += variables(block)
        if block.function is not None:
            found.insert(0, {"name": block.function.name, "variables": sorted(pending)})
            pending = []
        block = block.superblock
    return found


answers = []
for line in open(os.environ["PCS"]):
    pc = int(line, 16)
    sal = gdb.find_pc_line(pc)
    known = sal.symtab is not None and sal.line
    answers.append({
        "pc": pc,
        "file": sal.symtab.filename if known else "",
        "line": sal.line if known else 0,
        "scopes": scopes(pc),
    })
json.dump(answers, open(os.environ["OUT"], "w"))

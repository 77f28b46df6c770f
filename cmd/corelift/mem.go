package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"corelift/elfcore"
	"corelift/elfcore/firmware"
	"corelift/inspect"
	"corelift/inspect/text"
	"corelift/internal/modules"
)

func memVerb() verb {
	return verb{
		name:  "mem",
		args:  "INPUT ADDRESS LENGTH",
		short: "show or extract memory, and say where each byte comes from",
		long: `Reads memory of the dump; where that has none, of the files that were mapped
there: for the core of a process those that it lists, for a firmware (-e) its
code and read-only data. Each run of bytes says where it comes from, how far it
can be trusted, and why if that is not much:

    corelift mem core 0x7ffd2a3c1000 256
    corelift mem core 0x7f12a0000000 4k --sysroot target/ --raw -o page.bin
    corelift mem crash.log '&queue' 64 -e zephyr.elf

ADDRESS is a number, or an expression (see print) where the program is known.
LENGTH is in bytes, or with k, M or G behind it in KiB, MiB or GiB. Exit code 3
says that a part is missing. --json prints docs/schema/mem.json.`,
		setup: func(fs *pflag.FlagSet) func(context.Context, streams) error {
			var r memReader
			r.input.declare(fs)
			r.input.declareDebug(fs)
			fs.BoolVar(&r.raw, "raw", false, "write the bytes as they are, to standard output or -o; refused if a\npart is missing")
			fs.StringVarP(&r.out, "output", "o", "", "`FILE` for the bytes of --raw")
			fs.BoolVar(&r.overwrite, "overwrite", false, "replace FILE if it exists")
			fs.BoolVar(&r.partial, "partial", false, "with --raw, leave out what is missing, so that the rest moves up")
			fs.BoolVar(&r.json, "json", false, "print JSON")
			return func(ctx context.Context, s streams) error {
				if fs.NArg() != 3 {
					return &usageError{text: "give INPUT, ADDRESS and LENGTH"}
				}
				if (r.out != "" || r.partial) && !r.raw || r.json && r.raw {
					return &usageError{text: "-o and --partial go with --raw, --json does not"}
				}
				return r.run(ctx, s, fs.Arg(0), fs.Arg(1), fs.Arg(2))
			}
		},
	}
}

// memReader is what the command line asks for.
type memReader struct {
	input              inputFlags
	raw, partial, json bool
	out                string
	overwrite          bool
}

func (r *memReader) run(ctx context.Context, s streams, name, where, length string) error {
	size, err := parseSize(length)
	if err != nil {
		return err
	}
	in, err := r.input.open(ctx, s, name, true)
	if err != nil {
		return err
	}
	defer in.close()
	if len(in.crashes) > 1 {
		return &usageError{text: "mem reads one dump; choose it with --select"}
	}
	dump := in.crashes[0]
	core, program, err := dump.read(ctx)
	if err != nil {
		return err
	}
	at, err := locate(s.err, core, program, where)
	if err != nil {
		return err
	}
	if last := core.Arch.AddrMask(); uint64(at) > last || size-1 > last-uint64(at) {
		return fmt.Errorf("%v and %d bytes run over the end of the address space, %v", at, size, elfcore.Addr(last))
	}
	memory := &modules.Memory{Core: core, Process: dump.process, Program: program}
	runs := memory.Runs(ctx, elfcore.Range{Addr: at, Size: size})
	var absent bool
	switch {
	case r.raw:
		absent, err = r.extract(ctx, s, in, runs)
	case r.json:
		absent, err = printMemory(s.out, elfcore.Range{Addr: at, Size: size}, runs)
	default:
		absent, err = dumpMemory(s.out, core, runs)
	}
	if err == nil && (absent || core.Damaged()) {
		err = exitCode(exitDamaged)
	}
	return err
}

// tellLosses says what the input lacks.
func tellLosses(w io.Writer, core *elfcore.Core) {
	for _, d := range core.Diagnostics {
		if d.Severity == elfcore.Loss {
			say(w, "%s", diagnosticLine(d))
		}
	}
}

// units are what may follow a length.
var units = map[string]int{"": 0, "k": 10, "K": 10, "M": 20, "G": 30}

// parseSize reads a length in bytes.
func parseSize(text string) (uint64, error) {
	number := strings.TrimRight(text, "kKMG")
	shift, ok := units[text[len(number):]]
	n, err := strconv.ParseUint(number, 0, 64)
	if !ok || err != nil || n == 0 || n<<shift>>shift != n {
		return 0, &usageError{text: fmt.Sprintf("LENGTH is a number of bytes, such as 64, 0x40 or 4k, not %q", text)}
	}
	return n << shift, nil
}

// locate is the address that a word stands for. What makes it doubtful is told.
func locate(w io.Writer, core *elfcore.Core, program *firmware.Set, where string) (elfcore.Addr, error) {
	if n, err := strconv.ParseUint(where, 0, 64); err == nil {
		tellLosses(w, core)
		return elfcore.Addr(n), nil
	}
	tellDoubts(w, core, program)
	session := inspect.New(core, program, inspect.Options{})
	var frame *inspect.Frame
	if id := session.Crashed(); id > 0 {
		frame, _ = session.Frame(id, 0)
	}
	found, err := session.Examine(frame, where, inspect.ExamineOptions{Count: 1, Size: 1})
	if err != nil {
		return 0, blame(where, err)
	}
	return found.Cells[0].Address, nil
}

// runs are those of a range of memory.
type runs = iter.Seq2[modules.Run, error]

// dumpMemory prints runs, each below a line that says where it comes from.
func dumpMemory(to io.Writer, core *elfcore.Core, list runs) (absent bool, err error) {
	w := bufio.NewWriter(to)
	for run, err := range list {
		if err != nil {
			return absent, err
		}
		absent = absent || run.Source == modules.Missing
		fmt.Fprintf(w, "# %s\n", text.Escape(provenance(&run)))
		digits := 2 * core.Arch.PtrSize()
		err := each(&run, func(at elfcore.Addr, b []byte) {
			for len(b) > 0 {
				row := b[:min(len(b), rowSize)]
				printRow(w, digits, at, row)
				at, b = at+elfcore.Addr(len(row)), b[len(row):]
			}
		})
		if err != nil {
			return absent, errors.Join(err, w.Flush())
		}
	}
	return absent, w.Flush()
}

const rowSize = 16 // bytes in a row

// printRow prints a row as hexdump -C does.
func printRow(w *bufio.Writer, digits int, at elfcore.Addr, row []byte) {
	fmt.Fprintf(w, "%0*x ", digits, uint64(at))
	for i := range rowSize {
		if i%8 == 0 {
			w.WriteByte(' ')
		}
		if i < len(row) {
			fmt.Fprintf(w, "%02x ", row[i])
		} else {
			w.WriteString("   ")
		}
	}
	w.WriteString(" |")
	for _, c := range row {
		if c < ' ' || c > '~' {
			c = '.'
		}
		w.WriteByte(c)
	}
	w.WriteString("|\n")
}

// provenance says where a run comes from, and how far it can be trusted.
func provenance(run *modules.Run) string {
	line := fmt.Sprintf("%v, %s: %s", run.Range, count64(run.Size, "byte"), run.Source)
	if run.Path != "" {
		line += " " + run.Path
	}
	switch {
	case run.Section != "":
		line += fmt.Sprintf(" %s+0x%x", run.Section, run.Offset)
	case run.Source == modules.FromFile:
		line += fmt.Sprintf(" at 0x%x", run.Offset)
	}
	if run.State != elfcore.Known && run.State != elfcore.Missing {
		line += ", " + run.State.String()
	}
	if run.Note != "" {
		line += "; " + run.Note
	}
	return line
}

func count64(n uint64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// each reads a run in pieces, whose sizes are multiples of a row's but for the
// last.
func each(run *modules.Run, do func(elfcore.Addr, []byte)) error {
	if run.Data == nil {
		return nil
	}
	buffer := make([]byte, min(run.Size, 64<<10))
	for off := uint64(0); off < run.Size; off += uint64(len(buffer)) {
		piece := buffer[:min(uint64(len(buffer)), run.Size-off)]
		if n, err := run.Data.ReadAt(piece, int64(off)); n < len(piece) {
			return fmt.Errorf("memory at %v: %w", run.Addr+elfcore.Addr(off), cmp.Or(err, io.ErrUnexpectedEOF))
		}
		do(run.Addr+elfcore.Addr(off), piece)
	}
	return nil
}

// extract writes the bytes as they are. It writes none if a part is missing,
// unless the user wants what there is.
func (r *memReader) extract(ctx context.Context, s streams, in *capture, list runs) (absent bool, err error) {
	for run, err := range list {
		if err != nil {
			return absent, err
		}
		missing := run.Source == modules.Missing
		absent = absent || missing
		if missing || run.State == elfcore.Suspect {
			say(s.err, "%s", provenance(&run))
		}
	}
	if absent && !r.partial {
		hint(s.err, "nothing was written; --partial writes what there is, without room for the rest")
		return absent, nil
	}
	content := func(w io.Writer) error {
		for run, err := range list {
			if err != nil {
				return err
			}
			var failed error
			err = each(&run, func(_ elfcore.Addr, b []byte) {
				if failed == nil {
					_, failed = w.Write(b)
				}
			})
			if err = errors.Join(err, failed); err != nil {
				return err
			}
		}
		return nil
	}
	if r.out == "" {
		return absent, content(untilDone{ctx, s.out})
	}
	to := output{overwrite: r.overwrite, inputs: in.inputs}
	return absent, to.write(ctx, r.out, content)
}

// memSchema names the version of the JSON form in docs/schema.
const memSchema = "corelift.mem/1"

// memory is the document of --json.
type memory struct {
	Schema string       `json:"schema"`
	Addr   elfcore.Addr `json:"addr"`
	Size   uint64       `json:"size"`
	Runs   []memoryRun  `json:"runs"`
}

type memoryRun struct {
	elfcore.Range
	Source  string        `json:"source"`
	State   elfcore.State `json:"state"`
	File    string        `json:"file,omitempty"`
	Section string        `json:"section,omitempty"`
	Offset  *uint64       `json:"offset,omitempty"`
	Note    string        `json:"note,omitempty"`
	Hex     string        `json:"hex,omitempty"`
}

// maxJSON bounds what one document holds, in bytes of memory.
const maxJSON = 64 << 20

// printMemory prints the document.
func printMemory(w io.Writer, r elfcore.Range, list runs) (absent bool, err error) {
	document := memory{memSchema, r.Addr, r.Size, []memoryRun{}}
	left := uint64(maxJSON)
	for run, err := range list {
		if err != nil {
			return absent, err
		}
		row := memoryRun{Range: run.Range, Source: run.Source, State: run.State, File: run.Path, Section: run.Section, Note: run.Note}
		if run.Source == modules.FromFile {
			row.Offset = &run.Offset
		}
		switch {
		case run.Source == modules.Missing:
			absent = true
		case run.Size > left:
			return absent, hinted(fmt.Errorf("more than %d MiB of memory for one document", maxJSON>>20), "use --raw")
		default:
			left -= run.Size
		}
		var digits strings.Builder
		if err := each(&run, func(_ elfcore.Addr, b []byte) { digits.WriteString(hex.EncodeToString(b)) }); err != nil {
			return absent, err
		}
		row.Hex = digits.String()
		document.Runs = append(document.Runs, row)
	}
	return absent, printJSON(w, document)
}

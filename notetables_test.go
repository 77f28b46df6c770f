package corelift_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"corelift"
	"corelift/notes"
)

const readelfDoc = "docs/readelf.md"

// noteSystems are the sections of the document: who writes the notes of these
// owners, and where they are described. A system that is sized has the codecs
// that go by the size of a note.
var noteSystems = []struct {
	name, source string
	owners       []string
	sized        bool
}{
	{"Linux", "Linux 6.1: include/linux/elfcore.h, uapi/linux/elf.h, uapi/linux/auxvec.h, asm-generic/siginfo.h, each CPU's uapi/asm/ptrace.h; " +
		"LINUX types above 0x40b, 0x901 and 0xa04 from later patches. GDB and corelift write those of owner CORE too.", []string{"CORE", "LINUX"}, false},
	{"FreeBSD", "sys/procfs.h, sys/user.h, sys/ptrace.h, sys/elf_common.h, kern/imgact_elf.c, each CPU's include/reg.h.", []string{"FreeBSD"}, false},
	{"GDB", "GDB 13.1; corelift writes them too.", []string{"GDB"}, false},
	{"GNU", "The Linux extensions to the gABI; corelift writes the build-id of the firmware.", []string{"GNU"}, false},
	{"corelift", "elfcore/own.go.", []string{"corelift"}, false},
	{"ESP-IDF", "components/espcoredump, and the tool esp-coredump.",
		[]string{"ESP_CORE_DUMP_INFO", "ESP_CHIP_REV", "ESP_EXTRA_INFO", "ESP_PANIC_DETAILS", "EXTRA_INFO", "TASK_INFO"}, false},
	{"BlueOS", "Pull request 417 of vivoblueos/kernel. The device's own cores; what corelift makes of them has Linux' notes.", []string{"CORE"}, true},
}

// TestNoteTables writes docs/readelf.md from the tables and looks whether each
// codec is in it once.
func TestNoteTables(t *testing.T) {
	tables := corelift.NoteTables()
	type key struct {
		owner string
		typ   uint32
		size  int64
	}
	seen := map[key]bool{}
	for _, c := range tables {
		k := key{c.Owner, c.Type, c.Size}
		if seen[k] {
			t.Errorf("two codecs for %+v", k)
		}
		seen[k] = true
		if c.Name == "" || (c.Record == "") == (c.Fields == nil) || (c.Fields == nil) != (c.Holds == "") {
			t.Errorf("%s/%#x: not one of Record or Fields with Holds, or no name", c.Owner, c.Type)
		}
	}
	doc, rows := readelfHead, 0
	for _, s := range noteSystems {
		doc += fmt.Sprintf("\n### %s\n\n%s\n\n| owner | type | name | fields |\n|---|---|---|---|\n", s.name, s.source)
		for _, owner := range s.owners {
			for _, c := range tables {
				if c.Owner != owner || s.sized != (c.Size != 0) {
					continue
				}
				fields, typ := c.Holds, fmt.Sprintf("%#x", c.Type)
				if c.Record != "" {
					fields = members(c.Record)
				}
				if s.sized {
					typ += fmt.Sprintf(", %d bytes", c.Size)
				}
				doc += fmt.Sprintf("| %s | %s | %s | %s |\n", c.Owner, typ, c.Name, fields)
				rows++
			}
		}
	}
	if rows != len(tables) {
		t.Errorf("%d of %d codecs are in a section", rows, len(tables))
	}
	if *update {
		if err := os.WriteFile(readelfDoc, []byte(doc), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(readelfDoc)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, []byte(doc)) {
		t.Errorf("%s is out of date (go test -run TestNoteTables -update .):\n%s", readelfDoc, firstDifference(string(have), doc))
	}
}

// members are the names of a record's fields; those behind a bar are repeated.
func members(r notes.Record) string {
	var names []string
	for word := range strings.FieldsSeq(string(r)) {
		name, _, named := strings.Cut(word, ":")
		switch {
		case word == "|":
			names = append(names, "and for each:")
		case named:
			names = append(names, name)
		}
	}
	return strings.TrimPrefix(strings.Join(names, " "), "and ")
}

const readelfHead = `# corelift readelf

Shows what an ELF core file holds, whoever wrote it: Linux, FreeBSD, GDB, QEMU, a device, corelift. The file is not converted, nothing is
made up, and what can't be read is told with its offset.

    corelift readelf -h -l -n app.core      the header, the segments, the notes: GNU readelf's letters and lines
    corelift readelf --notes=decode app.core  every field of every note
    corelift readelf --maps app.core        the mappings of the process, and how much of each the core holds
    corelift readelf -a --json app.core     all of it as JSON

## As GNU readelf does

The text of -h, -l, -S, -n, -x and -p is that of GNU readelf 2.40, byte for byte, compared on the cores of the tests. On purpose, this is
other:

- What is wrong goes to standard error in corelift's words, and only if it matters to a core file. A file whose program headers are not all there
  is an error, with no text at all.
- The segments of a core with over 65,534 that lost its section header with the end of the file are counted and shown. GNU readelf shows
  65,535.
- Names, and texts of -p, are UTF-8. GNU readelf 2.40 loses bytes of characters beyond ASCII. DEL is ^? and a byte that is not UTF-8 \xff, which
  GNU readelf sends to the terminal as they are. A section's name over 1 KiB is <corrupt>.
- Contents that the end of the file cuts off are dumped as far as they go; GNU readelf dumps nothing. -x and -p of what is not there are an
  error, not a warning. In a file without sections they take numbers of segments.
- sh_entsize of symbol tables, relocations and groups is shown as it is. GNU readelf shows what it should be.
- Unnamed are e_flags and section types of CPUs that have no core files, and types of HP-UX and VMS.
- PT_INTERP and PT_DYNAMIC, which only programs have, are not followed.

Of -n:

- NT_FILE of 64-bit files is a table, as GNU readelf prints it of 32-bit ones. 2.40 says "Cannot decode 64-bit note in 32-bit build".
- Control characters in paths, versions and package notes are shown as in names (^[), bytes that are not UTF-8 as \xff. GNU readelf lets
  them through to the terminal.
- Notes that GNU readelf leaves out are shown: those before the end of a file that was cut, those of a segment with an alignment above 4 that is
  not 8, a last one that lacks its padding.
- A name of over 256 bytes ends the notes of a segment.
- A line break follows every note, also with -W behind a damaged one.
- Notes of programs only (SystemTap, VMS, build attributes, NetBSD's identity) are shown like those of unknown owners.

## Decoded notes

--notes=decode prints the same lines, each followed by the note's fields; with -W also where each lies in the descriptor and how long it is,
in bytes. A note that no codec knows, or that lacks the size which its system gives it, is shown as bytes. At most 300 fields, 2,000
characters of a field and 512 bytes of such a dump are printed, then the count of the rest; --json has all, up to 100,000 fields of a note.

## Mappings

--maps joins the segments with NT_FILE or FreeBSD's NT_PROCSTAT_VMMAP. "In core" is all, none, or the number of bytes from the start
that are there. "???" stands where nothing tells the protection: GDB writes no segment for a page that is as in its file. [stack] and [vdso]
follow from the auxiliary vector; a core does not tell the heap from other memory.

## Every note type that is decoded

Generated from the tables by ` + "`go test -run TestNoteTables -update .`" + `; the test fails when this file is out of date. A note is known by its owner
and type together, and where systems share these, by its size.
`

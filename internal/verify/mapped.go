package verify

import (
	"bytes"
	"fmt"
	"slices"

	"corelift/notes"
)

// mappedFiles is the note that GDB takes the mapped files from, nil if none.
func (f *File) mappedFiles() *note {
	for _, n := range f.notes {
		if n.is("CORE", notes.File) {
			return n
		}
	}
	return nil
}

// mapping is an entry of NT_FILE: start, end and offset, and the path.
type mapping struct {
	numbers []byte
	path    string
}

// mappings reads NT_FILE: count and page size, the entries' numbers, the paths,
// each with a NUL. It ends where the note is damaged.
func (f *File) mappings(n *note) (list []mapping) {
	list, _ = f.readMappings(n)
	return list
}

func (f *File) readMappings(n *note) (list []mapping, fault string) {
	desc, word := n.read(), f.word()
	if len(desc) < 2*word {
		return nil, fmt.Sprintf("%d bytes", n.size)
	}
	count := f.address(desc)
	if count > uint64(len(desc)-2*word)/uint64(3*word) {
		return nil, fmt.Sprintf("%d files in %d bytes", count, n.size)
	}
	numbers := desc[2*word:][:int(count)*3*word]
	paths := desc[2*word+len(numbers):]
	for i := range int(count) {
		path, rest, ok := bytes.Cut(paths, []byte{0})
		if !ok {
			return list, fmt.Sprintf("%d paths for %d files", i, count)
		}
		list = append(list, mapping{numbers[i*3*word:][:3*word], string(path)})
		paths = rest
	}
	if len(paths) > 0 {
		return list, fmt.Sprintf("%d bytes behind the paths of %d files", len(paths), count)
	}
	return list, ""
}

// heedsFiles tells whether GDB reads NT_FILE: under OS ABI GNU/Linux, which is
// the only one that CPUs have which must name it.
func (f *File) heedsFiles() bool {
	return f.arch != nil && (f.osabi() != "none" || f.arch.Core.TDescOS == "GNU/Linux")
}

// damagedFiles: GDB does without a list of files that it can't read.
func damagedFiles(f *File) []deviation {
	n := f.mappedFiles()
	if n == nil || !f.heedsFiles() {
		return nil
	}
	list, fault := f.readMappings(n)
	if fault == "" {
		return nil
	}
	return at(n.off, "NT_FILE with "+fault, "as many entries and paths as it says", func() string {
		f.setMappings(n, list)
		return fmt.Sprintf("NT_FILE has the %d files that can be read", len(list))
	})
}

// setMappings writes NT_FILE, or takes it out if it is empty.
func (f *File) setMappings(n *note, list []mapping) {
	if len(list) == 0 {
		f.remove(n)
		return
	}
	e := encoder{class: f.class, order: f.order}
	e.words(uint64(len(list)))
	e.out = append(e.out, n.read()[f.word():2*f.word()]...) // the page size
	for _, m := range list {
		e.out = append(e.out, m.numbers...)
	}
	for _, m := range list {
		e.out = append(append(e.out, m.path...), 0)
	}
	n.set(e.out)
}

func (f *File) remove(n *note) {
	f.notes = slices.DeleteFunc(f.notes, func(m *note) bool { return m == n })
}

// missingFiles: GDB warns of each mapped file that it does not find.
func missingFiles(f *File) []deviation {
	n := f.mappedFiles()
	if n == nil || !f.heedsFiles() {
		return nil
	}
	var lost []string
	seen := map[string]bool{}
	list := f.mappings(n)
	for _, m := range list {
		if !seen[m.path] && !f.exists(m.path) {
			lost = append(lost, m.path)
		}
		seen[m.path] = true
	}
	if len(lost) == 0 {
		return nil
	}
	const few = 3
	text := fmt.Sprintf("%.250q", lost[:min(few, len(lost))]) // a hostile path has 1 MiB
	if more := len(lost) - few; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	// That a process' files are not here is no fault of its core.
	return []deviation{{off: n.off, found: "mapped files that are not here: " + text, expected: "files that exist", remark: f.process}}
}

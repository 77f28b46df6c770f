package notes

import (
	"fmt"
	"iter"
	"strconv"
	"strings"
)

// GDB decodes the notes of owner GDB, and GNU those of GNU in a core.
var (
	GDB = Table{
		{Owner: "GDB", Type: TDesc, Name: "NT_GDB_TDESC", Fields: description, Holds: "architecture osabi, and the registers of each feature"},
		{Owner: "GDB", Type: RISCVCSR, Name: "NT_RISCV_CSR", Fields: controlRegisters, Holds: "control registers, by the names of the target description"},
	}
	GNU = Table{{Owner: "GNU", Type: BuildID, Name: "NT_GNU_BUILD_ID", Fields: buildID, Holds: "build-id"}}
)

// description tells what the target description says: architecture, OS ABI,
// and the registers of each feature.
func description(n Note, x Context) ([]Field, error) {
	d := open(n, x)
	xml := string(d.desc)
	for _, tag := range []string{"architecture", "osabi"} {
		if _, rest, ok := strings.Cut(xml, "<"+tag+">"); ok {
			value, _, _ := strings.Cut(rest, "<")
			d.addAt(tag, strings.TrimSpace(value), strings.Index(xml, "<"+tag+">"), len(value)+2*len(tag)+5)
		}
	}
	for at, feature := range elements(xml, "feature") {
		end := strings.Index(feature, "</feature")
		if end < 0 {
			end = len(feature)
		}
		var names []string
		for _, reg := range elements(feature[:end], "reg") {
			names = append(names, attribute(reg, "name"))
		}
		d.addAt(attribute(feature, "name"), fmt.Sprintf("%d registers: %s", len(names), strings.Join(names, " ")), at, end)
	}
	return d.done()
}

// elements yields the text from each element of a kind up to the next, and
// where it begins.
func elements(xml, tag string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		open := "<" + tag + " "
		at := strings.Index(xml, open)
		for at >= 0 {
			text, next := xml[at:], -1
			if i := strings.Index(text[1:], open); i >= 0 {
				text, next = text[:1+i], at+1+i
			}
			if !yield(at, text) {
				return
			}
			at = next
		}
	}
}

// attribute is the value of an attribute of the element that text begins with.
func attribute(text, name string) string {
	element, _, _ := strings.Cut(text, ">")
	_, rest, ok := strings.Cut(element, " "+name+"=")
	if !ok || rest == "" {
		return ""
	}
	value, _, _ := strings.Cut(rest[1:], rest[:1]) // either quotation mark
	return value
}

// Registers lists, in order, the registers of a feature of a target
// description, as GDB counts them for NT_RISCV_CSR.
func Registers(description, feature string) (names []string) {
	for _, text := range elements(description, "feature") {
		if attribute(text, "name") != feature {
			continue
		}
		text, _, _ = strings.Cut(text, "</feature")
		for _, reg := range elements(text, "reg") {
			names = append(names, attribute(reg, "name"))
		}
		break
	}
	return names
}

// controlRegisters names the registers by the target description of the file.
func controlRegisters(n Note, x Context) ([]Field, error) {
	d := open(n, x)
	for i := 0; d.left() >= d.pointer(); i++ {
		name := "csr[" + strconv.Itoa(i) + "]"
		if i < len(x.Control) {
			name = x.Control[i]
		}
		d.add(name, hexNumber(d.Order, d.desc[d.at:][:d.pointer()]), d.pointer())
	}
	return d.done()
}

func buildID(n Note, x Context) ([]Field, error) {
	d := open(n, x)
	d.add("build-id", fmt.Sprintf("%x", d.desc), len(d.desc))
	return d.done()
}

package espcore

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"

	"corelift/elfcore"
	"corelift/internal/format"
)

// A whole flash image also holds the program that crashed, whose descriptor
// names it.

const (
	tableAt    = 0x8000 // where the partition table lies, unless configured otherwise
	entrySize  = 32
	maxEntries = 95 // the table takes 0xc00 bytes
	entryMagic = "\xaa\x50"

	appType = 0 // of a partition

	appAlign      = 64 << 10 // apps begin at these, for the MMU's sake
	imageMagic    = 0xe9     // first byte of an app's image
	descriptorAt  = 0x20     // in that image: behind its header and that of its first segment
	descriptorTag = 0xabcd5432

	maxApps = 1024 // in an image without a table
)

// partition is an entry of the partition table. Off and size are bytes.
type partition struct {
	typ       byte
	off, size int64
	label     string
}

// partitions reads the table; nil if there is none.
func partitions(in format.Input) (list []partition) {
	table := make([]byte, maxEntries*entrySize)
	n, _ := in.ReadAt(table, tableAt)
	for e := table[:n]; len(e) >= entrySize && string(e[:2]) == entryMagic; e = e[entrySize:] {
		label, _, _ := bytes.Cut(e[12:28], []byte{0})
		list = append(list, partition{e[2], int64(little.Uint32(e[4:])), int64(little.Uint32(e[8:])), string(label)})
	}
	return list
}

// app is what esp_app_desc_t says of a program.
type app struct {
	at                    int64
	version, project, sha string
}

// appAt reads the descriptor of the program whose image begins at off.
func appAt(in format.Input, off int64) (a app, ok bool) {
	var p [descriptorAt + 176]byte
	if n, _ := in.ReadAt(p[:], off); n < len(p) || p[0] != imageMagic || little.Uint32(p[descriptorAt:]) != descriptorTag {
		return a, false
	}
	d := p[descriptorAt:]
	text := func(at int) string {
		s, _, _ := bytes.Cut(d[at:at+32], []byte{0})
		return string(s)
	}
	return app{off, text(16), text(48), hex.EncodeToString(d[144:176])}, true
}

// apps finds the programs in a flash image, by its table or at the places
// where they can begin.
func apps(in format.Input) (list []app) {
	table := partitions(in)
	for _, p := range table {
		if a, ok := appAt(in, p.off); ok && p.typ == appType {
			list = append(list, a)
		}
	}
	if table != nil {
		return list
	}
	for off := int64(0); off < in.Size && off < maxApps*appAlign; off += appAlign {
		if a, ok := appAt(in, off); ok {
			list = append(list, a)
		}
	}
	return list
}

// fromFlash takes the program's identity from the flash image that the dump
// stands in. A hash in the dump picks the program; without one there must be
// only one.
func fromFlash(c *elfcore.Core, in format.Input, h format.Hit) {
	if in.Size == h.Len {
		return
	}
	for _, p := range partitions(in) {
		if h.Off >= p.off && h.Off < p.off+p.size {
			c.Facts[factPartition] = elfcore.Fact[string]{Value: p.label, State: elfcore.Known, Why: c.Because("esp.partition-table", "", elfcore.Pos{Off: tableAt})}
		}
	}
	all := apps(in)
	var match []app
	for _, a := range all {
		if strings.HasPrefix(a.sha, c.Program.SHA256Prefix) {
			match = append(match, a)
		}
	}
	switch {
	case len(all) == 0:
	case len(match) == 0:
		c.Report(elfcore.Diagnostic{Severity: elfcore.Warning, Code: "esp.flash-app", At: elfcore.Pos{Off: all[0].at},
			Found: fmt.Sprintf("%d programs in flash, the first with SHA-256 %s", len(all), all[0].sha), Expected: c.Program.SHA256Prefix, Done: "the dump is of another program"})
	case len(match) > 1 && c.Program.SHA256Prefix == "":
		c.Report(elfcore.Diagnostic{Severity: elfcore.Info, Code: "esp.flash-app", At: elfcore.Pos{Off: match[0].at},
			Found: fmt.Sprintf("%d programs in flash", len(match)), Done: "which of them crashed can't be told"})
	default:
		a := match[0]
		c.Program.Project, c.Program.Version = a.project, a.version
		if c.Program.SHA256Prefix == "" {
			c.Program.SHA256Prefix = a.sha
			c.Facts[factSHA] = elfcore.Fact[string]{Value: a.sha, State: elfcore.Recovered,
				Why: c.Because("esp.flash-app", "of the only program in the flash image", elfcore.Pos{Off: a.at})}
		}
	}
}

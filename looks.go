package corelift

import (
	"bytes"
	"unicode/utf8"

	"corelift/internal/format"
)

// looks tells what an input that holds no dump seems to be, and what to do.
var looks = []struct {
	what string
	is   func(head []byte) bool
}{
	{"it is empty", func(h []byte) bool { return len(h) == 0 }},
	{"looks like erased flash: no dump is stored", func(h []byte) bool { return len(bytes.Trim(h, "\xff")) == 0 }},
	{"looks like erased memory: no dump is stored", func(h []byte) bool { return len(bytes.Trim(h, "\x00")) == 0 }},
	{"looks like an ELF core file; a debugger opens it as it is", isELF(4)},
	{"looks like a program (ELF); give the dump first and the program with -e", isELF(1, 2, 3)},
	{"looks like a minidump; use minidump tools", hasPrefix("MDMP")},
	{"looks like a zip archive; unpack it", hasPrefix("PK\x03\x04")},
	{"looks like a flash image of an ESP32 without a stored core dump", isFlash(true)},
	{"looks like a flash image of an ESP32 that has no partition for core dumps", isFlash(false)},
	{"looks like a text without a dump's lines", func(h []byte) bool {
		return utf8.Valid(h[:max(0, len(h)-utf8.UTFMax)]) && bytes.IndexByte(h, 0) < 0
	}},
	{"looks like binary data", func([]byte) bool { return true }},
}

func hasPrefix(p string) func([]byte) bool {
	return func(h []byte) bool { return bytes.HasPrefix(h, []byte(p)) }
}

// isELF matches ELF files of the given types (e_type).
func isELF(types ...byte) func([]byte) bool {
	return func(h []byte) bool {
		if len(h) < 20 || !bytes.HasPrefix(h, []byte("\x7fELF")) {
			return false
		}
		t := h[16]
		if h[5] == 2 { // big endian
			t = h[17]
		}
		return bytes.IndexByte(types, t) >= 0
	}
}

// An entry of Espressif's partition table has 32 bytes: its magic, type and
// subtype, then what is not of interest here.
const (
	tableAt   = 0x8000
	entrySize = 32
	entry     = "\xaa\x50"
	coreEntry = entry + "\x01\x03"
)

// isFlash matches images of an ESP32's flash by their partition table, with or
// without a partition for core dumps.
func isFlash(withCore bool) func([]byte) bool {
	return func(h []byte) bool {
		table, core := 0, false
		for at := tableAt; at+entrySize <= len(h) && bytes.HasPrefix(h[at:], []byte(entry)); at += entrySize {
			core = core || bytes.HasPrefix(h[at:], []byte(coreEntry))
			table++
		}
		return table > 0 && core == withCore
	}
}

// headSize is how much of an input is looked at, in bytes.
const headSize = 64 << 10

func looksLike(in format.Input) string {
	head := make([]byte, min(in.Size, headSize))
	n, _ := in.ReadAt(head, 0)
	for _, l := range looks {
		if l.is(head[:n]) {
			return l.what
		}
	}
	return ""
}

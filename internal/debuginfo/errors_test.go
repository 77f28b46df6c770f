package debuginfo

import (
	"encoding/binary"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestErr says what is missing, and what to do about it.
func TestErr(t *testing.T) {
	needs(t, "gcc")
	split := func(flags ...string) program {
		out := filepath.Join(t.TempDir(), "split.elf")
		args := append([]string{"-o", out, "-gsplit-dwarf"}, flags...)
		args = append(args, strings.Fields(buildSources["C"])...)
		if text, err := exec.Command("gcc", args...).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		return openProgram(t, out)
	}
	whole := build(t, "gcc -gdwarf-5 -O2 C")
	linked := func(name, contents string) *Data {
		return New(func(section string) ([]byte, error) {
			if section == name {
				return []byte(contents), nil
			}
			return whole.Data.section(section)
		}, binary.LittleEndian, 8, nil)
	}
	for _, c := range []struct {
		name string
		data *Data
		want string
	}{
		{"whole", whole.Data, ""},
		{"none", New(func(string) ([]byte, error) { return nil, nil }, binary.LittleEndian, 4, nil), "no debug information (.debug_info); build with -g"},
		{"split 4", split("-gdwarf-4").Data, ".dwo); build without -gsplit-dwarf"},
		{"split 5", split("-gdwarf-5").Data, ".dwo); build without -gsplit-dwarf"},
		{"altlink", linked(".gnu_debugaltlink", "/usr/lib/debug/.dwz/x.debug\x00id"), "is in /usr/lib/debug/.dwz/x.debug (dwz -m)"},
		{"sup", linked(".debug_sup", "\x05\x00\x00x.debug\x00id"), "is in x.debug (dwz -m)"},
		{"cut off", whole.with(secInfo, whole.bytes(secInfo)[:40]), ".debug_info, offset 0x0: damaged unit header"},
		{"version", whole.with(secInfo, []byte{8, 0, 0, 0, 6, 0, 1, 4, 0, 0, 0, 0}), "DWARF version 6, not 2 to 5"},
		{"address", whole.with(secInfo, []byte{8, 0, 0, 0, 5, 0, 1, 3, 0, 0, 0, 0}), "addresses of 3 bytes"},
	} {
		switch err := c.data.Err(); {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

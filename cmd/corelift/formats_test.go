package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// fixtures are the dumps in the formats' own testdata, and the ELF cores that
// stand in three of them, unwrapped: a device's file system or a debugger's
// user has them as files.
func fixtures(t *testing.T) (paths []string) {
	for _, pattern := range []string{"../../internal/formats/*/testdata/*.*", "../../espcore/testdata/*.b64", "../../espcore/testdata/*.txt"} {
		found, _ := filepath.Glob(pattern)
		paths = append(paths, found...)
	}
	dir := t.TempDir()
	for name, unwrap := range map[string]func([]byte) []byte{
		"espcore/testdata/esp32.b64":                      base64Lines,
		"espcore/testdata/esp32c3.b64":                    base64Lines,
		"internal/formats/blueos/testdata/arm-m.log":      hexLines,
		"internal/formats/nuttx/testdata/riscv32.log":     func(b []byte) []byte { return lzf(t, hexLines(b)) },
		"internal/formats/mcoredump/testdata/console.log": hexLines,
	} {
		text, err := os.ReadFile("../../" + name)
		if err != nil {
			t.Fatal(err)
		}
		_, core, ok := bytes.Cut(unwrap(text), []byte("\x7fELF"))
		if !ok {
			t.Errorf("%s: no ELF core in it", name)
			continue
		}
		path := filepath.Join(dir, strings.ReplaceAll(name, "/", "-")+".elf")
		if err := os.WriteFile(path, append([]byte("\x7fELF"), core...), 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

func base64Lines(text []byte) (out []byte) {
	for _, line := range strings.Fields(string(text)) {
		b, _ := base64.StdEncoding.DecodeString(line)
		out = append(out, b...)
	}
	return out
}

var hexAtEnd = regexp.MustCompile(`(?m)(?:^|[ :])((?:[0-9A-Fa-f]{2}){16,})\r?$`)

func hexLines(text []byte) (out []byte) {
	for _, line := range hexAtEnd.FindAllSubmatch(text, -1) {
		b, _ := hex.DecodeString(string(line[1]))
		out = append(out, b...)
	}
	return out
}

// lzf unpacks the blocks that NuttX writes: "ZV", whether packed, the packed
// size if so, the size, the bytes.
func lzf(t *testing.T, in []byte) (out []byte) {
	for len(in) > 7 && string(in[:2]) == "ZV" {
		size := int(binary.BigEndian.Uint16(in[3:]))
		if in[2] == 0 {
			out, in = append(out, in[5:5+size]...), in[5+size:]
			continue
		}
		packed := in[7 : 7+size]
		in = in[7+size:]
		for len(packed) > 0 {
			n := int(packed[0])
			if n < 32 {
				out, packed = append(out, packed[1:n+2]...), packed[n+2:]
				continue
			}
			back := n & 31 << 8
			if n >>= 5; n == 7 {
				n, packed = n+int(packed[1]), packed[1:]
			}
			back += int(packed[1]) + 1
			packed = packed[2:]
			for range n + 2 {
				out = append(out, out[len(out)-back])
			}
		}
	}
	return out
}

// call runs a command line and gives what it writes.
func call(t *testing.T, args ...string) (code int, out, talk string) {
	t.Helper()
	var files [2]*os.File
	for i := range files {
		f, err := os.CreateTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files[i] = f
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	code = run(context.Background(), args, streams{null, files[0], files[1]})
	var text [2]string
	for i, f := range files {
		b, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		text[i] = string(b)
	}
	return code, text[0], text[1]
}

// TestFormats: every format's dumps go through info and convert, whether as
// the device printed them or as an ELF core; the JSON fits the schemas; what
// convert wrote is a core to info, but no dump to convert.
func TestFormats(t *testing.T) {
	fits := func(t *testing.T, schema, text string) {
		var value any
		if err := json.Unmarshal([]byte(text), &value); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		s := newSchemas(t)
		s.check(schema, s.load(schema), value, schema)
	}
	produced := []int{exitComplete, exitDamaged}
	for _, path := range fixtures(t) {
		t.Run(filepath.Base(filepath.Dir(filepath.Dir(path)))+"/"+filepath.Base(path), func(t *testing.T) {
			code, out, talk := call(t, "info", "--json", "--all", "-e", "none", path)
			if !slices.Contains(produced, code) {
				t.Fatalf("info: exit code %d: %s", code, talk)
			}
			fits(t, "info.json", out)
			core := filepath.Join(t.TempDir(), "crash.core")
			code, out, talk = call(t, "convert", "--json", "-e", "none", "-o", core, path)
			if !slices.Contains(produced, code) {
				t.Fatalf("convert: exit code %d: %s", code, talk)
			}
			fits(t, "convert.json", out)
			again, out, talk := call(t, "info", "--json", core)
			if again != code {
				t.Fatalf("info of the core: exit code %d, of the dump %d: %s", again, code, talk)
			}
			fits(t, "info.json", out)
			if code, _, talk = call(t, "convert", "-o", core+"2", core); code != exitUnknown || !strings.Contains(talk, "a debugger opens it as it is") {
				t.Errorf("convert of a core: exit code %d: %s", code, talk)
			}
		})
	}
}

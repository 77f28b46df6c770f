package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata/script")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"corelift": main})
}

// TestScript runs the command lines in testdata/script. Beyond testscript's
// own commands there are
//
//	exits CODE PROGRAM ARGUMENTS...   check an exit code
//	mangle HOW IN OUT                 change a log, see manglers
//
// and the conditions [tool:NAME], which fails instead of being false if the
// environment says CORELIFT_TOOLS=required; [corpus]: the dumps that are shared
// between projects are there; [delve]: inspect is Delve's terminal in this build.
// $ROOT is the project's directory.
func TestScript(t *testing.T) {
	firmware, err := filepath.Abs("../../testdata/firmware")
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Dir(filepath.Dir(firmware))
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: *update,
		Setup: func(e *testscript.Env) error {
			e.Setenv("FIRMWARE", firmware)
			e.Setenv("ROOT", root)
			e.Setenv("CORPUS", filepath.Join(filepath.Dir(root), "shared", "corpus"))
			e.Setenv("CORELIFT_ARCHIVE", "")
			e.Setenv("HOSTILE", "a\x1b[31mb\u202e.log")
			e.Setenv("CORELIFT_GDB", "")
			bin, _, _ := strings.Cut(e.Getenv("PATH"), string(filepath.ListSeparator))
			e.Setenv("BIN", bin) // where corelift is
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":  exits,
			"mangle": mangle,
		},
		Condition: func(condition string) (bool, error) {
			switch condition {
			case "delve":
				return strings.Contains(inspectShort, "Delve"), nil
			case "corpus":
				_, err := os.Stat(filepath.Join(filepath.Dir(root), "shared", "corpus"))
				return err == nil, nil
			}
			tool, ok := strings.CutPrefix(condition, "tool:")
			if !ok {
				return false, fmt.Errorf("unknown condition %q", condition)
			}
			_, err := exec.LookPath(tool)
			if err != nil && os.Getenv("CORELIFT_TOOLS") == "required" {
				return false, err
			}
			return err == nil, nil
		},
	})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGUMENTS")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// manglers do to logs what happens to logs.
var manglers = map[string]func(string) []byte{
	"gzip": func(s string) []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		z.Write([]byte(s))
		z.Close()
		return b.Bytes()
	},
	"utf16": func(s string) []byte { // as PowerShell's redirection writes
		b := []byte{0xff, 0xfe}
		for _, u := range utf16.Encode([]rune(strings.ReplaceAll(s, "\n", "\r\n"))) {
			b = append(b, byte(u), byte(u>>8))
		}
		return b
	},
	"reboot": func(s string) []byte { return []byte(s + "*** Booting again ***\nI: hello\n" + s) },
	"drop": func(s string) []byte { // one line of the dump, in its middle
		lines := strings.SplitAfter(s, "\n")
		n := len(lines) / 2
		return []byte(strings.Join(append(lines[:n:n], lines[n+1:]...), ""))
	},
	"flash": func(string) []byte { // of an ESP32, erased but for the partition table
		b := bytes.Repeat([]byte{0xff}, 1<<20)
		copy(b[0x8000:], "\xaa\x50\x00\x00\x00\x00\x01\x00\x00\x00\x10\x00factory\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")
		copy(b[0x8020:], "\xaa\x50\x01\x03\x00\x00\x0f\x00\x00\x00\x01\x00coredump\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")
		return b
	},
	"bin": func(string) []byte { // the smallest of an ESP32: version 0.1, one task that was interrupted
		le := binary.LittleEndian
		words := []uint32{16 + 12 + 340 + 256 + 4, 0x0001, 1, 340, 0x3ffafba0, 0x3ffb4e00, 0x3ffb4f00}
		words = append(words, make([]uint32, 340/4)...)
		frame := make([]uint32, 256/4)
		copy(frame, []uint32{0xdeadbeef, 0x4008110d, 0x60820, 0x8008510c, 0x3ffb4ec0})
		frame[20] = 29 // EXCCAUSE
		var b []byte
		for _, w := range append(words, frame...) {
			b = le.AppendUint32(b, w)
		}
		return le.AppendUint32(b, crc32.ChecksumIEEE(b))
	},
	"end": func(s string) []byte { return []byte(s[:len(s)-100]) }, // the disk was full
	"late": func(s string) []byte { // the capture began within the dump
		return []byte(s[strings.Index(s, "#CD:4d01"):])
	},
	"rename": func(s string) []byte { // a thread's name that wants to be a command
		from := hex.EncodeToString([]byte("worker")) + strings.Repeat("00", 12)
		to := hex.EncodeToString([]byte("\nshell touch pwned"))
		return []byte(strings.NewReplacer(from, to, "(worker)", "(unknown)").Replace(s))
	},
}

func mangle(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 || manglers[args[0]] == nil {
		ts.Fatalf("usage: mangle HOW IN OUT")
	}
	text := ts.ReadFile(args[1])
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), manglers[args[0]](text), 0o600))
}

// BenchmarkConvert is the verb without the start of a process. The log is the
// largest fixture, 54 KiB.
func BenchmarkConvert(b *testing.B) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer null.Close()
	const dir = "../../testdata/firmware/rv64/"
	for b.Loop() {
		if code := run(context.Background(), []string{"convert", dir + "undef.log", "-e", dir + "fw.elf", "-o", os.DevNull}, streams{null, null, null}); code != exitComplete {
			b.Fatal(code)
		}
	}
}

package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"corelift/inspect"
)

func TestCoreName(t *testing.T) {
	for _, c := range []struct{ in, want, second string }{
		{"crash.log", "crash.core", "crash.2.core"},
		{"a.b/crash", "a.b/crash.core", "a.b/crash.2.core"},
		{"a/crash.log.gz", "a/crash.log.core", "a/crash.log.2.core"},
		{".log", ".log.core", ".log.2.core"},
		{"a/.hidden.log", "a/.hidden.core", "a/.hidden.2.core"},
	} {
		if got := coreName(c.in); got != c.want || numbered(got, 2) != c.second {
			t.Errorf("coreName(%q) = %q, second %q", c.in, got, numbered(got, 2))
		}
	}
}

func TestChoose(t *testing.T) {
	dumps := []inspect.Found{{Number: 1, Whole: true}, {Number: 2, Whole: true}, {Number: 3}}
	for _, c := range []struct {
		pick  string
		dumps []inspect.Found
		want  []int
	}{
		{"", dumps, []int{2}},
		{"", dumps[2:], []int{1}},
		{"last", dumps, []int{3}},
		{"1", dumps, []int{1}},
		{"all", dumps, []int{1, 2, 3}},
		{"0", dumps, nil},
		{"4", dumps, nil},
		{"first", dumps, nil},
	} {
		got, err := choose(c.dumps, c.pick)
		if len(got) != len(c.want) || (err == nil) != (c.want != nil) {
			t.Errorf("choose(%q) = %v, %v; want %v", c.pick, got, err, c.want)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("choose(%q) = %v, want %v", c.pick, got, c.want)
			}
		}
	}
}

// A file that can't be finished leaves nothing, and does not touch what it was
// to replace.
func TestWriteFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "old.core")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	stop, cancel := context.WithCancel(context.Background())
	broken := errors.New("broken")
	for _, c := range []struct {
		content func(io.Writer) error
		want    error
	}{
		{func(w io.Writer) error { w.Write([]byte("new")); return broken }, broken},
		{func(w io.Writer) error { cancel(); _, err := w.Write([]byte("new")); return err }, context.Canceled},
	} {
		out := output{overwrite: true}
		if err := out.write(stop, path, c.content); !errors.Is(err, c.want) {
			t.Errorf("%v, want %v", err, c.want)
		}
	}
	files, _ := os.ReadDir(dir)
	if text, _ := os.ReadFile(path); len(files) != 1 || string(text) != "old" {
		t.Errorf("%d files, %q", len(files), text)
	}
}

// A file that another process made meanwhile is not replaced.
func TestWriteRace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.core")
	var out output
	err := out.write(context.Background(), path, func(io.Writer) error { return os.WriteFile(path, []byte("theirs"), 0o600) })
	if text, _ := os.ReadFile(path); err == nil || string(text) != "theirs" {
		t.Errorf("%v, %q", err, text)
	}
}

// Reading from what never ends can be interrupted.
func TestInterrupted(t *testing.T) {
	in, feed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer feed.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	path := filepath.Join(t.TempDir(), "x.core")
	if code := run(ctx, []string{"convert", "-", "-o", path}, streams{in, null, null}); code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a core was written")
	}
}

func TestMajorVersion(t *testing.T) {
	for answer, want := range map[string]int{
		"GNU gdb (Debian 13.1-3) 13.1\nCopyright":                                                      13,
		"warning: x\nGNU gdb (Ubuntu 12.1-0ubuntu1~22.04) 12.1\n":                                      12,
		"GNU gdb (Arm GNU Toolchain 13.2.rel1 (Build arm-13.7)) 13.2.90.20231008-git\n":                13,
		"GNU gdb (crosstool-NG 1.24.0.212_d7da3a9) 9.2.90.20200913-git\n":                              9,
		"GNU gdb (esp-gdb) 12.1_20221002\n":                                                            12,
		"GNU gdb (Zephyr SDK 0.16.8) 12.1\nThis GDB was configured as \"--target=arm-zephyr-eabi\".\n": 12,
		"lldb version 14.0.6\n": 0,
		"":                      0,
	} {
		if got := majorVersion(answer); got != want {
			t.Errorf("majorVersion(%q) = %d, want %d", answer, got, want)
		}
	}
}

package corelift_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"corelift"
	"corelift/notes"
)

// TestFiles opens core files, wrapped ones and piped ones too, and says what
// other inputs are.
func TestFiles(t *testing.T) {
	const path = "elfcore/testdata/freebsd-amd64.core"
	core, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(core)
	z.Close()
	for name, in := range map[string][]byte{"plain": core, "gzip": packed.Bytes()} {
		files, err := corelift.Files(context.Background(), bytes.NewBuffer(in), name)
		if err != nil || len(files) != 1 || files[0].Size() != int64(len(core)) {
			t.Errorf("%s: %v %v", name, files, err)
		}
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if files, err := corelift.Files(context.Background(), file, path); err != nil || len(files) != 1 {
		t.Error(files, err)
	}

	program := bytes.Clone(core)
	program[16] = 2
	log, err := os.ReadFile("testdata/firmware/cortex-m3/null.log")
	if err != nil {
		t.Fatal(err)
	}
	for want, in := range map[string][]byte{
		"it is a program (ELF), which GNU readelf shows":                         program,
		"it is a crash dump of zephyr; corelift convert makes a core file of it": log,
		"it is empty":           nil,
		"a text without a dump": []byte("hello\n"),
	} {
		_, err := corelift.Files(context.Background(), bytes.NewBuffer(in), "x")
		if !errors.As(err, new(*corelift.NoCoreError)) || !strings.Contains(err.Error(), "x: not an ELF core file: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	var format *notes.FormatError
	if _, err := corelift.Files(context.Background(), bytes.NewBuffer(core[:100]), "x"); !errors.As(err, &format) {
		t.Error(err)
	}
}

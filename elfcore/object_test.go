package elfcore

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
)

// TestReadObject reads this test's own file, and what is none.
func TestReadObject(t *testing.T) {
	name, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	o, err := ReadObject(bytes.NewReader(b), int64(len(b)))
	if err != nil || len(o.Segments) == 0 || !o.Extent().Contains(Addr(o.Entry)) {
		t.Errorf("%+v %v", o, err)
	}
	for text, want := range map[string]string{
		"":                          "not an ELF file",
		"#!/bin/sh\n":               "not an ELF file",
		string(b[:40]):              "ELF header cut off",
		string(b[:70]):              "run over the end of the file",
		string(many(65)[:64+65*56]): "the limit of a program is 64",
	} {
		if o, err := ReadObject(strings.NewReader(text), int64(len(text))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v %v, want %s", o, err, want)
		}
	}
}

// FuzzReadObject reads any file as a program, and any memory.
func FuzzReadObject(f *testing.F) {
	b, err := os.ReadFile("testdata/freebsd-amd64.core")
	if err != nil {
		f.Fatal(err)
	}
	file, err := openBytes(b)
	if err != nil {
		f.Fatal(err)
	}
	c, err := file.Core(context.Background())
	if err != nil {
		f.Fatal(err)
	}
	for r := range c.Memory.All() { // a program with a build-id
		p := make([]byte, r.Size)
		if _, err := c.Memory.Read(p, r.Addr); err != nil {
			f.Fatal(err)
		}
		f.Add(p)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, data []byte) {
		if o, err := ReadObject(bytes.NewReader(data), int64(len(data))); (o == nil) != (err != nil) || o != nil && (o.Bias != 0 || len(o.BuildID) > 2*maxBuildID) {
			t.Fatalf("%+v %v", o, err)
		}
		c := New("made-up", c.Arch, c.Order)
		c.Memory.Add(NewRegion(0x1000, data, 0, Known, 0))
		if o, ok := c.ObjectAt(0x1000); (o == nil) == ok || ok && len(o.BuildID) > 2*maxBuildID {
			t.Fatalf("%+v", o)
		}
	})
}

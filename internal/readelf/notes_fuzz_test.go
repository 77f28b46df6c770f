package readelf_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"io"
	"testing"

	"corelift"
	"corelift/elfcore"
	"corelift/internal/readelf"
	"corelift/notes"
)

// FuzzNotes prints and decodes one note with any owner, type and descriptor,
// on every CPU, in every form. kind picks the codec, or an owner of GNU
// readelf's, so that the fuzzer need not find names.
func FuzzNotes(f *testing.F) {
	tables := corelift.NoteTables()
	kinds := make([]notes.Codec, 0, len(tables)+20)
	kinds = append(kinds, tables...)
	for _, owner := range []string{"GNU", "FDO", "NetBSD-CORE", "OpenBSD", "X", ""} {
		for typ := range uint32(6) {
			kinds = append(kinds, notes.Codec{Owner: owner, Type: typ})
		}
	}
	kinds = append(kinds, notes.Codec{Owner: "FDO", Type: 0xcafe1a7e})
	machines := []elf.Machine{elf.EM_X86_64, elf.EM_386, elf.EM_ARM, elf.EM_AARCH64, elf.EM_RISCV, elf.EM_XTENSA, elf.EM_LOONGARCH, elf.EM_NONE}
	for i, k := range kinds {
		for _, size := range []int{0, int(k.Size), 24, 336} {
			f.Add(uint16(i), uint8(i), bytes.Repeat([]byte{1, 0, 0, 0}, size/4))
		}
	}
	f.Add(uint16(5), uint8(0), little64.mappedFiles([]uint64{1, 4096, 0x1000, 0x2000, 0}, "/a"))
	f.Fuzz(func(t *testing.T, kind uint16, file uint8, desc []byte) {
		m := made{bits: 32, order: binary.LittleEndian, machine: machines[file&7], align: 4}
		if file&8 != 0 {
			m.bits = 64
		}
		if file&16 != 0 {
			m.order = binary.BigEndian
		}
		if file&32 != 0 {
			m.align = 8
		}
		k := kinds[int(kind)%len(kinds)]
		core := m.with(m.note(k.Owner, k.Type, desc)).build()
		c, err := elfcore.Open(bytes.NewReader(core), int64(len(core)))
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range []readelf.Options{{}, {Wide: true}, {Decode: true, Contents: true}, {Decode: true, Wide: true}} {
			o.Notes, o.Maps, o.Tables = true, true, tables
			d, err := readelf.Describe(c, "core", o)
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Print(io.Discard); err != nil {
				t.Fatal(err)
			}
			for _, n := range d.Notes[0].Notes {
				if n.Decoded == nil {
					continue
				}
				if len(n.Data) > 0 && len(n.Data) != 2*len(desc) {
					t.Errorf("%d of %d bytes", len(n.Data)/2, len(desc))
				}
				for _, field := range n.Fields {
					if field.Off < 0 || field.Size < 0 || field.Off > int64(len(desc)) || field.Size > int64(len(desc))-field.Off {
						t.Errorf("%s/%#x: %q lies at %d+%d of %d", k.Owner, k.Type, field.Name, field.Off, field.Size, len(desc))
					}
				}
			}
		}
	})
}

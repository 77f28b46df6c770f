package elfcore

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"corelift/elfcore/arch"
	"corelift/notes"
)

// ownOwner is the owner of our own note. Stock tools ignore it.
const ownOwner = "corelift"

// ownVersion changes when old readers would misread the payload.
const ownVersion = 1

// maxOwn limits the payload, in bytes.
const maxOwn = 64 << 20

// own is the payload of our note, as JSON: what no other note can carry.
// Registers and memory that are Known and need no reason are not in it.
type own struct {
	Version     int                     `json:"version"`
	Format      string                  `json:"format"`
	Arch        string                  `json:"arch"`
	HasFlags    bool                    `json:"has_flags,omitempty"`
	Control     string                  `json:"control,omitempty"`     // registers of NT_RISCV_CSR, in order
	FloatWidth  int                     `json:"float_width,omitempty"` // bytes of a slot of the floating point note, 0 the CPU's own
	Program     Identity                `json:"program,omitzero"`
	Crash       Crash                   `json:"crash"`
	Threads     bounded[ownThread]      `json:"threads,omitempty"`
	Regions     bounded[ownRegion]      `json:"regions,omitempty"`
	Facts       map[string]Fact[string] `json:"facts,omitempty"`
	Attachments bounded[Attachment]     `json:"attachments,omitempty"`
	Evidence    bounded[Evidence]       `json:"evidence,omitempty"` // from number 1
	Diagnostics bounded[Diagnostic]     `json:"diagnostics,omitempty"`
	Suppressed  map[string]int          `json:"suppressed,omitempty"`
}

type ownThread struct {
	Thread
	Registers bounded[ownRegisters] `json:"registers,omitempty"`
}

// ownRegisters are registers of one State and reason. Names lists them,
// separated by blanks, as "r7" if another note has the value, else "psp=hex",
// most significant byte first.
type ownRegisters struct {
	State State  `json:"state"`
	Why   Why    `json:"why,omitempty"`
	Names string `json:"names"`
}

// ownRegion is the memory of one PT_LOAD, named by its address.
type ownRegion struct {
	Addr  Addr  `json:"addr"`
	State State `json:"state"`
	Why   Why   `json:"why,omitempty"`
}

// own makes the payload, but for the threads.
func (c *Core) own(set registerNotes) *own {
	o := &own{
		Version: ownVersion, Format: c.Format, Arch: c.Arch.Name, HasFlags: c.HasFlags,
		Control: set.control.layout.Slots, Program: c.Program, Crash: c.Crash, Facts: c.Facts,
		Attachments: c.Attachments, Diagnostics: c.Diagnostics, Suppressed: c.Suppressed,
	}
	if set.float.layout.Width != c.Arch.Core.Float.Layout.Width {
		o.FloatWidth = set.float.layout.Width
	}
	if len(c.Evidence) > 0 {
		o.Evidence = c.Evidence[1:]
	}
	for r := range c.Memory.All() {
		if (r.State != Known || r.Why != 0) && c.writes(r) {
			o.Regions = append(o.Regions, ownRegion{r.Addr, r.State, r.Why})
		}
	}
	return o
}

// registerNotes gives the register notes of the file, from what is not to be
// trusted.
func (o *own) registerNotes(a *arch.Arch) (registerNotes, error) {
	for _, name := range strings.Fields(o.Control) {
		if n, ok := a.Reg(name); !ok || a.Regs[n].Group != arch.Control {
			return registerNotes{}, fmt.Errorf("%s has no control register %q", a.Name, name)
		}
	}
	if o.FloatWidth != 0 && (o.FloatWidth != narrowFloat || !a.Core.Float.Narrow) {
		return registerNotes{}, fmt.Errorf("%s has no floating point registers of %d bytes", a.Name, o.FloatWidth)
	}
	return registerNotesOf(a, o.FloatWidth, o.Control)
}

// facts is the thread without its registers.
func (t *Thread) facts() Thread {
	f := *t
	f.Regs, f.Alternatives = Registers{}, nil
	return f
}

// exceptions lists the registers that a reader who finds written in the other
// notes would otherwise get wrong.
func exceptions(r, written *Registers) (list bounded[ownRegisters]) {
	for i, info := range r.arch.Regs {
		n := arch.Reg(i)
		value, state := r.Bytes(n)
		found, foundState := written.Bytes(n)
		why := r.Why(n)
		name := info.Name
		switch {
		case state == foundState && why == 0 && bytes.Equal(value, found):
			continue
		case state != Missing && !bytes.Equal(value, found):
			slices.Reverse(value)
			name += "=" + hex.EncodeToString(value)
		}
		at := slices.IndexFunc(list, func(o ownRegisters) bool { return o.State == state && o.Why == why })
		if at < 0 {
			list = append(list, ownRegisters{state, why, name})
			continue
		}
		list[at].Names += " " + name
	}
	return list
}

// apply puts exceptions back.
func (o *ownRegisters) apply(r *Registers) error {
	for _, word := range strings.Fields(o.Names) {
		name, digits, given := strings.Cut(word, "=")
		n, ok := r.arch.Reg(name)
		if !ok {
			return fmt.Errorf("%s has no register %q", r.arch.Name, name)
		}
		if o.State == Missing {
			r.Clear(n, o.Why)
			continue
		}
		value, state := r.Bytes(n)
		if given {
			var err error
			if value, err = hex.DecodeString(digits); err != nil {
				return fmt.Errorf("register %s: %w", name, err)
			}
			slices.Reverse(value)
		} else if state == Missing {
			return fmt.Errorf("register %s is %v, but no note has its value", name, o.State)
		}
		r.SetBytes(n, value, o.State, o.Why)
	}
	return nil
}

// encode makes the descriptor.
func (o *own) encode() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(mapStrings(reflect.ValueOf(*o), hideBytes).Interface()); err != nil {
		return nil, fmt.Errorf("evidence note: %w", err)
	}
	if b.Len() > maxOwn {
		return nil, fmt.Errorf("evidence note of %d bytes, the limit is %d", b.Len(), maxOwn)
	}
	return b.Bytes(), nil
}

// decodeOwn reads a descriptor.
func decodeOwn(desc []byte) (*own, error) {
	var o own
	if err := json.Unmarshal(desc, &o); err != nil {
		return nil, err
	}
	if o.Version != ownVersion {
		return nil, fmt.Errorf("version %d, this program knows %d", o.Version, ownVersion)
	}
	o = mapStrings(reflect.ValueOf(o), showBytes).Interface().(own)
	return &o, nil
}

// Notes decodes our own note: what is in it, not all of it.
var Notes = notes.Table{{Owner: ownOwner, Type: notes.Evidence, Name: "corelift evidence", Fields: ownFields,
	Holds: "version format cpu program threads evidence attachments diagnostics, and each fact"}}

func ownFields(n notes.Note, _ notes.Context) ([]notes.Field, error) {
	o, err := readOwn(n)
	if err != nil {
		return nil, err
	}
	field := func(name string, value any) notes.Field {
		return notes.Field{Name: name, Text: fmt.Sprint(value), Size: n.Size} // JSON, in any order
	}
	fields := []notes.Field{
		field("version", o.Version), field("format", o.Format), field("cpu", o.Arch), field("program", o.Program.File),
		field("threads", len(o.Threads)), field("evidence", len(o.Evidence)), field("attachments", len(o.Attachments)), field("diagnostics", len(o.Diagnostics)),
	}
	for _, name := range slices.Sorted(maps.Keys(o.Facts)) {
		fields = append(fields, field(name, o.Facts[name].Value))
	}
	return fields, nil
}

// bounded is a list whose length is checked while it is read: JSON needs three
// bytes for an element that takes hundreds.
type bounded[T any] []T

// UnmarshalJSON reads a list of up to maxEvidence elements.
func (l *bounded[T]) UnmarshalJSON(data []byte) error {
	*l = nil
	if string(data) == "null" {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if open, err := d.Token(); err != nil || open != json.Delim('[') {
		return fmt.Errorf("a list expected (%v)", err)
	}
	for d.More() {
		if len(*l) == maxEvidence {
			return fmt.Errorf("more than %d elements in a list", maxEvidence)
		}
		var v T
		if err := d.Decode(&v); err != nil {
			return err
		}
		*l = append(*l, v)
	}
	return nil
}

// Texts of the model may quote a damaged input and need not be UTF-8, which
// JSON can't hold. Each byte of an invalid sequence stands in the payload as
// the private-use rune firstHidden-0x80 plus the byte; so do the bytes of such
// runes themselves, which makes this reversible.
const firstHidden, lastHidden = 0xef80, 0xefff

func hidden(r rune) bool { return firstHidden <= r && r <= lastHidden }

func hideBytes(s string) string {
	if utf8.ValidString(s) && strings.IndexFunc(s, hidden) < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 || hidden(r) {
			for _, c := range []byte(s[i : i+size]) {
				b.WriteRune(firstHidden - 0x80 + rune(c))
			}
		} else {
			b.WriteRune(r)
		}
		i += size
	}
	return b.String()
}

func showBytes(s string) string {
	if strings.IndexFunc(s, hidden) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if hidden(r) {
			b.WriteByte(byte(r - firstHidden + 0x80))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// mapStrings copies a value with f applied to every string that JSON sees.
func mapStrings(v reflect.Value, f func(string) string) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	out.Set(v)
	switch v.Kind() {
	case reflect.String:
		out.SetString(f(v.String()))
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				out.Field(i).Set(mapStrings(v.Field(i), f))
			}
		}
	case reflect.Slice:
		if v.IsNil() || v.Type().Elem().Kind() == reflect.Uint8 {
			break
		}
		out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
		for i := range v.Len() {
			out.Index(i).Set(mapStrings(v.Index(i), f))
		}
	case reflect.Map:
		if v.IsNil() {
			break
		}
		out.Set(reflect.MakeMapWithSize(v.Type(), v.Len()))
		for key, value := range v.Seq2() {
			out.SetMapIndex(mapStrings(key, f), mapStrings(value, f))
		}
	}
	return out
}

package espcore

import (
	"bytes"
	"fmt"
	"strings"

	"corelift/notes"
)

// Owners of Espressif's notes. Two types are used twice, so owners tell them
// apart; those without ESP_ are made by the vendor's tool from BIN images.
const (
	noteInfo     = "ESP_CORE_DUMP_INFO"
	noteExtra    = "ESP_EXTRA_INFO"
	notePanic    = "ESP_PANIC_DETAILS"
	noteRevision = "ESP_CHIP_REV"
	madeExtra    = "EXTRA_INFO"
	madeTask     = "TASK_INFO"

	typeInfo, typeExtra, typeTask, typePanic = 8266, 677, 678, 679
)

// Values in these notes.
const (
	crashedSkipped = 0xdeadbeef // in the place of the crashed task's TCB
	taskStackBad   = 2          // flags of TASK_INFO; 1 is a bad TCB
)

// Notes decodes Espressif's notes (esp.md 1.6, 1.7).
var Notes = notes.Table{
	{Owner: noteInfo, Type: typeInfo, Name: noteInfo, Fields: infoFields, Holds: "version, chip, SHA-256 of the program"},
	{Owner: noteRevision, Type: typeInfo, Name: noteRevision, Fields: revisionFields, Holds: "chip revision"},
	{Owner: noteExtra, Type: typeExtra, Name: noteExtra, Fields: extraFields, Holds: "crashed task, in interrupt; on Xtensa exccause excvaddr epc1-epc7 eps2-eps7"},
	{Owner: madeExtra, Type: typeExtra, Name: madeExtra, Fields: extraFields, Holds: "crashed task, in interrupt; on Xtensa exccause excvaddr epc1-epc7 eps2-eps7"},
	{Owner: madeTask, Type: typeTask, Name: madeTask, Fields: taskFields, Holds: "task, flags, TCB, stack, bytes of stack"},
	{Owner: notePanic, Type: typePanic, Name: notePanic, Fields: panicFields, Holds: "text of the panic"},
}

// ownerOf gives the owner whose name a note has, "" for another's.
//
// Folklore: ESP-IDF fills the padding of a name with what the buffer held
// before, and one release counts a name without its NUL. Such a name begins
// like the owner and goes on with other bytes; the type confirms it. Test:
// TestLeftOverNames.
func ownerOf(owner string, typ uint32) string {
	for _, c := range Notes {
		if c.Owner == owner && c.Type == typ {
			return c.Owner
		}
	}
	for _, c := range Notes {
		if c.Type == typ && strings.HasPrefix(owner, c.Owner) {
			return c.Owner
		}
	}
	return ""
}

// maxNote bounds a descriptor of Espressif's, in bytes; panic details are the
// longest.
const maxNote = 16 << 10

// words reads a descriptor as 32-bit words.
func words(desc []byte) []uint32 {
	list := make([]uint32, len(desc)/4)
	for i := range list {
		list[i] = little.Uint32(desc[4*i:])
	}
	return list
}

// descriptor reads a note that must have at least size bytes.
func descriptor(n notes.Note, size int64) ([]byte, error) {
	if n.Size < size {
		return nil, &notes.FormatError{Off: n.DescOff, Msg: fmt.Sprintf("%s of %d bytes, want %d", n.Owner, n.Size, size)}
	}
	return n.Read(maxNote)
}

func hexField(name string, v uint32, word int64) notes.Field {
	return notes.Field{Name: name, Text: fmt.Sprintf("0x%08x", v), Off: 4 * word, Size: 4}
}

const shaSize = 66 // of the text in ESP_CORE_DUMP_INFO, NUL included

func infoFields(n notes.Note, _ notes.Context) ([]notes.Field, error) {
	desc, err := descriptor(n, 4)
	if err != nil {
		return nil, err
	}
	version, chip := little.Uint16(desc), little.Uint16(desc[2:])
	text := fmt.Sprintf("%d.%d", version>>8, version&0xff)
	name := fmt.Sprintf("%d", chip)
	if c := chipByID(chip); c != nil {
		name = c.name
	}
	sha := shaText(desc)
	return []notes.Field{{Name: "version", Text: text, Off: 0, Size: 2}, {Name: "chip", Text: name, Off: 2, Size: 2}, {Name: "SHA-256 of the program", Text: sha, Off: 4, Size: int64(len(sha))}}, nil
}

// shaText is the hash in a descriptor of ESP_CORE_DUMP_INFO, as far as it is
// hex.
func shaText(desc []byte) string {
	text, _, _ := bytes.Cut(desc[min(4, len(desc)):min(4+shaSize, len(desc))], []byte{0})
	for i, c := range text {
		if !isHex(c) {
			text = text[:i]
			break
		}
	}
	return strings.ToLower(string(text))
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func revisionFields(n notes.Note, _ notes.Context) ([]notes.Field, error) {
	desc, err := descriptor(n, 4)
	if err != nil {
		return nil, err
	}
	return []notes.Field{{Name: "chip revision", Text: revision(little.Uint32(desc)), Off: 0, Size: 4}}, nil
}

// registerPairs is where pairs of number and value begin and end in
// ESP_EXTRA_INFO, in words; the word behind them tells of the interrupt.
const (
	firstPair  = 1
	xtensaISR  = 37
	riscvISR   = 1
	riscvWords = 2 // at most, without Xtensa's registers
)

func extraFields(n notes.Note, _ notes.Context) ([]notes.Field, error) {
	desc, err := descriptor(n, 4)
	if err != nil {
		return nil, err
	}
	w := words(desc)
	fields := []notes.Field{hexField("crashed task", w[0], 0)}
	if len(w) <= riscvWords {
		if len(w) == riscvWords {
			fields = append(fields, hexField("in interrupt", w[riscvISR], riscvISR))
		}
		return fields, nil
	}
	for i := firstPair; i+1 < min(len(w), xtensaISR); i += 2 {
		if name := specialName(i, w[i]); name != "" {
			fields = append(fields, hexField(name, w[i+1], int64(i)+1))
		}
	}
	if len(w) > xtensaISR {
		fields = append(fields, hexField("in interrupt", w[xtensaISR], xtensaISR))
	}
	return fields, nil
}

// specials are runs of Xtensa's special registers.
var specials = []struct {
	name                 string
	first, count, number uint32
}{{"epc", 177, 7, 1}, {"eps", 194, 6, 2}}

// specialName names the register of the pair at word i of ESP_EXTRA_INFO; ""
// if the pair is not in use. The first two go by their place: the vendor's tool
// writes other numbers for them.
func specialName(i int, number uint32) string {
	switch i {
	case firstPair:
		return "exccause"
	case firstPair + 2:
		return "excvaddr"
	}
	for _, s := range specials {
		if number-s.first < s.count {
			return fmt.Sprintf("%s%d", s.name, number-s.first+s.number)
		}
	}
	return ""
}

const taskInfoSize = 36

func taskFields(n notes.Note, _ notes.Context) ([]notes.Field, error) {
	desc, err := descriptor(n, taskInfoSize)
	if err != nil {
		return nil, err
	}
	w := words(desc)
	return []notes.Field{
		{Name: "task", Text: fmt.Sprint(w[0]), Off: 0, Size: 4}, hexField("flags", w[1], 1), hexField("TCB", w[2], 2),
		hexField("stack", w[3], 3), {Name: "bytes of stack", Text: fmt.Sprint(w[4]), Off: 16, Size: 4},
	}, nil
}

func panicFields(n notes.Note, _ notes.Context) ([]notes.Field, error) {
	desc, err := descriptor(n, 0)
	if err != nil {
		return nil, err
	}
	return []notes.Field{{Name: "details", Text: string(desc), Off: 0, Size: int64(len(desc))}}, nil
}

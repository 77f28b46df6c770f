//go:build (linux && (amd64 || arm64 || 386 || ppc64le)) || darwin || (windows && amd64)

package terminal

import (
	"encoding/binary"
	"fmt"

	"github.com/go-delve/delve/service/api"
	"golang.org/x/arch/arm64/arm64asm"
	"golang.org/x/arch/riscv64/riscv64asm"
	"golang.org/x/arch/x86/x86asm"

	"corelift/elfcore"

	"corelift/inspect/text"
)

// decoder decodes the first instruction of code, which lies at pc. length is in
// bytes; text is empty if there is no such instruction.
type decoder func(code []byte, pc uint64, f api.AssemblyFlavour, name func(uint64) (string, uint64)) (text string, length int)

// decoders are those that golang.org/x/arch has, by Arch.Name. It has none of
// Thumb, Xtensa, or RV32's compressed instructions, some of which mean something
// else on RV64.
var decoders = map[string]decoder{"aarch64": decodeARM64, "riscv64": decodeRISCV64, "x86-64": decodeX86(64), "i386": decodeX86(32)}

func decodeARM64(code []byte, pc uint64, f api.AssemblyFlavour, name func(uint64) (string, uint64)) (string, int) {
	inst, err := arm64asm.Decode(code)
	switch {
	case err != nil:
		return "", 4
	case f == api.GoFlavour:
		return arm64asm.GoSyntax(inst, pc, name, nil), 4
	}
	return arm64asm.GNUSyntax(inst), 4
}

func decodeRISCV64(code []byte, pc uint64, f api.AssemblyFlavour, name func(uint64) (string, uint64)) (string, int) {
	length := 4
	if binary.LittleEndian.Uint16(code)&3 != 3 {
		length = 2
	}
	inst, err := riscv64asm.Decode(code)
	switch {
	case err != nil:
		return "", length
	case f == api.GoFlavour:
		return riscv64asm.GoSyntax(inst, pc, name, nil), inst.Len
	}
	return riscv64asm.GNUSyntax(inst), inst.Len
}

func decodeX86(mode int) decoder {
	syntax := map[api.AssemblyFlavour]func(x86asm.Inst, uint64, x86asm.SymLookup) string{
		api.GNUFlavour: x86asm.GNUSyntax, api.IntelFlavour: x86asm.IntelSyntax, api.GoFlavour: x86asm.GoSyntax,
	}
	return func(code []byte, pc uint64, f api.AssemblyFlavour, name func(uint64) (string, uint64)) (string, int) {
		inst, err := x86asm.Decode(code, mode)
		if err != nil || syntax[f] == nil {
			return "", 1
		}
		return syntax[f](inst, pc, name), inst.Len
	}
}

// maxInstruction is the longest of any CPU here, x86's, in bytes.
const maxInstruction = 15

// maxDisassembly bounds the code of one answer, in bytes.
const maxDisassembly = 1 << 16

// DisassemblePC disassembles the function that holds pc.
func (c *client) DisassemblePC(scope api.EvalScope, pc uint64, f api.AssemblyFlavour) (api.AsmInstructions, error) {
	if name, _ := c.symbol(pc); name != "" {
		named, err := c.crash.Symbol(name)
		if err != nil {
			return nil, err
		}
		for _, s := range named.Symbols {
			if start := uint64(s.Address); start <= pc && pc-start < s.Size {
				return c.DisassembleRange(scope, start, start+s.Size, f)
			}
		}
	}
	return nil, fmt.Errorf("the function at 0x%x has no known size; disassemble -a START END takes any range", pc)
}

// DisassembleRange disassembles from start up to end, without that.
func (c *client) DisassembleRange(scope api.EvalScope, start, end uint64, f api.AssemblyFlavour) (api.AsmInstructions, error) {
	cpu := c.crash.Core().Arch.Name
	decode := decoders[cpu]
	if decode == nil {
		return nil, fmt.Errorf("disassemble: corelift has no disassembler for %s; the CPU's objdump -d FIRMWARE has", cpu)
	}
	if start >= end || end-start > maxDisassembly {
		return nil, fmt.Errorf("0x%x to 0x%x: a range has 1 to %d bytes", start, end, maxDisassembly)
	}
	code := make([]byte, end-start)
	if _, err := c.crash.Read(code, elfcore.Addr(start)); err != nil {
		return nil, err
	}
	code = append(code, make([]byte, maxInstruction)...) // the last one can be cut
	here := uint64(0)
	if frame, err := c.frame(scope); err == nil && frame != nil {
		here = uint64(frame.PC)
	}
	var out api.AsmInstructions
	for at := start; at < end; {
		text, length := decode(code[at-start:], at, f, c.symbol)
		if text == "" {
			text = "?"
		}
		out = append(out, api.AsmInstruction{
			Loc: c.locate(at), Text: text, Bytes: code[at-start:][:min(uint64(length), end-at)], AtPC: at == here,
		})
		at += uint64(length)
	}
	return out, nil
}

// symbol names an address for a disassembler.
func (c *client) symbol(at uint64) (string, uint64) {
	s, err := c.crash.Symbol(fmt.Sprintf("0x%x", at))
	if err != nil || s.Symbols[0].Name == "" {
		return "", 0
	}
	return text.Escape(s.Symbols[0].Name), at - s.Symbols[0].Offset
}

// locate is the place of an instruction.
func (c *client) locate(at uint64) api.Location {
	s, err := c.crash.Symbol(fmt.Sprintf("0x%x", at))
	if err != nil {
		return placed(elfcore.Addr(at), "", "", 0)
	}
	row := s.Symbols[0]
	return placed(elfcore.Addr(at), row.Name, row.File, row.Line)
}

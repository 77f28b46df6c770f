package espcore

import (
	"corelift/elfcore"
	"corelift/elfcore/arch"
)

// chip is one of Espressif's chips. A range that it lacks is empty.
type chip struct {
	id       uint16
	name     string
	arch     *arch.Arch
	dram     elfcore.Range
	iram     elfcore.Range
	rtcFast  elfcore.Range // as data
	rtcSlow  elfcore.Range
	external elfcore.Range // SPI RAM
}

// between is the range lo..hi, hi not included.
func between(lo, hi elfcore.Addr) elfcore.Range {
	return elfcore.Range{Addr: lo, Size: uint64(hi - lo)}
}

var none elfcore.Range

// chips by the id of the version word (esp-coredump 1.16.0, corefile/soc_headers).
// esptool also knows 31, ESP32-E22, for which no dump tool exists yet.
var chips = []chip{
	{0, "esp32", arch.Xtensa, between(0x3ffae000, 0x40000000), between(0x40080000, 0x400a0000), between(0x3ff80000, 0x3ff82000), between(0x50000000, 0x50002000), between(0x3f800000, 0x3fc00000)},
	{2, "esp32s2", arch.Xtensa, between(0x3ffb0000, 0x40000000), between(0x40020000, 0x40070000), between(0x3ff9e000, 0x3ffa0000), between(0x50000000, 0x50002000), between(0x3f500000, 0x3ff80000)},
	{9, "esp32s3", arch.Xtensa, between(0x3fc88000, 0x3fd00000), between(0x40370000, 0x403e0000), between(0x600fe000, 0x60100000), between(0x50000000, 0x50002000), between(0x3c000000, 0x3e000000)},
	{5, "esp32c3", arch.RV32, between(0x3fc80000, 0x3fce0000), between(0x4037c000, 0x403e0000), between(0x50000000, 0x50002000), none, none},
	{12, "esp32c2", arch.RV32, between(0x3fca0000, 0x3fce0000), between(0x4037c000, 0x403c0000), none, none, none},
	{13, "esp32c6", arch.RV32, between(0x40800000, 0x40880000), none, between(0x50000000, 0x50004000), none, none},
	{16, "esp32h2", arch.RV32, between(0x40800000, 0x40850000), none, between(0x50000000, 0x50001000), none, none},
	{18, "esp32p4", arch.RV32, between(0x4ff00000, 0x4ffc0000), none, between(0x50108000, 0x50110000), none, between(0x48000000, 0x4c000000)},
	{20, "esp32c61", arch.RV32, between(0x40800000, 0x40850000), none, none, none, between(0x42000000, 0x44000000)},
	{23, "esp32c5", arch.RV32, between(0x40800000, 0x40860000), none, between(0x50000000, 0x50004000), none, between(0x42000000, 0x44000000)},
	{25, "esp32h21", arch.RV32, between(0x40800000, 0x40850000), none, between(0x50000000, 0x50001000), none, none},
	{28, "esp32h4", arch.RV32, between(0x40810000, 0x40860000), none, between(0x50000000, 0x50004000), none, between(0x42000000, 0x44000000)},
	{32, "esp32s31", arch.RV32, between(0x2f000000, 0x2f080000), none, between(0x2e000000, 0x2e008000), none, between(0x50000000, 0x54000000)},
}

func chipByID(id uint16) *chip {
	for i := range chips {
		if chips[i].id == id {
			return &chips[i]
		}
	}
	return nil
}

// holdsTCB and holdsStack are the rules of esp-coredump (corefile/loader.py),
// less those about alignment.
func (c *chip) holdsTCB(a elfcore.Addr) bool {
	return c.dram.Contains(a) || c.iram.Contains(a) || c.rtcFast.Contains(a) || c.rtcSlow.Contains(a)
}

func (c *chip) holdsStack(a elfcore.Addr) bool {
	return c.dram.Contains(a) || c.external.Contains(a) || c.rtcFast.Contains(a)
}

// holdsAnyTCB tells whether a is where some chip of this CPU has its TCBs.
func holdsAnyTCB(a *arch.Arch, at elfcore.Addr) bool {
	for i := range chips {
		if chips[i].arch == a && chips[i].holdsTCB(at) {
			return true
		}
	}
	return false
}

// fakes is where ESP-IDF pretends that the stacks of broken tasks lie.
var fakes = between(0x20000000, 0x30000000)

// isFake tells whether an address is of a stack that does not exist. The chip
// may be nil.
//
// Folklore: a task whose stack bounds make no sense gets a made-up frame at
// 0x20000000. ESP32-S31 has its real DRAM at 0x2f000000, inside that range.
// Test: TestBrokenTask.
func (c *chip) isFake(a elfcore.Addr) bool {
	if !fakes.Contains(a) {
		return false
	}
	return c == nil || !c.dram.Contains(a) && !c.rtcFast.Contains(a)
}

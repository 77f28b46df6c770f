package elfcore

import (
	"encoding/binary"
	"testing"

	"corelift/elfcore/arch"
)

// HostileCores are the files of the hostile tests, for the packages that read
// core files.
func HostileCores() map[string][]byte {
	m := map[string][]byte{"70,000 segments": many(70_000)}
	for _, x := range append(hostileFiles(), fullFiles()...) {
		m[x.name] = x.file
	}
	return m
}

// SmallCores are sound cores of every writer, to be damaged.
func SmallCores(t testing.TB) map[string][]byte {
	awkward32 := awkward(arch.CortexM)
	awkward32.Order = binary.BigEndian
	m := map[string][]byte{
		"Linux, x86-64": processCore(t, arch.AMD64), "Linux, RISC-V 32": processCore(t, arch.RV32),
		"ours": written(t, awkward(arch.AArch64)), "ours, big-endian": written(t, awkward32),
	}
	for _, x := range freebsd {
		m["FreeBSD "+x.name] = x.build()
	}
	return m
}

package inspect_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"corelift/inspect"
)

// TestDropped reads variables of programs linked with --gc-sections whose flash
// or RAM begins at 0, where the linker also puts what it drops.
func TestDropped(t *testing.T) {
	compilers := [][]string{
		append([]string{"arm-none-eabi-gcc", "-mcpu=cortex-m4"}, bare...),
		append([]string{"riscv64-unknown-elf-gcc", "-march=rv32imac", "-mabi=ilp32"}, bare...),
		append([]string{"clang", "--target=arm-none-eabi", "-mcpu=cortex-m4", "-fuse-ld=lld"}, bare...),
	}
	for _, place := range []struct{ flash, ram string }{{"0", "0x20000000"}, {"0x8000000", "0"}} {
		for _, c := range compilers {
			for version := 4; version <= 5; version++ {
				t.Run(fmt.Sprint(c[0], " RAM at ", place.ram, " DWARF ", version), func(t *testing.T) {
					dir := t.TempDir()
					program, path := filepath.Join(dir, "dropped.elf"), filepath.Join(dir, "dropped.core")
					args := append(c[1:], "-w", "-ffunction-sections", "-fdata-sections", fmt.Sprintf("-gdwarf-%d", version), "-o", program,
						"testdata/expr/dropped.c", "-Wl,--gc-sections", "-Wl,--defsym=FLASH="+place.flash, "-Wl,--defsym=RAM="+place.ram,
						"-Wl,-T,testdata/expr/dropped.ld")
					toolRun(t, nil, c[0], args...)
					writeStart(t, program, path)
					s := reopen(t, program, path)
					for name, want := range map[string]string{
						"unused": "", "unused_zero": "", "unused_static": "", "unused_static_zero": "", "dead::inner": "",
						"used": "7", "used_zero": "0", "used_static": "9", "alive::kept": "4", "vectors[0]": "(void * const) 0x1234",
					} {
						v, err := s.Eval(nil, name, 0)
						switch {
						case err != nil:
							t.Errorf("%s: %v", name, err)
						case want == "" && v.Presence != inspect.NoLocation && v.Presence != inspect.OptimisedOut:
							t.Errorf("%s was dropped, but is %s", name, v.Text)
						case want != "" && v.Text != want:
							t.Errorf("%s is %s, want %s: %s", name, v.Text, want, v.Reason)
						}
					}
				})
			}
		}
	}
}

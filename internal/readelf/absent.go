package readelf

import "debug/elf"

// What GNU readelf -a says about things that no core file has.

func (d *Document) printNoGroups(w *writer) {
	w.WriteString("\nThere are no section groups in this file.\n")
}

func (d *Document) printAbsent(w *writer) {
	w.WriteString("\nThere is no dynamic section in this file.\n\nThere are no relocations in this file.\n")
	switch m := d.file.Header.Machine; m {
	case elf.EM_386, elf.EM_X86_64:
		w.WriteString("No processor specific unwind information to decode\n")
	case elf.EM_IA_64, elf.EM_ARM, elf.EM_PARISC, elf.EM_TI_C6000:
		if m == elf.EM_IA_64 || d.named {
			w.WriteString("\nThere are no unwind sections in this file.\n")
		}
	default:
		w.printf("\nThe decoding of unwind sections for machine type %s is not currently supported.\n", Number{uint16(m), machineName(m)}.machine())
	}
	if len(d.sections) == 0 {
		w.WriteString("\nDynamic symbol information is not available for displaying symbols.\n")
	}
	w.WriteString("\nNo version information found in this file.\n")
}

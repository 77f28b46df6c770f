package firmware

// BuildIDOf reads the build-id of an ELF file of any kind and CPU, programs and
// separate debug files alike, in lower-case hex; empty if it has none. Errors
// say why the file can't be read.
func BuildIDOf(path string) (id string, err error) {
	defer Guard(&err)()
	f, err := mapFile(path)
	if err != nil {
		return "", err
	}
	defer f.release()
	if err := f.readELF(); err != nil {
		return "", err
	}
	return f.buildID(f.elf.ByteOrder), nil
}

package inspect

import "corelift/elfcore"

// Read fills p with the dump's memory, and what of the firmware can't change,
// from an address on. The state is the lowest of all bytes; p is filled as a
// whole or there is an error.
func (s *Session) Read(p []byte, at elfcore.Addr) (elfcore.State, error) { return s.read(p, at) }

// Types names the types that have a name.
func (s *Session) Types() (names []string) {
	for _, d := range s.datas() {
		for t := range d.AllTypes() {
			names = append(names, t.String())
		}
	}
	return sorted(names)
}

package inspect

import (
	"corelift/elfcore"
	"corelift/internal/location"
)

// beginning is an activation in which memory that the dump lacks holds what the
// firmware initialises it with. That is rarely what was there at the crash.
type beginning struct{ *activation }

// Memory is that of the activation, else initial data.
func (b beginning) Memory(p []byte, at elfcore.Addr) (elfcore.State, error) {
	if state, err := b.activation.Memory(p, at); err == nil || b.session.program == nil {
		return state, err
	}
	for i := range p {
		one, at := p[i:i+1], at+elfcore.Addr(i)
		if _, err := b.session.read(one, at); err == nil {
			continue
		}
		if err := b.session.program.ReadInitial(one, at); err != nil {
			return elfcore.Missing, err
		}
	}
	return elfcore.Suspect, nil
}

// initial is what lies at a location that the dump lacks when the program
// starts; false where the firmware says nothing of it. What start-up code sets
// to zero is in this class: whether it does can't be told.
func (a *activation) initial(l location.Location) (content, bool) {
	got := l.Read(beginning{a})
	return content{got.Bytes, Present, elfcore.Suspect, "initial value"}, got.Presence == location.Present
}

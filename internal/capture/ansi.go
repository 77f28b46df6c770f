package capture

import "bytes"

// AppendPlain appends what a line shows on a terminal: without colours, titles
// and other escape sequences, and with backspaces and cursor movements inside
// the line carried out, so that a shell prompt that was wiped is gone. Other
// control characters, except for tabs, are dropped. A column is taken for a
// byte.
//
// Folklore: a Zephyr shell wipes its prompt before it prints a log line:
// "uart:~$ ESC[8DESC[J[00:00:00.020,000] <err> os: oops". TestAppendPlain has it.
func AppendPlain(dst, line []byte) []byte {
	i := 0
	for i < len(line) && !isControl(line[i]) {
		i++
	}
	s := screen{start: len(dst), text: append(dst, line[:i]...)}
	s.cursor = len(s.text)
	for i < len(line) {
		switch c := line[i]; {
		case c == esc:
			i += s.escape(line[i:])
			continue
		case c == '\b':
			s.left(1)
		case !isControl(c):
			s.put(c)
		}
		i++
	}
	return s.text
}

const esc = 0x1b

func isControl(c byte) bool { return c < ' ' && c != '\t' || c == 0x7f }

// screen is one line of a terminal: text from start on.
type screen struct {
	text          []byte
	start, cursor int // cursor is in start..len(text)
}

func (s *screen) put(c byte) {
	if s.cursor == len(s.text) {
		s.text = append(s.text, c)
	} else {
		s.text[s.cursor] = c
	}
	s.cursor++
}

func (s *screen) left(n int) { s.cursor = max(s.start, s.cursor-n) }

// escape carries out the sequence at the start of seq and returns its length
// (ECMA-48, 5.3 to 5.6). A sequence that never ends is as long as its opening.
func (s *screen) escape(seq []byte) int {
	if len(seq) < 2 {
		return len(seq)
	}
	switch seq[1] {
	case '[': // CSI: parameters, intermediates, final byte
		n := 2 + span(seq[2:], 0x30, 0x3f)
		parameters := seq[2:n]
		n += span(seq[n:], 0x20, 0x2f)
		if n == len(seq) || seq[n] < 0x40 || seq[n] > 0x7e {
			return n
		}
		s.control(seq[n], parameters)
		return n + 1
	case ']', 'P', 'X', '^', '_': // OSC, DCS, SOS, PM, APC: up to BEL or ESC \
		n := 2 + bytes.IndexAny(seq[2:], "\a\x1b")
		switch {
		case n < 2: // never ends
			return 2
		case seq[n] == '\a':
			return n + 1
		case bytes.HasPrefix(seq[n:], []byte("\x1b\\")):
			return n + 2
		}
		return n // the next sequence breaks it off
	}
	n := 1 + span(seq[1:], 0x20, 0x2f)
	if n < len(seq) && seq[n] >= 0x30 && seq[n] < 0x7f {
		n++
	}
	return n
}

// span is the number of bytes at the start of b that are in lo..hi.
func span(b []byte, lo, hi byte) int {
	n := 0
	for n < len(b) && b[n] >= lo && b[n] <= hi {
		n++
	}
	return n
}

// control carries out a control sequence that stays in the line.
func (s *screen) control(final byte, parameters []byte) {
	n := number(parameters)
	switch final {
	case 'C': // cursor right
		s.cursor = min(len(s.text), s.cursor+max(1, n))
	case 'D': // cursor left
		s.left(max(1, n))
	case 'G': // cursor to column
		s.cursor = min(len(s.text), s.start+max(0, n-1))
	case 'J', 'K': // erase in display, in line
		switch n {
		case 0:
			s.text = s.text[:s.cursor]
		case 2:
			s.text, s.cursor = s.text[:s.start], s.start
		}
	}
}

// number reads a parameter; 0 if it is absent, at most 65535.
func number(parameters []byte) int {
	n := 0
	for _, c := range parameters {
		if c < '0' || c > '9' {
			break
		}
		n = min(n*10+int(c-'0'), 0xffff)
	}
	return n
}

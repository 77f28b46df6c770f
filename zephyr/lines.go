package zephyr

import (
	"sort"

	"corelift/elfcore"
)

// dumpLine is one line of a dump's text form: the bytes after its marker.
type dumpLine struct {
	data []byte
	bad  bool // odd number of digits, or glued to something that is not hex
	at   elfcore.Pos
}

// lineStore keeps the lines of one dump. Lines of the same length share a run,
// so that a million lines cost little more than their bytes.
type lineStore struct {
	data []byte
	runs []lineRun
}

// lineRun is count lines of size bytes each, from data[pos] on. line and off are
// the number and the offset in the input of the first one, step and stride how
// much further each other one is.
type lineRun struct {
	first       int // index of its first line among all
	count, size int
	pos         int
	line, step  int
	off, stride int64
	bad         bool
}

// add appends a line.
func (l *lineStore) add(data []byte, bad bool, line int, off int64) {
	pos := len(l.data)
	l.data = append(l.data, data...)
	l.commit(pos, bad, line, off)
}

// commit makes a line of the bytes from pos to the end of l.data, which the
// caller decoded in place.
func (l *lineStore) commit(pos int, bad bool, line int, off int64) {
	size := len(l.data) - pos
	if n := len(l.runs); n > 0 {
		r := &l.runs[n-1]
		if r.count == 1 {
			r.step, r.stride = line-r.line, off-r.off
		}
		if r.size == size && !r.bad && !bad && line == r.line+r.count*r.step && off == r.off+int64(r.count)*r.stride {
			r.count++
			return
		}
	}
	l.runs = append(l.runs, lineRun{first: l.len(), count: 1, size: size, pos: pos, line: line, off: off, bad: bad})
}

func (l *lineStore) len() int {
	if n := len(l.runs); n > 0 {
		return l.runs[n-1].first + l.runs[n-1].count
	}
	return 0
}

// run is the index of the run that holds line i.
func (l *lineStore) run(i int) int {
	return sort.Search(len(l.runs), func(k int) bool { return l.runs[k].first+l.runs[k].count > i })
}

// at returns line i.
func (l *lineStore) at(i int) dumpLine {
	r := l.runs[l.run(i)]
	k := i - r.first
	pos := r.pos + k*r.size
	return dumpLine{l.data[pos : pos+r.size : pos+r.size], r.bad, l.posIn(r, k)}
}

func (l *lineStore) posIn(r lineRun, k int) elfcore.Pos {
	return elfcore.Pos{Line: r.line + k*r.step, Off: r.off + int64(k)*r.stride}
}

// pos is the position of line i, or of the end if there is no such line.
func (l *lineStore) pos(i int) elfcore.Pos {
	if i < l.len() {
		return l.at(i).at
	}
	if n := l.len(); n > 0 {
		return l.at(n - 1).at
	}
	return elfcore.Pos{Off: -1}
}

// posOf is the position of the line that holds byte off of the data.
func (l *lineStore) posOf(off int64) elfcore.Pos {
	k := sort.Search(len(l.runs), func(k int) bool {
		r := l.runs[k]
		return int64(r.pos+r.count*r.size) > off
	})
	if k == len(l.runs) {
		return l.pos(l.len())
	}
	r := l.runs[k]
	return l.posIn(r, (int(off)-r.pos)/max(r.size, 1))
}

// lineBytes is the most that a target puts on one line.
const lineBytes = 32

// exact tells whether the lines from i on hold a payload of n bytes exactly as
// a target writes it: full lines and a last one with the rest. count is how
// many lines that takes; their bytes stand in a row from pos.
func (l *lineStore) exact(i, n int) (pos, count int, ok bool) {
	if n == 0 {
		return 0, 0, true
	}
	left, start := n, -1
	for k := l.run(i); k < len(l.runs) && left > 0; k++ {
		r := l.runs[k]
		skip := max(0, i-r.first)
		if start < 0 {
			start = r.pos + skip*r.size
		}
		if r.bad || r.size == 0 {
			return 0, 0, false
		}
		lines := r.count - skip
		if r.size == lineBytes {
			lines = min(lines, left/lineBytes)
		} else {
			lines = min(lines, 1)
		}
		if lines == 0 || (r.size != lineBytes && r.size != left) {
			return 0, 0, false
		}
		count += lines
		if left -= lines * r.size; left > 0 && lines < r.count-skip {
			return 0, 0, false // a full line stands where a shorter one should
		}
	}
	return start, count, left == 0
}

// ragged tells whether the lines ignore block boundaries, as those that the
// shell prints do: the first goes on behind the file header.
func (l *lineStore) ragged() bool {
	if l.len() == 0 || l.at(0).bad || len(l.at(0).data) <= fileHeaderSize {
		return false
	}
	_, header := parseFileHeader(l.at(0).data)
	return header
}

package zephyr

import (
	"bytes"
	"fmt"

	"corelift/elfcore"
)

// readRagged reads lines that ignore block boundaries, as the shell prints
// them, as one stream. A damaged line keeps its slot, as a hole. A line that
// is lost shows only at the end of the block that it belonged to, where no
// block header follows; that block is suspect then.
func readRagged(b *builder, l *lineStore, ended bool) {
	data, holes := l.data, []hole(nil)
	for k, r := range l.runs {
		last := k == len(l.runs)-1 && r.count == 1
		if r.bad || r.size != lineBytes && !last {
			data, holes = l.slotted()
			break
		}
	}
	for _, h := range holes {
		b.report(elfcore.Loss, "zephyr.line-damaged", l.pos(int(h.off)/lineBytes), fmt.Sprintf("a damaged line at byte 0x%x of the dump", h.off),
			fmt.Sprintf("%d bytes", lineBytes), "left out")
	}
	b.lossy = true
	pos := l.posOf
	if holes != nil {
		pos = func(off int64) elfcore.Pos { return l.pos(int(off) / lineBytes) }
	}
	readStream(b, stream{ReaderAt: bytes.NewReader(data), size: int64(len(data)), pos: pos, holes: holes})
	if ended && b.cutOff {
		b.doubtLast()
	}
}

// slotted lays the lines out at 32 bytes each and lists those that are
// damaged. The last line may be short.
func (l *lineStore) slotted() (data []byte, holes []hole) {
	n := l.len()
	for i := range n {
		d := l.at(i)
		if d.bad || len(d.data) != lineBytes && i < n-1 {
			holes = append(holes, hole{int64(i) * lineBytes, lineBytes})
			data = append(data, make([]byte, lineBytes)...)
			continue
		}
		data = append(data, d.data...)
	}
	return data, holes
}

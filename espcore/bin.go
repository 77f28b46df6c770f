package espcore

import (
	"fmt"

	"corelift/elfcore"
)

// taskRecord is a task of a BIN body (esp.md 1.5). Offsets count from the
// header of the image.
type taskRecord struct {
	tcb, start, end  elfcore.Addr
	at               int64 // of the record
	tcbOff, stackOff int64
	stack            int64 // bytes
}

const taskHeader, segmentHeader = 12, 8

// recordAt reads the header of a task's record, with a TCB of tcbSize bytes.
func recordAt(p []byte, at int64, tcbSize uint32) taskRecord {
	r := taskRecord{tcb: elfcore.Addr(little.Uint32(p)), start: elfcore.Addr(little.Uint32(p[4:])), end: elfcore.Addr(little.Uint32(p[8:])), at: at}
	// A stack that grows upwards would have its start above its end.
	r.stack = int64(max(r.start, r.end) - min(r.start, r.end))
	r.tcbOff = at + taskHeader
	r.stackOff = r.tcbOff + up4(int64(tcbSize))
	return r
}

func (r *taskRecord) next() int64 { return r.stackOff + up4(r.stack) }

func up4(n int64) int64 { return (n + 3) &^ 3 }

// limits of BIN bodies, against hostile ones.
const (
	maxTasks    = 4096
	maxSegments = 8192
)

// plausible tells whether a task can be one of this chip's.
func (r *taskRecord) plausible(c *chip) bool {
	return c.holdsTCB(r.tcb) && r.start <= r.end && r.stack < 64<<10 && (c.holdsStack(r.start) || c.isFake(r.start))
}

// readBIN reads the tasks, of which the first is the crashed one, and then the
// memory segments.
func (d *dump) readBIN() {
	count, size := little.Uint32(d.header[tasksAt:]), uint32(0)
	if d.version == &ancient {
		count, size = little.Uint32(d.header[4:]), little.Uint32(d.header[8:])
	} else {
		size = little.Uint32(d.header[tcbSizeAt:])
	}
	end := d.end()
	at := d.body
	read := uint32(0)
	for ; read < min(count, maxTasks); read++ {
		var p [taskHeader]byte
		state := d.read(p[:], at)
		if state == elfcore.Missing || at+taskHeader > end {
			d.lost("esp.cut", at, fmt.Sprintf("%d tasks", read), fmt.Sprintf("%d", count), "the others are lost")
			return
		}
		r := recordAt(p[:], at, size)
		if d.chip != nil && !r.plausible(d.chip) {
			d.report(elfcore.Warning, "esp.task-range", at, fmt.Sprintf("a task with its TCB at %v and its stack at %v-%v", r.tcb, r.start, r.end), "addresses of the chip's RAM", "kept as it is")
		}
		d.addMemory(r.tcb, r.tcbOff, int64(size))
		if !d.chip.isFake(r.start) {
			d.addMemory(min(r.start, r.end), r.stackOff, r.stack)
		}
		t := task{tcb: r.tcb, state: state, at: r.at, stack: &block{r.start, r.stackOff, r.stack}}
		d.tasks = append(d.tasks, t)
		at = r.next()
	}
	if read < count {
		d.lost("esp.cut", at, fmt.Sprintf("%d tasks", count), fmt.Sprintf("%d at most", maxTasks), "the others are left out")
	}
	d.binSegments(at, end)
}

// binSegments reads the memory segments.
func (d *dump) binSegments(at, end int64) {
	count, _ := d.field(d.version.segs)
	for i := range count {
		var p [segmentHeader]byte
		if i == maxSegments || at+segmentHeader > end || d.read(p[:], at) == elfcore.Missing {
			d.lost("esp.cut", at, fmt.Sprintf("%d memory segments", i), fmt.Sprintf("%d", count), "the others are lost")
			return
		}
		start, size := elfcore.Addr(little.Uint32(p[:])), int64(little.Uint32(p[4:]))
		d.addMemory(start, at+segmentHeader, size)
		at += segmentHeader + up4(size)
	}
}

// Package capture turns what users hand in into inputs that formats can read:
// it takes wrappers off (gzip, hex and base64 text, Intel HEX, UF2, UTF-16),
// reads text as lines whatever terminals did to them, and finds the markers of
// all formats in one pass. It knows no vendor.
package capture

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"corelift/elfcore"
	"corelift/internal/format"
)

// Limits bounds what Open unwraps. A zero field means the default.
type Limits struct {
	Depth int   // wrappers inside each other; 4
	Size  int64 // bytes that a pipe brings, and that all wrappers together yield; 1 GiB
	Ratio int64 // bytes that wrappers may yield for a byte of the input; 2000
}

// DEFLATE reaches 1032 to 1, and erased flash in gzip comes near, so the
// default ratio stops gzip in gzip only. The first MiB is free.
var defaults = Limits{Depth: 4, Size: 1 << 30, Ratio: 2000}

const freeOfRatio = 1 << 20

// LimitError says that a capture holds more than a limit allows.
type LimitError struct {
	Name   string // of the input
	Limit  string // field of Limits, or what is limited
	Max    int64
	Advice string // what to do about it
}

const (
	unpacked = "unpack it with another tool if it is not a decompression bomb"
	onDisk   = "save it to a file and name that: a file is read where it lies, of any size"
	asBinary = "hand in the memory as a binary file"
)

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s: more than the limit %s of %d allows; %s", e.Name, e.Limit, e.Max, e.Advice)
}

// Source is an opened capture. Inputs are read from it until Close.
type Source struct {
	Inputs []format.Input
	Notes  []elfcore.Diagnostic // what was odd about the wrappers
	spools []*spool
}

// Close releases memory and temporary files. The reader given to Open stays
// open.
func (s *Source) Close() error { return s.release(0) }

// release closes the spools from index first on.
func (s *Source) release(first int) error {
	var errs []error
	for _, sp := range s.spools[first:] {
		errs = append(errs, sp.Close())
	}
	s.spools = s.spools[:first]
	return errors.Join(errs...)
}

// Open takes the wrappers off a capture, those within others too. What can be
// read at any offset, such as a regular file, is used in place from its current
// position on; anything else is read to its end and kept, if large in a
// temporary file. What has no wrapper is passed as it is. A flash image with
// addresses yields one Input for each run that has no gap over 64 KiB.
//
// Damaged wrappers yield what could be saved and a note; the error is for
// reading and for limits (*LimitError).
func Open(r io.Reader, name string, lim Limits) (_ *Source, err error) {
	o := opener{name: name, limits: lim.orDefaults(), source: &Source{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, o.source.Close())
		}
	}()
	in := format.Input{Name: name}
	var ok bool
	if in.ReaderAt, in.Size, ok = inPlace(r); !ok {
		s := o.spool()
		if _, err := io.Copy(s, io.LimitReader(r, o.limits.Size+1)); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if s.size > o.limits.Size {
			return nil, &LimitError{name, "Size", o.limits.Size, onDisk}
		}
		in.ReaderAt, in.Size = s, s.size
	}
	o.size = in.Size
	if err := o.unwrap(in); err != nil {
		return nil, err
	}
	return o.source, nil
}

func (l Limits) orDefaults() Limits {
	if l.Depth == 0 {
		l.Depth = defaults.Depth
	}
	if l.Size == 0 {
		l.Size = defaults.Size
	}
	if l.Ratio == 0 {
		l.Ratio = defaults.Ratio
	}
	return l
}

// inPlace tells whether r can be read at any offset, and its size from the
// current position on.
func inPlace(r io.Reader) (io.ReaderAt, int64, bool) {
	if f, ok := r.(*os.File); ok {
		// Character devices seek without an effect. Files of /proc and /sys,
		// such as a device core dump, are regular but say that they are empty.
		info, err := f.Stat()
		if err != nil || info.Mode()&(fs.ModeType&^fs.ModeDevice) != 0 || info.Mode().IsRegular() && info.Size() == 0 {
			return nil, 0, false
		}
	}
	at, ok := r.(interface {
		io.ReaderAt
		io.Seeker
	})
	if !ok {
		return nil, 0, false
	}
	start, err := at.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, 0, false
	}
	end, err := at.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, 0, false
	}
	if _, err := at.Seek(start, io.SeekStart); err != nil {
		return nil, 0, false
	}
	if start == 0 {
		return at, end, true
	}
	size := max(0, end-start)
	return io.NewSectionReader(at, start, size), size, true
}

// wrapper is something that may be around a dump. Match judges by the first
// bytes; unwrap gives up with errNotWrapped if the rest does not fit.
type wrapper struct {
	name   string
	match  func(head []byte) bool
	unwrap func(o *opener, in format.Input) ([]format.Input, error)
	image  bool // what is inside has target addresses
}

var errNotWrapped = errors.New("not wrapped after all")

// wrappers in the order in which they are tried.
var wrappers = []wrapper{
	{"gzip", isGzip, unwrapGzip, false},
	{"utf-16", isUTF16, unwrapUTF16, false},
	{"utf-8 byte order mark", isUTF8Mark, unwrapUTF8Mark, false},
	{"uf2", isUF2, unwrapUF2, true},
	{"intel hex", isIntelHex, unwrapIntelHex, true},
	{"hex text", isHexText, unwrapHexText, false},
	{"base64 text", isBase64Text, unwrapBase64Text, false},
}

const headSize = 64 << 10

// opener is the state of one Open.
type opener struct {
	name   string
	limits Limits
	source *Source
	size   int64 // of the capture, in bytes
	spent  int64 // bytes that came out of wrappers
}

func (o *opener) unwrap(in format.Input) error {
	head := make([]byte, min(headSize, in.Size))
	if n, err := in.ReadAt(head, 0); n < len(head) {
		return fmt.Errorf("%s: offset 0x%x: %w", o.name, n, err)
	}
	for _, w := range wrappers {
		// What fills gaps is no part of what is wrapped.
		if len(in.Gaps) > 0 || !w.match(head) {
			continue
		}
		spent, spools := o.spent, len(o.source.spools)
		inside, err := w.unwrap(o, in)
		if err == errNotWrapped {
			o.spent = spent
			if err := o.source.release(spools); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		if len(in.Wrappers) == o.limits.Depth {
			return &LimitError{o.name, "Depth", int64(o.limits.Depth), unpacked}
		}
		for _, i := range inside {
			label := w.name
			if w.image {
				label = fmt.Sprintf("%s at 0x%08x", w.name, i.Base)
			}
			i.Name, i.Wrappers = in.Name, append(slices.Clip(in.Wrappers), label)
			if err := o.unwrap(i); err != nil {
				return err
			}
		}
		return nil
	}
	in.Text = isText(in)
	o.source.Inputs = append(o.source.Inputs, in)
	return nil
}

// note keeps what is odd. Line is from 1, 0 for an input that is not text; off
// is in bytes of the wrapper, -1 if unknown.
func (o *opener) note(severity elfcore.Severity, code string, line int, off int64, found, expected, done string) {
	o.source.Notes = append(o.source.Notes, elfcore.Diagnostic{
		Severity: severity, Code: "capture." + code, At: elfcore.Pos{Source: o.name, Line: line, Off: off},
		Found: found, Expected: expected, Done: done,
	})
}

// charge counts bytes that come out of a wrapper.
func (o *opener) charge(n int) error {
	o.spent += int64(n)
	if o.spent > o.limits.Size {
		return &LimitError{o.name, "Size", o.limits.Size, unpacked}
	}
	if o.spent > freeOfRatio && o.spent/o.limits.Ratio > o.size {
		return &LimitError{o.name, "Ratio", o.limits.Ratio, unpacked}
	}
	return nil
}

// output is where a wrapper writes what is inside.
func (o *opener) output() *output { return &output{o, o.spool()} }

type output struct {
	o *opener
	*spool
}

func (w *output) Write(p []byte) (int, error) {
	if err := w.o.charge(len(p)); err != nil {
		return 0, err
	}
	return w.spool.Write(p)
}

// input is what was written.
func (w *output) input() []format.Input {
	return []format.Input{{ReaderAt: w.spool, Size: w.size}}
}

func (o *opener) spool() *spool {
	s := &spool{}
	o.source.spools = append(o.source.spools, s)
	return s
}

// reader reads an input from its start.
func reader(in format.Input) *io.SectionReader { return io.NewSectionReader(in, 0, in.Size) }

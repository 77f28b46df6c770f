package notes

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"corelift/elfcore/arch"
)

var tables = []Table{Core, Linux, FreeBSD, GDB, GNU}

// body builds a descriptor: uint16, uint32, uint64, string, []byte.
func body(order binary.AppendByteOrder, parts ...any) []byte {
	var b []byte
	for _, p := range parts {
		switch p := p.(type) {
		case uint8:
			b = append(b, p)
		case uint16:
			b = order.AppendUint16(b, p)
		case uint32:
			b = order.AppendUint32(b, p)
		case uint64:
			b = order.AppendUint64(b, p)
		case int: // zeros
			b = append(b, make([]byte, p)...)
		case string:
			b = append(b, p...)
		case []byte:
			b = append(b, p...)
		}
	}
	return b
}

func noteOf(c *Codec, desc []byte) Note {
	return Note{Owner: c.Owner, Type: c.Type, DescOff: 0x1000, Size: int64(len(desc)), Desc: bytes.NewReader(desc)}
}

// shown is the fields as "name=text".
func shown(fields []Field) string {
	var s []string
	for _, f := range fields {
		s = append(s, f.Name+"="+f.Text)
	}
	return strings.Join(s, "; ")
}

// TestCodecs decodes a note of each kind. want holds fields that must follow
// each other somewhere in what is shown.
func TestCodecs(t *testing.T) {
	le, be := binary.LittleEndian, binary.BigEndian
	amd64 := Context{Arch: arch.AMD64, Order: le, Is64: true}
	i386 := Context{Arch: arch.I386, Order: le}
	arm := Context{Arch: arch.ARM, Order: le}
	aarch64 := Context{Arch: arch.AArch64, Order: le, Is64: true}
	rv32 := Context{Arch: arch.RV32, Order: le}
	rv64 := Context{Arch: arch.RV64, Order: le, Is64: true}
	loong := Context{Order: le, Is64: true}
	fsave := body(le, uint16(0x37f), 2, uint16(0x20), 2, 4, uint32(0x1234), uint16(0x23), uint16(5), 8, "\x01\x02\x03\x04\x05\x06\x07\x08\xff\x3f", 70)
	for _, x := range []struct {
		owner string
		typ   uint32
		x     Context
		desc  []byte
		want  []string
		err   string
	}{
		{"CORE", 1, amd64, body(le, uint32(11), 8, uint16(11), 18, uint32(77), 12, uint64(3), uint64(250000), 48, 136, uint64(0x401000), 72, uint32(1), 4),
			[]string{"signo=11 (SIGSEGV); code=0; errno=0; cursig=11 (SIGSEGV)", "pid=77; ppid=0", "utime=3.250000; stime=0.000000", "r15=0x0000000000000000; r14", "gs=0x0000; fpvalid="}, ""},
		{"CORE", 1, rv32, body(le, uint32(4), 20, uint32(9), 44, uint32(0x80000000), 124, uint32(1)), []string{"pid=9", "pc=0x80000000; ra=", "t6=0x00000000; fpvalid=1"}, ""},
		{"CORE", 1, amd64, body(le, 1100), nil, "offset 0x1000: NT_PRSTATUS of 1100 bytes, want 336"},
		{"CORE", 2, i386, fsave, []string{"fctrl=0x037f; fstat=0x0020; fioff=0x00001234; fiseg=0x0023; fop=0x0005", "st0=0x3fff0807060504030201"}, ""},
		{"CORE", 2, rv64, body(le, 256, uint32(7), 4), []string{"ft11=0x0000000000000000; fcsr=0x00000007"}, ""},
		{"CORE", 2, rv32, body(le, 128, uint32(7)), []string{"ft11=0x00000000; fcsr=0x00000007"}, ""},
		{"CORE", 3, i386, body(le, "\x00R\x00\x05", uint32(0x400), uint16(1000), uint16(100), uint32(42), 12, "short name\x00garb.", "args\x00", 75),
			[]string{"state=0; sname=R; zomb=0; nice=5; flag=0x00000400; uid=1000; gid=100; pid=42", "fname=short name; psargs=args"}, ""},
		{"CORE", 3, amd64, body(le, 8, uint64(0x400), uint32(1000), uint32(100), uint32(42), 12, "sixteen bytes !!", "args\x00", 75),
			[]string{"flag=0x0000000000000400; uid=1000; gid=100; pid=42", "fname=sixteen bytes !!; psargs=args"}, ""},
		{"CORE", 3, amd64, body(le, 124), nil, "NT_PRPSINFO of 124 bytes, want 136"},
		{"CORE", 6, amd64, body(le, uint64(3), uint64(0x400040), uint64(6), uint64(4096), uint64(99), uint64(1), uint64(0), uint64(0), uint64(9), uint64(9)),
			[]string{"AT_PHDR=0x400040; AT_PAGESZ=4096; type 99=0x1; AT_NULL=0x0"}, ""},
		{"CORE", SigInfo, amd64, body(le, uint32(11), uint32(0), uint32(1), 4, uint64(0x1234), 104),
			[]string{"signo=11 (SIGSEGV); errno=0; code=1 (SEGV_MAPERR: nothing is mapped at the address); address=0x0000000000001234"}, ""},
		{"CORE", SigInfo, i386, body(le, uint32(11), uint32(0), uint32(0xfffffffa), uint32(55), uint32(1000), 108),
			[]string{"code=-6 (SI_TKILL: sent by tkill or raise); pid=55; uid=1000"}, ""},
		{"CORE", SigInfo, amd64, body(le, uint32(11), uint32(0), uint32(0), 4, uint32(55), uint32(1000)), []string{"code=0 (SI_USER: sent by kill); pid=55; uid=1000"}, ""},
		{"CORE", SigInfo, amd64, body(le, 8), nil, "siginfo_t of 8 bytes"},
		{"CORE", File, Context{Arch: arch.ARM, Order: be}, body(be, uint32(1), uint32(4096), uint32(0x1000), uint32(0x2000), uint32(3), "/bin/x\x00"),
			[]string{"count=1; page_size=4096; /bin/x=0x1000-0x2000 offset 0x3000"}, ""},
		{"CORE", File, i386, body(le, uint32(9), uint32(4096), 12, "/x\x00"), []string{"count=9"}, "9 mapped files in a descriptor with 15 bytes left"},
		{"LINUX", 0x46e62b7f, i386, body(le, uint16(0x37f), 158, 128, 224), []string{"fctrl=0x037f"}, ""},
		{"LINUX", 0x200, i386, body(le, uint32(12), uint32(0xf7d0), uint32(0xfffff), uint32(0x51), 16),
			[]string{"entry[0]=12; base[0]=0x0000f7d0; limit[0]=0x000fffff; flags[0]=0x00000051; entry[1]=0"}, ""},
		{"LINUX", 0x201, i386, body(le, "\xff\xf0\xff", []byte{0x7f}), []string{"ports=0x8-0xb 0x1f-0x1f"}, ""},
		{"LINUX", 0x202, amd64, body(le, uint16(0x37f), 462, uint64(7), 40, uint64(6), 56, strings.Repeat("\xab", 16), 240),
			[]string{"fctrl=0x037f", "xcr0=0x0000000000000007 (x87 SSE AVX); xstate_bv=0x0000000000000006 (SSE AVX); xcomp_bv=0x0000000000000000; ymm0h=0xabababababababababababababababab"}, ""},
		{"LINUX", 0x202, amd64, body(le, 512), nil, "XSAVE area of 512 bytes, want 576 at least"},
		{"LINUX", 0x204, amd64, body(le, uint64(0x7f00)), []string{"ssp=0x0000000000007f00"}, ""},
		{"LINUX", 0x205, amd64, body(le, uint32(2), uint32(256), uint32(576), uint32(0)), []string{"component[0]=2 (AVX); size[0]=256; offset[0]=576; flags[0]=0x00000000"}, ""},
		{"LINUX", 0x400, arm, body(le, uint64(5), 248, uint32(0x10)), []string{"d0=0x0000000000000005", "d31=0x0000000000000000; fpscr=0x00000010"}, ""},
		{"LINUX", 0x401, aarch64, body(le, uint64(0x7000)), []string{"tp=0x0000000000007000"}, ""},
		{"LINUX", 0x402, aarch64, body(le, uint32(0x606), 4, uint64(0x400100), uint32(0x1e5), 4), []string{"info=0x00000606; address[0]=0x0000000000400100; control[0]=0x000001e5"}, ""},
		{"LINUX", 0x404, aarch64, body(le, uint32(0xffffffff)), []string{"syscall=-1"}, ""},
		{"LINUX", 0x405, aarch64, body(le, uint32(528), uint32(600), uint16(16), uint16(32), uint16(1), 2, 512), []string{"size=528; max_size=600; vl=16; max_vl=32; flags=0x0001"}, ""},
		{"LINUX", 0x406, aarch64, body(le, uint64(1), uint64(2)), []string{"data_mask=0x0000000000000001; insn_mask=0x0000000000000002"}, ""},
		{"LINUX", 0x407, aarch64, body(le, uint64(1), uint64(2), 48), []string{"apiakey=0x00000000000000020000000000000001; apibkey="}, ""},
		{"LINUX", 0x901, rv64, body(le, uint64(0), uint64(4), uint64(0xd0), uint64(0), uint64(16), uint64(9), 504), []string{"vtype=0x00000000000000d0; vcsr=0x0000000000000000; vlenb=16; v[0]=0x00000000000000000000000000000009; v[1]"}, ""},
		{"LINUX", 0xa04, loong, body(le, uint64(1), 24, uint32(2), uint32(3)), []string{"scr[0]=0x0000000000000001; scr[1]=0x0000000000000000; scr[2]", "eflags=0x00000002; ftop=0x00000003"}, ""},
		{"LINUX", 0xa05, loong, body(le, uint64(8), uint64(0x100), uint64(0xff), uint32(0x10), 4), []string{"info=0x0000000000000008; address[0]=0x0000000000000100; mask[0]=0x00000000000000ff; control[0]=0x00000010"}, ""},
		{"FreeBSD", 1, amd64, body(le, uint32(1), 4, uint64(224), uint64(176), uint64(512), uint32(1302001), uint32(11), uint32(100123), 4, uint64(0xf), 168),
			[]string{"version=1; statussz=224; gregsetsz=176; fpregsetsz=512; osreldate=1302001; cursig=11 (SIGSEGV); pid=100123; r15=0x000000000000000f"}, ""},
		{"FreeBSD", 1, i386, body(le, uint32(1), uint32(104), uint32(76), uint32(176), uint32(1302001), uint32(10), uint32(100123), uint32(0x3b), 72), []string{"cursig=10 (SIGBUS); pid=100123; fs=0x003b; es="}, ""},
		{"FreeBSD", 2, rv64, body(le, uint64(0x3ff0000000000000), 504, uint64(1)), []string{"ft0=0x3ff0000000000000; ft1=", "fcsr=0x00000001"}, ""},
		{"FreeBSD", 3, amd64, body(le, uint32(1), 4, uint64(120), "crash\x00", 11, "crash now\x00", 73, uint32(77)), []string{"version=1; size=120; fname=crash; psargs=crash now; pid=77"}, ""},
		{"FreeBSD", 7, amd64, body(le, "worker\x00", 13, 4), []string{"tname=worker; pad=0"}, ""},
		{"FreeBSD", 11, amd64, body(le, uint32(4), uint32(0), uint32(5)), []string{"structsize=4; gid[0]=0; gid[1]=5"}, ""},
		{"FreeBSD", 12, amd64, body(le, uint32(2), uint16(0o22)), []string{"umask=022"}, ""},
		{"FreeBSD", 13, amd64, body(le, uint32(32), uint64(5), uint64(1<<63-1), uint64(1<<63-1), uint64(1<<63-1)), []string{"cpu=5 of unlimited; fsize=unlimited of unlimited"}, ""},
		{"FreeBSD", 14, amd64, body(le, uint32(4), uint32(1302001)), []string{"osrel=1302001"}, ""},
		{"FreeBSD", 15, amd64, body(le, uint32(8), uint64(0x7fffffffefe0)), []string{"ps_strings=0x00007fffffffefe0"}, ""},
		{"FreeBSD", 16, amd64, body(le, uint32(16), uint64(18), uint64(1302001), uint64(15), uint64(0x7ff0), uint64(0), uint64(0)), []string{"AT_OSRELDATE=1302001; AT_EXECPATH=0x7ff0; AT_NULL"}, ""},
		{"FreeBSD", 17, amd64, body(le, uint32(160), uint32(100123), uint32(2), uint32(0x20), 32, 4, uint32(11), uint32(0), uint32(2), 12, uint64(0x1234), 48, "main\x00", 15, uint32(0), uint32(4), uint32(3)),
			[]string{"lwpid=100123; event=2; flags=0x00000020 (si)", "signo=11 (SIGSEGV); errno=0; code=2 (SEGV_ACCERR: access not permitted by the mapping); address=0x0000000000001234; tdname=main; child_pid=0; syscall_code=4; syscall_narg=3"}, ""},
		{"FreeBSD", 17, i386, body(le, uint32(140), uint32(100123), uint32(2), uint32(0x20), 32, uint32(6), uint32(0), uint32(0x10007), uint32(9), uint32(8), uint32(0), uint32(0), 36, "main\x00", 15, 12),
			[]string{"signo=6 (SIGABRT); errno=0; code=65543 (SI_LWP: sent by thr_kill); pid=9; uid=8; status=0; tdname=main"}, ""},
		{"FreeBSD", 0x200, amd64, body(le, uint64(1), uint64(2)), []string{"fs_base=0x0000000000000001; gs_base=0x0000000000000002"}, ""},
		{"FreeBSD", 9, amd64, body(le, uint32(1392), file(le, 1, 5, "/etc/motd", 0), file(le, 1, 0xffffffff, "/", 1000), uint32(0), 12),
			[]string{"type[0]=1 (vnode); fd[0]=5; ref_count[0]=1; flags[0]=0x00000003 (read write); offset[0]=7", "path[0]=/etc/motd; structsize[1]", "fd[1]=-1 (working directory)", "path[1]=/"}, ""},
		{"FreeBSD", 9, amd64, body(le, uint32(1392), uint32(4000), 100), []string{"structsize=1392"}, "offset 0x1004: structure of 4000 bytes in a descriptor with 104 left"},
		{"FreeBSD", 10, amd64, body(le, uint32(1160), mapping(le, 5, "/lib/libc.so.7"), mapping(le, 3, "")),
			[]string{"type[0]=2 (vnode); start[0]=0x0000000800000000; end[0]=0x0000000800001000; offset[0]=0x0000000000003000", "protection[0]=0x00000005 (read exec)", "path[0]=/lib/libc.so.7; structsize[1]", "path[1]="}, ""},
		{"GDB", TDesc, amd64, []byte(`<target><architecture>riscv:rv32</architecture><osabi>none</osabi><feature name="org.gnu.gdb.riscv.cpu"><reg name="zero" bitsize="32"/><reg name='pc'/></feature><feature name="b"><reg name="x"/></feature></target>`),
			[]string{"architecture=riscv:rv32; osabi=none; org.gnu.gdb.riscv.cpu=2 registers: zero pc; b=1 registers: x"}, ""},
		{"GDB", RISCVCSR, Context{Order: be, Control: []string{"mcause"}}, body(be, uint32(5), uint32(6)), []string{"mcause=0x00000005; csr[1]=0x00000006"}, ""},
		{"GNU", BuildID, amd64, []byte{0xab, 1}, []string{"build-id=ab01"}, ""},
	} {
		var c *Codec
		for _, table := range tables {
			if found := table.Find(Note{Owner: x.owner, Type: x.typ}); found != nil {
				c = found
			}
		}
		if c == nil {
			t.Errorf("%s/%#x: no codec", x.owner, x.typ)
			continue
		}
		fields, err := c.Decode(noteOf(c, x.desc), x.x)
		got := shown(fields)
		for _, want := range x.want {
			if !strings.Contains("; "+got+"; ", want) {
				t.Errorf("%s %s: want %q in\n%s", x.owner, c.Name, want, got)
			}
		}
		var format *FormatError
		if x.err == "" && err != nil || x.err != "" && (err == nil || !strings.Contains(err.Error(), x.err) || !errors.As(err, &format)) {
			t.Errorf("%s %s: want the error %q, got %v", x.owner, c.Name, x.err, err)
		}
		checkFields(t, c, x.desc, fields)
	}
}

// checkFields: fields lie in the descriptor.
func checkFields(t *testing.T, c *Codec, desc []byte, fields []Field) {
	t.Helper()
	for _, f := range fields {
		if f.Off < 0 || f.Size < 0 || f.Off+f.Size > int64(len(desc)) {
			t.Fatalf("%s %s: %+v is outside of %d bytes", c.Owner, c.Name, f, len(desc))
		}
	}
}

// file is a struct kinfo_file with a path and spare bytes behind it.
func file(order binary.AppendByteOrder, typ, fd uint32, path string, spare int) []byte {
	size := (368 + len(path) + 1 + spare + 7) &^ 7
	b := body(order, uint32(size), typ, fd, uint32(1), uint32(3), 4, uint64(7), 304, 32, path)
	return append(b, make([]byte, size-len(b))...)
}

// mapping is a struct kinfo_vmentry.
func mapping(order binary.AppendByteOrder, protection uint32, path string) []byte {
	size := (136 + len(path) + 1 + 7) &^ 7
	b := body(order, uint32(size), uint32(2), uint64(0x800000000), uint64(0x800001000), uint64(0x3000), 24, protection, 76, path)
	return append(b, make([]byte, size-len(b))...)
}

// TestProcesses: struct kinfo_proc of every CPU, whose sizes FreeBSD's sys/user.h
// asserts; members behind its strings lie where the sizes say.
func TestProcesses(t *testing.T) {
	for _, x := range []struct {
		a                    *arch.Arch
		size, comm, tid, pri int
	}{
		{arch.AMD64, 1088, 447, 600, 604},
		{arch.AArch64, 1088, 447, 600, 604},
		{arch.RV64, 1088, 447, 600, 604},
		{arch.I386, 768, 0, 0, 0},
		{arch.ARM, 816, 0, 0, 0},
	} {
		desc := make([]byte, 4+2*x.size)
		binary.LittleEndian.PutUint32(desc, uint32(x.size))
		c := FreeBSD.Find(Note{Owner: "FreeBSD", Type: 8})
		fields, err := c.Decode(noteOf(c, desc), Context{Arch: x.a, Order: binary.LittleEndian, Is64: x.a.Class == elf.ELFCLASS64})
		if err != nil {
			t.Error(err)
		}
		checkFields(t, c, desc, fields)
		at := map[string]int64{}
		for _, f := range fields {
			at[f.Name] = f.Off
		}
		for name, off := range map[string]int{"comm": x.comm, "tid": x.tid, "pri[0]": x.pri} {
			for i := range 2 {
				key := fmt.Sprintf("%s[%d]", name, i)
				if got, ok := at[key]; !ok || off != 0 && got != int64(4+i*x.size+off) {
					t.Errorf("%s: %s at %d, want %d", x.a.Name, key, got, 4+i*x.size+off)
				}
			}
		}
	}
}

// TestRecords: alignment is that of C on each CPU.
func TestRecords(t *testing.T) {
	r := Record("a:u1 b:u8 c:x | d:u2 e:u4")
	for _, x := range []struct {
		c    Context
		want string // offsets
	}{
		{Context{Arch: arch.I386, Order: binary.LittleEndian}, "0 4 12 16 20 24 28"},
		{Context{Arch: arch.ARM, Order: binary.LittleEndian}, "0 8 16 20 24 28 32"},
		{Context{Arch: arch.AMD64, Order: binary.LittleEndian, Is64: true}, "0 8 16 24 28 32 36"},
	} {
		c := Codec{Record: r}
		fields, err := c.Decode(noteOf(&c, make([]byte, 40)), x.c)
		var got []string
		for _, f := range fields[:7] {
			got = append(got, fmt.Sprint(f.Off))
		}
		if s := strings.Join(got, " "); s != x.want || err != nil {
			t.Errorf("%s: %s, want %s (%v)", x.c.Arch.Name, s, x.want, err)
		}
	}
}

// TestTables: no codec is there twice, every one has a name and can decode, and
// every word of a record can be read.
func TestTables(t *testing.T) {
	seen := map[string]bool{}
	for _, table := range tables {
		for i := range table {
			c := &table[i]
			key := fmt.Sprintf("%s/%#x", c.Owner, c.Type)
			if seen[key] || c.Name == "" || (c.Record == "") == (c.Fields == nil) {
				t.Errorf("%s: %+v", key, c)
			}
			seen[key] = true
			checkRecord(t, key, c.Record)
		}
	}
	for _, r := range []Record{kinfoProc, kinfoTail, kinfoFile, kinfoEntry} {
		checkRecord(t, "kinfo", r)
	}
	if Core.Find(Note{Owner: "GNU", Type: 3}) != nil || GNU.Find(Note{Owner: "GNU", Type: 3}) == nil {
		t.Error("type 3 of GNU is a build-id, of CORE prpsinfo")
	}
}

func checkRecord(t *testing.T, key string, r Record) {
	t.Helper()
	for _, word := range strings.Fields(strings.NewReplacer("|", "", "TIME", "t").Replace(string(r))) {
		m := parseMember(word)
		known := m.list == ""
		for _, l := range lists {
			known = known || l.name == m.list
		}
		if !strings.ContainsRune("uixost_", rune(m.form)) || !known || m.form == '_' && m.width == 0 || m.form == 's' && m.width == 0 {
			t.Errorf("%s: word %q", key, word)
		}
	}
}

// FuzzDecode gives any bytes to any codec.
func FuzzDecode(f *testing.F) {
	n := 0
	for _, table := range tables {
		for range table {
			f.Add(uint(n), uint(n), n%3 == 0, bytes.Repeat([]byte{1, 0, 0, 0, 0, 0, 0, 0}, 200))
			n++
		}
	}
	f.Add(uint(7), uint(1), false, body(binary.LittleEndian, uint32(1392), file(binary.LittleEndian, 1, 5, "/etc/motd", 0)))
	f.Fuzz(func(t *testing.T, which, cpu uint, big bool, desc []byte) {
		all := append(arch.All(), nil)
		x := Context{Arch: all[cpu%uint(len(all))], Order: binary.LittleEndian, Is64: cpu&16 != 0, Control: []string{"a"}}
		if x.Arch != nil {
			x.Is64 = x.Arch.Class == elf.ELFCLASS64
		}
		if big {
			x.Order = binary.BigEndian
		}
		var codecs []*Codec
		for _, table := range tables {
			for i := range table {
				codecs = append(codecs, &table[i])
			}
		}
		c := codecs[which%uint(len(codecs))]
		fields, err := c.Decode(noteOf(c, desc), x)
		var format *FormatError
		if err != nil && !errors.As(err, &format) {
			t.Fatal(err)
		}
		checkFields(t, c, desc, fields)
	})
}

// TestFindBySize finds the codec of a structure that is told by its size.
func TestFindBySize(t *testing.T) {
	table := Table{{Owner: "CORE", Type: 1, Size: 9, Name: "nine"}, {Owner: "CORE", Type: 1, Name: "any"}, {Owner: "CORE", Type: 1, Size: 7, Name: "seven"}, {Owner: "X", Type: 1, Size: 7}}
	for size, want := range map[int64]string{0: "any", 7: "seven", 8: "any", 9: "nine"} {
		if c := table.Find(Note{Owner: "CORE", Type: 1, Size: size}); c == nil || c.Name != want {
			t.Errorf("%d bytes: %+v", size, c)
		}
	}
	if c := table.Find(Note{Owner: "X", Type: 1, Size: 8}); c != nil {
		t.Errorf("%+v", c)
	}
}

// TestLongDescription decodes a target description of a hostile file in one
// pass: its elements have no end.
func TestLongDescription(t *testing.T) {
	const count = maxFields
	c := GDB.Find(Note{Owner: "GDB", Type: TDesc})
	fields, err := c.Decode(noteOf(c, []byte(strings.Repeat("<feature <reg ", count))), Context{Order: binary.LittleEndian})
	if err != nil || len(fields) != count || fields[0].Text != "1 registers: " {
		t.Errorf("%d features, %v", len(fields), err)
	}
}

// TestManyFiles: more mapped files than there may be fields end the list.
func TestManyFiles(t *testing.T) {
	const count = 2 * maxFields
	le := binary.LittleEndian
	desc := body(le, uint32(count), uint32(4096), 12*count, strings.Repeat("a\x00", count))
	n := noteOf(&Codec{Owner: "CORE", Type: File}, desc)
	fields, err := Core.Find(n).Decode(n, Context{Order: le})
	if len(fields) != maxFields || !errors.As(err, new(*FormatError)) {
		t.Errorf("%d fields, %v", len(fields), err)
	}
}

package capture

import (
	"reflect"
	"testing"
)

func TestPairs(t *testing.T) {
	for _, c := range []struct {
		line string
		want []string
	}{
		{"[00:00:00.020,000] <err> os: r0/a1:  0xefbeadde  r1/a2:  0x200000f0", []string{"r0/a1=0xefbeadde", "r1/a2=0x200000f0"}},
		{"E: EAX: 0x00000109, EBX: 0x00000918", []string{"EAX=0x00000109", "EBX=0x00000918"}},
		{"<err> os:  mcause: 3, Breakpoint", []string{"mcause=3"}},
		{"Faulting instruction address (r15/pc): 0x918", []string{"Faulting instruction address (r15/pc)=0x918"}},
		{"os: s[ 0]:  0x1  s[ 1]:  0x2", []string{"s[ 0]=0x1", "s[ 1]=0x2"}},
		{"a:", nil}, {":", nil}, {"", nil}, {"x: y:", nil},
	} {
		var got []string
		for n, v := range Pairs([]byte(c.line)) {
			got = append(got, n+"="+v)
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q: %q, want %q", c.line, got, c.want)
		}
	}
}

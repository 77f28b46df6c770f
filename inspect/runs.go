package inspect

import (
	"strconv"
	"strings"
)

// Runs writes a list of register names for people: "r4 r5 r6 lr" is "r4-r6 lr".
func Runs(names []string) string {
	var words []string
	for i := 0; i < len(names); {
		j := i + 1
		for j < len(names) && follows(names[j-1], names[j]) {
			j++
		}
		if j-i < 3 {
			j = i + 1
			words = append(words, names[i])
		} else {
			words = append(words, names[i]+"-"+names[j-1])
		}
		i = j
	}
	return strings.Join(words, " ")
}

// follows tells whether b is the register after a: r9 and r10.
func follows(a, b string) bool {
	prefix := strings.TrimRight(a, "0123456789")
	n, err := strconv.Atoi(a[len(prefix):])
	return err == nil && b == prefix+strconv.Itoa(n+1)
}

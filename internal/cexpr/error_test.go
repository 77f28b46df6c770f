package cexpr

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// What is wrong, with the whole error as users read it.
func TestErrors(t *testing.T) {
	const (
		formatHint = "; the formats are x d u o t c s a f z"
		typeHint   = "; (type)x casts, sizeof(type) is its size, and a variable of that name goes in quotes"
	)
	for _, row := range [][2]string{
		// Incomplete.
		{"", "column 1: expected a value, found the end"},
		{"   ", "column 4: expected a value, found the end"},
		{"a +", "column 4: expected a value, found the end"},
		{"a + * ", "column 7: expected a value, found the end"},
		{"(a + b", "column 7: expected ) to close the ( in column 1, found the end"},
		{"a[1", "column 4: expected ] to close the [ in column 2, found the end"},
		{"a[1:2", "column 6: expected ] to close the [ in column 2, found the end"},
		{"a[1:2:3]", "column 6: expected ] to close the [ in column 2, found \":\""},
		{"a[]", "column 3: expected a value, found \"]\""},
		{"a ? b", "column 6: expected : to close the ? in column 3, found the end"},
		{"a ?: b", "column 4: expected a value, found \":\""},
		{"a.", "column 3: expected the name of a member, found the end"},
		{"a.(b)", "column 3: expected the name of a member, found \"(\""},
		{"a.*b", "column 3: expected the name of a member, found \"*\""},
		{"a->[1]", "column 4: expected the name of a member, found \"[\""},
		{"ns::", "column 5: expected a name, found the end"},
		{"ns::1", "column 5: expected a name, found \"1\""},
		{"\"abc", "column 1: expected a closing \""},
		{"x + 'abc", "column 5: expected a closing '"},
		{"\"abc\\", "column 1: expected a closing \""},
		{"core::{impl", "column 7: expected a closing }"},
		{"''", "column 1: expected a name in the quotes"},
		{"sizeof", "column 7: expected a value, found the end"},
		{"sizeof()", "column 8: expected a value, found \")\""},

		// Too much.
		{"a b", "column 3: expected an operator, found \"b\""},
		{"a $r0", "column 3: expected an operator, found \"$r0\""},
		{"a)", "column 2: expected an operator, found \")\""},
		{"a 'x'", "column 3: expected an operator, found \"'x'\""},
		{"a b" + strings.Repeat("b", 60), "column 3: expected an operator, found \"" + strings.Repeat("b", 40) + "...\""},
		{"a, b", "column 2: expected one expression, found \",\""},
		{"a;", "column 2: expected an operator, found \";\""},
		{"a # b", "column 3: expected an expression, found \"#\""},
		{"a\x00b", "column 2: expected an expression, found \"\\x00\""},
		{"a \xff", "column 3: expected text in UTF-8, found the byte 0xff"},
		{"x == “a”", "column 6: expected an expression, found \"“\"; quotes are plain ' and \""},

		// What only a running program could do.
		{"x = 3", "column 3: expressions only read, found \"=\"; == compares"},
		{"a[i] += 1", "column 6: expressions only read, found \"+=\""},
		{"x <<= 1", "column 3: expressions only read, found \"<<=\""},
		{"*p++", "column 3: expressions only read, found \"++\"; + + is two signs, + 1 the next value"},
		{"--n", "column 1: expressions only read, found \"--\"; - - is two signs, - 1 the previous value"},
		{"(x--)", "column 3: expressions only read, found \"--\"; - - is two signs, - 1 the previous value"},
		{"f(1)", "column 2: expressions only read, nothing can be called, found \"(\"; casts are (type)x"},
		{"(*fp)(1, 2)", "column 6: expressions only read, nothing can be called, found \"(\"; casts are (type)x"},
		{"a->f()", "column 5: expressions only read, nothing can be called, found \"(\"; casts are (type)x"},
		{"$1", "column 1: there is no history of values, found \"$1\"; $name is a register"},
		{"$ + 1", "column 1: there is no history of values, found \"$\"; $name is a register"},

		// Bounds.
		{strings.Repeat("(", 1000), "column 201: the expression is nested too deeply here"},
		{strings.Repeat("a", 1<<20), "column 16385: an expression has at most 16384 bytes, this one 1048576"},

		// Types.
		{"(thread)p", "column 9: expected an operator, found \"p\"; there is no type \"thread\" here"},
		{"(thread)(p)", "column 9: expressions only read, nothing can be called, found \"(\"; there is no type \"thread\" here"},
		{"(thread *)p", "column 10: expected a value, found \")\"; there is no type \"thread\" here"},
		{"sizeof(thread **)", "column 17: expected a value, found \")\"; there is no type \"thread\" here"},
		{"(a * b) c", "column 9: expected an operator, found \"c\""},
		{"int", "column 1: expected a value, found the type \"int\"" + typeHint},
		{"struct s", "column 1: expected a value, found the type \"struct\"" + typeHint},
		{"class->x", "column 1: expected a value, found the type \"class\"" + typeHint},
		{"uint32_t(3)", "column 9: expressions only read, nothing can be called, found \"(\"; casts are (type)x"},
		{"(struct)x", "column 8: expected the name of the struct, found \")\""},
		{"(struct { int a; })x", "column 9: expected the name of the struct, found \"{\""},
		{"(long char)x", "column 2: expected a type, found \"long char\""},
		{"(const)x", "column 7: expected a type, found \")\""},
		{"(T 1)x", "column 4: expected ) to close the ( in column 1, found \"1\""},
		{"(int", "column 5: expected ) to close the ( in column 1, found the end"},
		{"(int)", "column 6: expected a value, found the end"},
		{"(int x)y", "column 6: expected ) to close the ( in column 1, found \"x\""},
		{"(int (*)(q))x", "column 10: expected the type of a parameter, found \"q\""},
		{"(int (*)(..., int))x", "column 13: expected ) to close the ( in column 9, found \",\""},
		{"(int (*x))y", "column 8: expected ) to close the ( in column 6, found \"x\""},
		{"(int [2)x", "column 8: expected ] to close the [ in column 6, found \")\""},
		{"{int x", "column 6: expected } to close the { in column 1, found \"x\""},
		{"{}x", "column 2: expected a type, found \"}\""},
		{"{1, 2}", "column 2: expected a type, found \"1\""},
		{"static_cast<int>(x)", "column 1: casts are written as in C, found \"static_cast\"; write (TYPE)x"},
		{"offsetof(struct s, m)", "column 1: offsetof is a macro, found \"offsetof\"; write &((TYPE *)0)->MEMBER"},
		{"1 + _Alignof(int)", "column 5: alignments are not known, found \"_Alignof\""},

		// Constants.
		{"08", "column 1: expected a number, found \"08\"; a leading 0 makes a number octal"},
		{"1_000", "column 1: expected a number, found \"1_000\"; digits have no separators here"},
		{"1'000", "column 1: expected a number, found \"1'000\"; digits have no separators here"},
		{"0x", "column 1: expected a number, found \"0x\""},
		{"0b2", "column 1: expected a number, found \"0b2\""},
		{"0b", "column 1: expected a number, found \"0b\""},
		{"12abc", "column 1: expected a number, found \"12abc\""},
		{"1lul", "column 1: expected a number, found \"1lul\""},
		{"1.2.3", "column 1: expected a number, found \"1.2.3\""},
		{"0x1.8", "column 1: expected a number, found \"0x1.8\""},
		{"1e", "column 1: expected a number, found \"1e\""},
		{"1_0.5", "column 1: expected a number, found \"1_0.5\"; digits have no separators here"},
		{"18446744073709551616", "column 1: expected a number that fits 64 bits, found \"18446744073709551616\""},
		{"1e999", "column 1: expected a number that fits a double, found \"1e999\""},
		{"'é'", "column 1: expected a character of one byte, found \"'é'\""},
		{"'\\x41b'", "column 2: expected an escape sequence, found \"\\\\x\"; a backslash is \\\\"},
		{"'\\nn'", "column 1: expected a character of one byte, found \"'\\\\nn'\""},
		{"1 + \"ab\\q\"", "column 8: expected an escape sequence, found \"\\\\q\"; a backslash is \\\\"},
		{"\"\\x\"", "column 2: expected an escape sequence, found \"\\\\x\"; a backslash is \\\\"},
		{"\"\\400\"", "column 2: expected an escape sequence, found \"\\\\4\"; a backslash is \\\\"},
		{"\"\\u12\"", "column 2: expected an escape sequence, found \"\\\\u\"; a backslash is \\\\"},
		{"\"\\ud800\"", "column 2: expected an escape sequence, found \"\\\\u\"; a backslash is \\\\"},
		{"\"\\Uffffffff\"", "column 2: expected an escape sequence, found \"\\\\U\"; a backslash is \\\\"},

		// Formats.
		{"/", "column 2: expected a format" + formatHint},
		{"/ x", "column 2: expected a format" + formatHint},
		{"/q x", "column 2: \"q\" is not a format" + formatHint},
		{" /xb x", "column 3: \"xb\" is not a format" + formatHint},
		{"/4x a", "column 2: print takes no count, found \"4x\"; write ARRAY[0]@4 for 4 elements"},
		{"/x", "column 3: expected a value, found the end"},
		{"/x +", "column 5: expected a value, found the end"},
	} {
		x, err := Parse(row[0], isTestType)
		var e *Error
		if err == nil {
			t.Errorf("%q is %v, want %s", row[0], x, row[1])
		} else if !errors.As(err, &e) || err.Error() != row[1] {
			t.Errorf("%q\n got %v\nwant %s", row[0], err, row[1])
		}
	}
}

func TestCaret(t *testing.T) {
	for _, row := range []struct {
		column     int
		line, want string
	}{
		{1, "", "\n^\n"},
		{3, "a +", "a +\n  ^\n"},
		{5, "größe", "größe\n   ^\n"},
		{4, "a\t+ b", "a\t+ b\n \t ^\n"},
		{2, "a\x1b[2J", "a?[2J\n ^\n"},
		{101, strings.Repeat("a", 100) + "!" + strings.Repeat("b", 100),
			"..." + strings.Repeat("a", 50) + "!" + strings.Repeat("b", 24) + "...\n" + strings.Repeat(" ", 53) + "^\n"},
		{-5, "a", "a\n^\n"},
		{99, "a", "a\n ^\n"},
	} {
		if got := (&Error{Column: row.column}).Caret(row.line); got != row.want {
			t.Errorf("%q:\n%s", row.line, got)
		}
	}
}

func TestParseFormat(t *testing.T) {
	for _, letter := range strings.Split("x d u o t c s a f z", " ") {
		if f, err := ParseFormat(letter); err != nil || f != Format(letter[0]) {
			t.Errorf("%s: %c, %v", letter, f, err)
		}
	}
	for _, bad := range []string{"", "i", "X", "/x", "xx", "4x", "é"} {
		if f, err := ParseFormat(bad); err == nil {
			t.Errorf("%q: %c", bad, f)
		}
	}
}

// hostile makes texts of a size out of what nests, chains, or looks for its end.
func hostile(size int) map[string]string {
	fill := func(piece string) string { return strings.Repeat(piece, size/len(piece)) }
	return map[string]string{
		"parentheses":  fill("("),
		"closed":       strings.Repeat("(", size/2) + "1" + strings.Repeat(")", size/2-1),
		"brackets":     fill("a["),
		"braces":       fill("{"),
		"angles":       fill("a<"),
		"closed angle": strings.Repeat("a<", size/8) + strings.Repeat(">1", size/8),
		"shifts":       strings.Repeat("a<", size/8) + strings.Repeat(">>", size/8),
		"signs":        fill("- "),
		"stars":        fill("*"),
		"casts":        fill("(int)"),
		"sizes":        fill("sizeof "),
		"conditions":   fill("a?"),
		"alternatives": fill("1?1:"),
		"sum":          fill("1+") + "1",
		"members":      fill("a.") + "c::x",
		"path":         fill("a::") + "b",
		"pointers":     "(int" + strings.Repeat("*", size) + ")0",
		"groups":       "(int" + strings.Repeat("(", size) + "*",
		"arrays":       "(int" + strings.Repeat("[1]", size/3) + ")0",
		"functions":    "(int" + strings.Repeat("(int", size/4),
		"quotes":       fill("'"),
		"backslashes":  `"` + fill(`\\`),
		"digits":       fill("1"),
		"words":        fill("long "),
		"anonymous":    fill("(anonymous namespace)"),
	}
}

// Nothing takes long or deep; what is too long is refused unread.
func TestHostile(t *testing.T) {
	for _, size := range []int{maxText - 100, 1 << 20} {
		for name, text := range hostile(size) {
			start := time.Now()
			x, err := Parse(text, nil)
			if err == nil {
				_ = x.String()
			} else {
				_ = err.(*Error).Caret(text)
			}
			if took := time.Since(start); took > time.Second {
				t.Errorf("%s of %d bytes took %v", name, size, took)
			}
			if size > maxText && err == nil {
				t.Errorf("%s of %d bytes was taken", name, size)
			}
		}
	}
}

func BenchmarkParse(b *testing.B) {
	for b.Loop() {
		_, _ = Parse("((struct k_thread *)$r0)->base.prio + fw::drv::inst[3].pair[1:4] == 0x20 ? a : b", isTestType)
	}
}

// Package cexpr reads expressions as a firmware engineer types them into a
// debugger: C's operators with C's precedence, names of C, C++ and Rust, casts
// to any type, and GDB's additions. It builds a tree and knows no values:
// looking up names and types, and arithmetic, is the caller's part.
//
// Expressions only read. Assignments, increments and calls are refused, with
// words that say so. docs/expressions.md is the description for users.
package cexpr

import "fmt"

// Expr is an expression as typed after print.
type Expr struct {
	Format Format // 0 if none was typed
	Root   Node
}

// String prints the expression so that parsing it gives the same tree.
func (x *Expr) String() string {
	if x.Format == 0 {
		return x.Root.String()
	}
	return fmt.Sprintf("/%c %v", x.Format, x.Root)
}

const (
	maxText  = 16 << 10 // bytes; nobody types more, and names of Rust and C++ fit
	maxDepth = 400      // of operands in one another
)

// Parse reads an expression, after a print format if there is one ("/x foo").
//
// In C, (a)*b is a cast or a product, depending on what a is. So isType is asked
// whether a name such as "uint32_t", "fw::Foo<int, 3>" or "k_thread" is a type
// here; it must say no where a variable of that name is visible. nil knows no
// type; base types, and names behind struct, union, enum and class, are types
// without asking.
//
// An error is an *Error. Text is limited in length, and what stands within each
// other in depth.
func Parse(text string, isType func(name string) bool) (x *Expr, err error) {
	defer func() {
		switch failed := recover().(type) {
		case nil:
		case *Error:
			x, err = nil, failed
		default:
			panic(failed)
		}
	}()
	if len(text) > maxText {
		fail(maxText, "", "an expression has at most %d bytes, this one %d", maxText, len(text))
	}
	format, start := readFormat(text)
	if isType == nil {
		isType = func(string) bool { return false }
	}
	p := &parser{tokens: scan(text, start), isType: isType}
	root := p.conditional()
	if p.peek().kind != atEnd {
		p.unexpected("an operator")
	}
	return &Expr{format, root}, nil
}

package cexpr

import "strings"

// Node is a part of an expression: one of the pointer types below.
type Node interface {
	// Column is where errors about the node belong: at its operator, at the
	// name of a member, at the bracket of an index, else at its beginning.
	// It counts bytes of the text from 1.
	Column() int
	// String prints the node as C, so that parsing it gives the same tree.
	String() string
}

// at is a column.
type at int

// Column is where errors about this belong; see Node.
func (c at) Column() int { return int(c) }

// Name is a variable, function or enumerator, or the name of a type.
type Name struct {
	at
	Global bool // begins with "::"
	// Parts are what "::" separates: {"fw", "drv", "inst"}, {"main", "count"},
	// {"uart.c", "state"}. Only the caller can tell namespaces, classes, functions
	// and files apart. A part typed in quotes is one part as it stands, even
	// if it contains "::". Template arguments belong to their part, with a
	// blank only between words and after commas: "Foo<int, Bar<3>>".
	Parts []string
}

// Path is the whole name: the parts, "::" between them.
func (n *Name) Path() string { return strings.Join(n.Parts, "::") }

// Register is $pc. Name lacks the "$", and stands as typed.
type Register struct {
	at
	Name string
}

// Int is an integer constant.
type Int struct {
	at
	Value    uint64
	Base     int  // 2, 8, 10 or 16: only decimal ones never become unsigned by themselves (C17, 6.4.4.1)
	Unsigned bool // has the suffix u
	Long     int  // number of l in the suffix: 0, 1, 2
}

// Float is a floating constant. Suffix is 'f', 'l' or 0; even with 'l', the value
// is what a double holds.
type Float struct {
	at
	Value  float64
	Suffix byte
}

// Char is a character constant of one byte, 'a' or '\n'.
type Char struct {
	at
	Value byte
}

// Str is a string constant: its bytes, without the zero at its end.
type Str struct {
	at
	Value string
}

// Bool is true or false.
type Bool struct {
	at
	Value bool
}

// Null is NULL or nullptr.
type Null struct{ at }

// Unary is an operator in front of X: one of * & - + ! ~
type Unary struct {
	at
	Op string
	X  Node
}

// Binary is an operator between X and Y: * / % + - << >> < <= > >= == != & ^ | && ||,
// or GDB's @, Y objects in a row of which X is the first.
type Binary struct {
	at
	Op   string
	X, Y Node
}

// Conditional is If ? Then : Else.
type Conditional struct {
	at
	If, Then, Else Node
}

// Member is X.Name, or X->Name with Arrow.
type Member struct {
	at
	X     Node
	Arrow bool
	// Name has more than one part where a base class is named (x.Base::count).
	// Rust's fields of tuples are digits (x.0).
	Name *Name
}

// Index is X[I].
type Index struct {
	at
	X, I Node
}

// Slice is X[Low:High], the elements from Low up to High, without that one. Either
// is nil if left out.
type Slice struct {
	at
	X, Low, High Node
}

// Cast is (Type)X.
type Cast struct {
	at
	Type *Type
	X    Node
}

// Memory is GDB's {Type} X: the object of that type at address X.
type Memory struct {
	at
	Type *Type
	X    Node
}

// Sizeof is sizeof (Type) or sizeof X; the other one is nil.
type Sizeof struct {
	at
	Type *Type
	X    Node
}

// Form is what a Type is in the first place.
type Form uint8

// The forms of types.
const (
	Named           Form = iota // Base, or Name with its Tag
	Pointer                     // to Elem
	Reference                   // Elem &
	RvalueReference             // Elem &&
	Array                       // Count of Elem
	Function                    // returns Elem, takes Params
)

// Qualifiers are a set of type qualifiers.
type Qualifiers uint8

// The qualifiers.
const (
	Const Qualifiers = 1 << iota
	Volatile
	Restrict
	Atomic
)

// Type is a type as it was typed. The tree is read from the outside: for
// char *(*)[4] it is a pointer to an array of 4 pointers to char.
type Type struct {
	at
	Form       Form
	Qualifiers Qualifiers // of a Named or a Pointer

	Base string // Named: a base type in the one spelling "unsigned long"; else empty
	Tag  string // Named: "struct", "union", "enum", "class" if typed
	Name *Name  // Named that is no base type

	Elem     *Type
	Count    Node // Array: nil if none was typed
	Params   []*Type
	Variadic bool // Params end with "..."
}

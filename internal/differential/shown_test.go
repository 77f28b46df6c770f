package differential

// What a debugger shows of one crash, in a form that GDB and the inspector have
// in common; testdata/inspect/examine.py writes it.

type shown struct {
	Threads     []thread          `json:"threads"`
	Expressions map[string]string `json:"expressions"`
}

type thread struct {
	ID     int32   `json:"id"`
	Frames []frame `json:"frames"` // innermost first
	End    string  `json:"end"`    // why there are no more
}

type frame struct {
	PC        string     `json:"pc"`
	Function  string     `json:"function"`
	File      string     `json:"file"`
	Line      int        `json:"line"`
	Kind      string     `json:"kind"` // "inlined", "tail call", "signal"
	Tail      bool       `json:"-"`    // the inspector only: not on the stack
	Variables []variable `json:"variables"`
}

// variable is one name in one block, those of the innermost block first.
type variable struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Text     string `json:"text"`
	Argument bool   `json:"argument"`
	Entry    string `json:"entry"` // GDB only: its value when the function was called, where it has no other
	Stale    bool   `json:"-"`     // the inspector only: shown as "may be stale"
	Reason   string `json:"-"`     // the inspector only: why it is absent or stale
}

package notes

// Types of the notes that stock debuggers read in a core file, by owner.
const (
	PRStatus = 1          // CORE: one thread's registers and signal
	FPRegSet = 2          // CORE: its floating point registers
	PRPSInfo = 3          // CORE: the program's name
	AuxV     = 6          // CORE: auxiliary vector
	File     = 0x46494c45 // CORE: mapped files
	SigInfo  = 0x53494749 // CORE: siginfo_t of one thread
	BuildID  = 3          // GNU: build-id
	RISCVCSR = 0x900      // GDB: control registers, in the order of the target description
	TDesc    = 0xff000000 // GDB: target description, XML

	// Evidence is corelift's own note, of owner "corelift". BFD ignores the
	// owner of core notes, so the number must be one that no core note uses.
	Evidence = 0x434c0001
)

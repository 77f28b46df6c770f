// Package differential is for tests only: it compares the inspector with GDB,
// frame by frame and variable by variable, on crashes of the programs in
// testdata/inspect and testdata/firmware, built with two compilers at several
// levels of optimisation. `make differential` does it on all of them.
package differential

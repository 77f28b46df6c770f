# corelift: `make` builds, `make demo` shows, `make test` proves. See README.md.
GO         ?= go
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME   ?= 20s
export CGO_ENABLED = 0

.PHONY: all build demo test differential tools vet staticcheck fuzz bench cross firmware clean

all: build

build:
	$(GO) build -trimpath -o bin/corelift ./cmd/corelift

# The main job on a real dump, with Go alone; a debugger opens it where there is one.
demo: build
	scripts/demo

# Everything. Names (or, as root on Debian, installs) the debuggers it lacks;
# tests that need a missing tool skip by name, or fail with CORELIFT_TOOLS=required.
test: tools
	$(GO) test ./...

# The inspector against GDB on every program, CPU, compiler, level and DWARF version (needs the cross compilers, Clang,
# rustc and QEMU; builds for four minutes the first time). A part of it is in `test`.
MATRIX ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/corelift/matrix
differential:
	$(MAKE) -C testdata/firmware -f ../inspect/Makefile OUT=$(abspath $(MATRIX))
	$(GO) test ./internal/differential -count=1 -timeout 60m -v -run 'TestMatrix|TestLinux' -args \
	  -matrix $(abspath $(MATRIX)) -report $(abspath $(MATRIX))

tools:
	scripts/tools

vet:
	$(GO) vet ./...
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "not gofmt'ed:"; gofmt -l $$(git ls-files '*.go'); exit 1; }

staticcheck:
	$(GO) run $(STATICCHECK) ./...

# Each fuzz target for FUZZTIME, a time or a number of executions (1000x).
fuzz:
	scripts/fuzz $(FUZZTIME)

# Go benchmarks, then whole processes against what a user would use instead.
bench: build
	$(GO) test -run '^$$' -bench . -benchmem ./...
	scripts/bench

cross:
	for t in linux/arm64 linux/386 darwin/arm64 windows/amd64 freebsd/amd64; do \
	  echo $$t; GOOS=$${t%/*} GOARCH=$${t#*/} $(GO) build -o /dev/null ./cmd/corelift || exit 1; done

# Rebuild the fixture firmware and capture it anew (cross compilers, QEMU).
firmware:
	$(MAKE) -C testdata/firmware

clean:
	rm -rf bin

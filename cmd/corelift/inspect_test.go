package main

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"corelift/internal/fixture"
)

// build makes a corelift, as users get it or with tags.
func build(t *testing.T, tags string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "corelift")
	out, err := exec.Command(fixture.Need(t, "go"), "build", "-tags", tags, "-o", path, ".").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// crashOf are the arguments that open a fixture.
func crashOf(cpu, scenario string) []string {
	dir, _ := filepath.Abs(filepath.Join("..", "..", "testdata", "firmware", cpu))
	return []string{filepath.Join(dir, scenario+".log"), "-e", filepath.Join(dir, "fw.elf")}
}

// pane is a program in a terminal of its own.
type pane struct {
	t           *testing.T
	tmux, where string
}

// inTerminal starts a program in a real pseudo-terminal.
func inTerminal(t *testing.T, argv ...string) *pane {
	p := &pane{t, fixture.Need(t, "tmux"), filepath.Join(t.TempDir(), "tmux")}
	home := t.TempDir()
	p.do("-f", os.DevNull, "new-session", "-d", "-x", "150", "-y", "60", "-e", "HOME="+home, "-e", "XDG_CONFIG_HOME="+home,
		"-e", "TERM=xterm-256color", "-e", "NO_COLOR=", strings.Join(argv, " ")+"; echo ended with $?; read end")
	t.Cleanup(func() { exec.Command(p.tmux, "-S", p.where, "kill-server").Run() })
	return p
}

func (p *pane) do(args ...string) string {
	p.t.Helper()
	out, err := exec.Command(p.tmux, append([]string{"-S", p.where}, args...)...).CombinedOutput()
	if err != nil {
		p.t.Fatalf("tmux %s: %v\n%s", args, err, out)
	}
	return string(out)
}

// types types a line.
func (p *pane) types(line string) {
	p.t.Helper()
	p.do("send-keys", "-l", "--", line)
	p.presses("Enter")
}

// presses presses keys, which are named as in tmux.
func (p *pane) presses(keys ...string) {
	p.t.Helper()
	p.do(append([]string{"send-keys", "--"}, keys...)...)
}

// shows waits until the screen shows something.
func (p *pane) shows(pattern string) {
	p.t.Helper()
	want := regexp.MustCompile("(?m)" + pattern)
	screen := ""
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if screen = p.do("capture-pane", "-p", "-S", "-"); want.MatchString(screen) {
			return
		}
	}
	p.t.Fatalf("no %q on the screen:\n%s", pattern, screen)
}

// TestTerminal types into Delve's terminal.
func TestTerminal(t *testing.T) {
	if !strings.Contains(inspectShort, "Delve") {
		t.Skip("this build has the plain prompt")
	}
	script, err := filepath.Abs(filepath.Join("testdata", "list.star"))
	if err != nil {
		t.Fatal(err)
	}
	p := inTerminal(t, append([]string{build(t, ""), "inspect"}, crashOf("cortex-m3", "div")...)...)
	p.shows(`^A task is what Delve calls a goroutine`)
	p.shows(`^\(corelift\)$`)
	p.types("bt")
	p.shows(`^4  0x[0-9a-f]+ in worker$`)
	p.types("tasks")
	p.shows(`"name":"sleeper", "priority":"2"`)
	p.types("task 2")
	p.shows(`^Switched from 1 to 2`)
	p.types("frame 5")
	p.shows(`^Frame 5: `)
	p.types("up")
	p.shows(`^Frame 6: `)
	p.presses("l", "o", "c", "Tab", "Enter") // completed
	p.shows(`^slept = 98$`)
	p.types("print g_sensors[1]")
	p.shows(`^ +raw: union reading \{u: 77,`)
	p.types("source " + script)
	p.shows(`^spare 1040187392$`)
	p.presses("Up", "Up", "C-a", "C-k") // history and editing
	p.types("print 1 +% 2")
	p.shows(`^Command failed: column 4: `)
	p.types("exit")
	p.shows(`^ended with 0$`)
}

// TestPlainPrompt types into the prompt of a build without Delve, and runs its
// script with it.
func TestPlainPrompt(t *testing.T) {
	path := build(t, "corelift_plain")
	p := inTerminal(t, append([]string{path, "inspect"}, crashOf("cortex-m3", "div")...)...)
	p.shows(`^\(corelift\)$`)
	p.presses("b", "Tab")
	p.types(" --limit 2")
	p.shows(`^#1  .*run_scenario`)
	p.types("thread 2")
	p.shows(`port_swap`)
	p.presses("C-c")
	p.types("print *g_head->next")
	p.shows(`^\*g_head->next = \{name = "outlet`)
	p.presses("C-d")
	p.shows(`^ended with 0$`)
}

// TestDelveConnect attaches Delve's own program to the server.
func TestDelveConnect(t *testing.T) {
	if !strings.Contains(inspectShort, "Delve") {
		t.Skip("this build has no server")
	}
	dlv := buildDelve(t)
	in, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, printed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	defer printed.Close()
	code := make(chan int, 1)
	go func() {
		code <- run(context.Background(), append([]string{"inspect", "--headless"}, crashOf("cortex-m3", "div")...), streams{in, printed, in})
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	_, address, ok := strings.Cut(strings.TrimSpace(line), "API server listening at: ")
	if !ok {
		t.Fatalf("%q", line)
	}
	connect := exec.Command(dlv, "connect", address)
	home := t.TempDir()
	connect.Env = append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+home, "TERM=dumb")
	connect.Stdin = strings.NewReader("bt\ngoroutines -l\nframe 1 args\nprint g_head\nset g_counter = 1\ngoroutine 2\nexit\n")
	text, err := connect.CombinedOutput()
	if err != nil {
		t.Errorf("dlv: %v", err)
	}
	for _, want := range []string{
		"4  0x000000000000054a in worker", `"name":"sleeper"`, "scale = 0.125", "(struct sensor *)(0x20000020)", `name: "inlet"`,
		"set: this is a crash, it does not run", "Switched from 1 to 2",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("dlv does not print %q:\n%s", want, text)
		}
	}
	select {
	case got := <-code:
		if got != exitComplete {
			t.Errorf("exit code %d", got)
		}
	case <-time.After(10 * time.Second):
		t.Error("the server goes on after dlv detached")
	}
}

// buildDelve makes Delve's program, of the version that corelift uses.
func buildDelve(t *testing.T) string {
	t.Helper()
	version, err := exec.Command(fixture.Need(t, "go"), "list", "-m", "-f", "{{.Version}}", "github.com/go-delve/delve").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	install := exec.Command("go", "install", "github.com/go-delve/delve/cmd/dlv@"+strings.TrimSpace(string(version)))
	install.Env = append(os.Environ(), "GOBIN="+dir)
	if out, err := install.CombinedOutput(); err != nil {
		// Without its modules at hand and without a network.
		fixture.Lacking(t, "dlv can't be built: %v\n%s", err, out)
	}
	return filepath.Join(dir, "dlv")
}

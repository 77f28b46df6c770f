package modules

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"corelift/internal/fixture"
)

// environment is a getenv of some variables.
func environment(t *testing.T, pairs ...string) (getenv func(string) string, cache string) {
	cache = filepath.Join(t.TempDir(), "cache")
	vars := map[string]string{"DEBUGINFOD_CACHE_PATH": cache}
	for i := 0; i < len(pairs); i += 2 {
		vars[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return vars[name] }, cache
}

// TestDebuginfod gets a library from a server that has it, in many ways.
func TestDebuginfod(t *testing.T) {
	c := crash(t, nil)
	id := module(t, c.process(Search{}), c.library).Object.BuildID
	library, err := os.ReadFile(c.library)
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(c.program)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(c.library); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() { close(ended) })
	hang := func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-ended:
		case <-r.Context().Done():
		}
	}
	right := "/buildid/" + id + "/executable"
	for _, x := range []struct {
		name  string
		serve http.HandlerFunc
		pairs []string
		want  string // why there is no file, empty: there is
		asked int    // of two searches
	}{
		{"right", func(w http.ResponseWriter, r *http.Request) { w.Write(library) }, nil, "", 1},
		{"redirected", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == right {
				http.Redirect(w, r, "/elsewhere", http.StatusFound)
				return
			}
			w.Write(library)
		}, nil, "", 2},
		{"redirected for ever", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }, nil, "stopped after 10 redirects", 10},
		{"redirected to a file", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "file://"+c.program, http.StatusFound)
		}, nil, "unsupported protocol scheme", 1},
		{"wrong build-id", func(w http.ResponseWriter, r *http.Request) { w.Write(program) }, nil, "refused: its build-id is ", 2},
		{"no ELF", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "<html>welcome") }, nil, "refused: damaged or cut-off ELF file", 2},
		{"nothing", func(w http.ResponseWriter, r *http.Request) {}, nil, "refused: ", 2},
		{"not there", http.NotFound, nil, "the server does not have it", 2},
		{"fault", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500) }, nil, "the server answers 500", 2},
		{"cut off", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100000")
			w.Write(library[:1000])
		}, nil, "unexpected EOF", 2},
		{"silent", hang, []string{"DEBUGINFOD_TIMEOUT", "1"}, "less than 100 KiB in 1s", 1},
		{"slow", func(w http.ResponseWriter, r *http.Request) {
			w.Write(library[:5000])
			w.(http.Flusher).Flush()
			hang(w, r)
		}, []string{"DEBUGINFOD_TIMEOUT", "1"}, "less than 100 KiB in 1s", 1},
		{"long", func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				w.Write(make([]byte, 100<<10))
				time.Sleep(10 * time.Millisecond)
			}
		}, []string{"DEBUGINFOD_TIMEOUT", "10", "DEBUGINFOD_MAXTIME", "1"}, "longer than 1s", 1},
		{"huge", func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				w.Write(make([]byte, 100<<10))
			}
		}, []string{"DEBUGINFOD_MAXSIZE", "1000000"}, "more than 1000000 bytes", 2},
		{"huge, and says so", func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Content-Length", "1000001") }, []string{"DEBUGINFOD_MAXSIZE", "1000000"}, "more than 1000000 bytes", 2},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				x.serve(w, r)
			}))
			defer server.Close()
			getenv, cache := environment(t, append(x.pairs, "DEBUGINFOD_URLS", server.URL+"/ ")...)
			servers := ServersOf(getenv, nil)
			for range 2 { // the second time from the cache, or refused again
				l := find(t, c.process(Search{Servers: servers}), c.library)
				switch {
				case x.want != "":
					if l.Path != "" || !strings.Contains(l.Missed(), x.want) || !strings.Contains(l.Missed(), server.URL+right) {
						t.Errorf("%+v", l)
					}
				case l.Path != filepath.Join(cache, id, "executable") || !l.Proven || !strings.HasPrefix(l.How, "debuginfod "):
					t.Errorf("%+v", l)
				}
			}
			if n := int(asked.Load()); n != x.asked {
				t.Errorf("asked %d times, want %d", n, x.asked)
			}
			// Nothing half is left in the cache.
			left, _ := filepath.Glob(filepath.Join(cache, id, "*"))
			if x.want != "" && len(left) > 0 || x.want == "" && len(left) != 1 {
				t.Error(left)
			}
		})
	}
}

// TestServersInTurn: the next server is asked, a damaged cache is not believed,
// and elfutils' mark of a file that no server had neither.
func TestServersInTurn(t *testing.T) {
	c := crash(t, nil)
	id := module(t, c.process(Search{}), c.library).Object.BuildID
	debug := filepath.Join(t.TempDir(), "debug")
	if out, err := exec.Command(fixture.Need(t, "objcopy"), "--only-keep-debug", c.library, debug).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	none := httptest.NewServer(http.NotFoundHandler())
	defer none.Close()
	var asked []string
	has := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/prefix/buildid/" + id + "/executable":
			http.ServeFile(w, r, c.library)
		case "/prefix/buildid/" + id + "/debuginfo":
			http.ServeFile(w, r, debug)
		default:
			http.NotFound(w, r)
		}
	}))
	defer has.Close()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	getenv, cache := environment(t, "DEBUGINFOD_URLS", "ima:enforcing https://signed.example ima:ignore ftp://old.example "+closed.URL+" "+none.URL+" "+has.URL+"/prefix/")
	servers := ServersOf(getenv, func(url string) { asked = append(asked, url) })
	write(t, filepath.Join(cache, id, "executable"), []byte("damaged"))
	write(t, filepath.Join(cache, id, "debuginfo"), nil)
	path, url, refused := servers.Executable(context.Background(), id)
	if path != filepath.Join(cache, id, "executable") || url != has.URL+"/prefix" || len(asked) != 3 {
		t.Errorf("%s %s %q %q", path, url, refused, asked)
	}
	for i, want := range []string{"damaged or cut-off", "signatures", "only http", "refused", "does not have it"} {
		if len(refused) != 5 || !strings.Contains(refused[i], want) {
			t.Errorf("%q", refused)
		}
	}
	path, url, refused = servers.DebugInfo(context.Background(), id)
	if path != filepath.Join(cache, id, "debuginfo") || url != has.URL+"/prefix" || len(asked) != 5 || !strings.Contains(refused[2], "not asked again") {
		t.Errorf("%s %s %q %q", path, url, refused, asked)
	}
}

// TestInterrupted: who waits for a server can stop waiting.
func TestInterrupted(t *testing.T) {
	c := crash(t, nil)
	if err := os.Remove(c.library); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-ended }))
	defer server.Close()
	defer close(ended)
	ctx, cancel := context.WithCancel(context.Background())
	getenv, _ := environment(t, "DEBUGINFOD_URLS", server.URL)
	p := c.process(Search{Servers: ServersOf(getenv, func(string) { cancel() })})
	if l, err := p.Find(ctx, module(t, p, c.library)); err != context.Canceled {
		t.Errorf("%+v %v", l, err)
	}
	for run, err := range (&Memory{Core: p.core, Process: p}).Runs(ctx, module(t, p, c.library).Range) {
		if run.Source == FromFile || err == nil && ctx.Err() != nil {
			t.Errorf("%+v %v", run, err)
		}
	}
}

// TestEnvironment: servers are asked only if the environment says so, and files
// are kept where elfutils keeps them.
func TestEnvironment(t *testing.T) {
	home := t.TempDir()
	for _, x := range []struct {
		vars  map[string]string
		cache string
	}{
		{nil, "none"},
		{map[string]string{"DEBUGINFOD_URLS": " ", "HOME": home}, "none"},
		{map[string]string{"DEBUGINFOD_URLS": "http://x"}, ""},
		{map[string]string{"DEBUGINFOD_URLS": "http://x", "HOME": home}, home + "/.cache/debuginfod_client"},
		{map[string]string{"DEBUGINFOD_URLS": "http://x", "HOME": home, "XDG_CACHE_HOME": "/c"}, "/c/debuginfod_client"},
		{map[string]string{"DEBUGINFOD_URLS": "http://x", "HOME": home, "XDG_CACHE_HOME": "/c", "DEBUGINFOD_CACHE_PATH": "/d"}, "/d"},
	} {
		s := ServersOf(func(name string) string { return x.vars[name] }, nil)
		switch {
		case s == nil:
			if x.cache != "none" {
				t.Error(x.vars)
			}
		case s.cache != x.cache || s.timeout != defaultTimeout:
			t.Errorf("%v: %+v", x.vars, s)
		case s.cache == "":
			if path, _, refused := s.Executable(context.Background(), "abcdef"); path != "" || len(refused) != 1 {
				t.Error(path, refused)
			}
		}
	}
	s := ServersOf(func(name string) string {
		return map[string]string{"DEBUGINFOD_URLS": "http://x", "DEBUGINFOD_TIMEOUT": "-1", "DEBUGINFOD_MAXSIZE": "x"}[name]
	}, nil)
	if s.timeout != 0 || s.limit != defaultLimit {
		t.Errorf("%+v", s)
	}
}

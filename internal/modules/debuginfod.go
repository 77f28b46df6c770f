package modules

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"corelift/elfcore/firmware"
)

// Servers are debuginfod servers with the cache that elfutils and GDB use too
// (elfutils 0.188, debuginfod(8) and debuginfod-client-config(7)). They are
// asked only if the environment names them. It is safe for concurrent use.
type Servers struct {
	urls    []string      // without a slash at the end
	refused []string      // why others are not asked
	cache   string        // directory
	timeout time.Duration // for each 100 KiB, 0 none
	total   time.Duration // for a file, 0 none
	limit   int64         // bytes of a file
	asking  func(url string)

	mu   sync.Mutex
	down map[string]string // why a server is not asked again, by its URL
}

// Values of elfutils where the environment does not say otherwise.
const (
	defaultTimeout = 90 * time.Second
	progressStep   = 100 << 10 // bytes that must arrive within the timeout
)

// defaultLimit bounds a file, in bytes; elfutils has no limit. The largest debug
// files of distributions have some 4 GiB.
const defaultLimit = 8 << 30

// ServersOf reads the environment: DEBUGINFOD_URLS, DEBUGINFOD_CACHE_PATH or
// XDG_CACHE_HOME or HOME, DEBUGINFOD_TIMEOUT and DEBUGINFOD_MAXTIME in seconds,
// DEBUGINFOD_MAXSIZE in bytes. It is nil if no server is named. asking is told
// each URL before it is asked for.
func ServersOf(getenv func(string) string, asking func(url string)) *Servers {
	s := &Servers{timeout: defaultTimeout, limit: defaultLimit, asking: asking, down: map[string]string{}}
	verified := false
	for _, word := range strings.Fields(getenv("DEBUGINFOD_URLS")) {
		switch {
		case strings.HasPrefix(word, "ima:"):
			// elfutils 0.192: the servers that follow must sign what they send.
			verified = word != "ima:ignore"
		case !strings.HasPrefix(word, "http://") && !strings.HasPrefix(word, "https://"):
			s.refused = append(s.refused, word+": only http and https are supported")
		case verified:
			s.refused = append(s.refused, word+": signatures (ima:enforcing) can't be checked, so it is not asked")
		default:
			s.urls = append(s.urls, strings.TrimRight(word, "/"))
		}
	}
	if len(s.urls)+len(s.refused) == 0 {
		return nil
	}
	number := func(name string, do func(int64)) {
		if n, err := strconv.ParseInt(getenv(name), 10, 32); err == nil {
			do(n)
		}
	}
	number("DEBUGINFOD_TIMEOUT", func(n int64) { s.timeout = max(0, time.Duration(n)*time.Second) })
	number("DEBUGINFOD_MAXTIME", func(n int64) { s.total = max(0, time.Duration(n)*time.Second) })
	if n, err := strconv.ParseInt(getenv("DEBUGINFOD_MAXSIZE"), 10, 64); err == nil && n > 0 {
		s.limit = n
	}
	s.cache = cacheDir(getenv)
	return s
}

// cacheDir is where elfutils keeps files; empty if the environment has no place.
func cacheDir(getenv func(string) string) string {
	if dir := getenv("DEBUGINFOD_CACHE_PATH"); dir != "" {
		return dir
	}
	home := getenv("HOME")
	if home != "" {
		old := filepath.Join(home, ".debuginfod_client_cache") // of elfutils before 0.180, still used if it exists
		if info, err := os.Stat(old); err == nil && info.IsDir() {
			return old
		}
	}
	if dir := getenv("XDG_CACHE_HOME"); dir != "" {
		return filepath.Join(dir, "debuginfod_client")
	}
	if home == "" {
		return ""
	}
	return filepath.Join(home, ".cache", "debuginfod_client")
}

// Kinds of files that servers have for a build-id.
const (
	kindExecutable = "executable"
	kindDebug      = "debuginfo"
)

// Executable gives the program of a build-id in lower-case hex, from the cache
// or the first server that has it, and that server's URL; the path is empty if
// there is none, and refused says why.
func (s *Servers) Executable(ctx context.Context, id string) (path, url string, refused []string) {
	return s.find(ctx, id, kindExecutable)
}

// DebugInfo is Executable for the separate debug file.
func (s *Servers) DebugInfo(ctx context.Context, id string) (path, url string, refused []string) {
	return s.find(ctx, id, kindDebug)
}

// cached is the URL of what is in the cache.
const cached = "cache"

func (s *Servers) find(ctx context.Context, id, kind string) (path, url string, refused []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cache == "" {
		return "", "", []string{"debuginfod: no directory to keep files in; set $DEBUGINFOD_CACHE_PATH"}
	}
	path = filepath.Join(s.cache, id, kind)
	// elfutils marks what no server had by an empty file. It is not trusted: a
	// server may have it by now.
	if f, _, err := openRegular(path); err == nil {
		f.Close()
		if err = agrees(path, id); err == nil {
			return path, cached, nil
		}
		refused = append(refused, fmt.Sprintf("%s: %v", path, err))
	}
	refused = append(refused, s.refused...)
	for _, server := range s.urls {
		if why := s.down[server]; why != "" {
			refused = append(refused, why)
			continue
		}
		url := server + "/buildid/" + id + "/" + kind
		err := s.fetch(ctx, url, id, path)
		if err == nil {
			return path, server, refused
		}
		if ctx.Err() != nil {
			return "", "", refused
		}
		why := fmt.Sprintf("%s: %v", url, err)
		if errors.As(err, new(*unreachableError)) {
			s.down[server] = why + " (not asked again)"
		}
		refused = append(refused, why)
	}
	return "", "", refused
}

// agrees tells why a file is not that of a build-id.
func agrees(path, id string) error {
	switch have, err := firmware.BuildIDOf(path); {
	case err != nil:
		return cause(err)
	case have != id:
		return fmt.Errorf("its build-id is %s, that in the core %s", orNone(have), id)
	}
	return nil
}

// unreachableError tells that a server does not answer, or too slowly: each
// further question would cost as much time.
type unreachableError struct{ error }

func (e *unreachableError) Unwrap() error { return e.error }

// fetch downloads a file to path, whole or not at all.
func (s *Servers) fetch(ctx context.Context, url, id, path string) (err error) {
	if s.asking != nil {
		s.asking(url)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if s.total > 0 {
		timer := time.AfterFunc(s.total, func() { cancel(fmt.Errorf("took longer than %v ($DEBUGINFOD_MAXTIME)", s.total)) })
		defer timer.Stop()
	}
	var slow *time.Timer // nil: may take as long as it likes
	if s.timeout > 0 {
		slow = time.AfterFunc(s.timeout, func() {
			cancel(fmt.Errorf("less than %d KiB in %v ($DEBUGINFOD_TIMEOUT)", progressStep>>10, s.timeout))
		})
		defer slow.Stop()
	}
	defer func() {
		if ended := context.Cause(ctx); err != nil && ended != nil {
			err = &unreachableError{ended}
		}
	}()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	request.Header.Set("User-Agent", "corelift")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return &unreachableError{cause(err)}
	}
	defer answer.Body.Close()
	switch {
	case answer.StatusCode == http.StatusNotFound:
		return errors.New("the server does not have it")
	case answer.StatusCode != http.StatusOK:
		return fmt.Errorf("the server answers %s", answer.Status)
	case answer.ContentLength > s.limit:
		return s.tooLarge()
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(dir, filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // unless it was renamed
	defer file.Close()
	if err := s.copy(file, answer.Body, slow); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	if err := agrees(file.Name(), id); err != nil {
		return fmt.Errorf("refused: %w", err)
	}
	return os.Rename(file.Name(), path)
}

func (s *Servers) tooLarge() error {
	return fmt.Errorf("more than %d bytes ($DEBUGINFOD_MAXSIZE)", s.limit)
}

// copy copies up to the limit, and starts the timer anew for each step.
func (s *Servers) copy(to io.Writer, from io.Reader, slow *time.Timer) error {
	var all int64
	for {
		n, err := io.CopyN(to, from, min(progressStep, s.limit+1-all))
		all += n
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case all > s.limit:
			return s.tooLarge()
		}
		if slow != nil {
			slow.Reset(s.timeout)
		}
	}
}

//go:build (linux && (amd64 || arm64 || 386 || ppc64le)) || darwin || (windows && amd64)

package terminal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"

	"corelift/elfcore/firmware"
	"corelift/inspect"
	"corelift/inspect/text"
)

// Limits of the server: clients at a time, and bytes of a request.
const (
	maxClients = 16
	maxRequest = 1 << 20
)

// Serve answers Delve's clients ("dlv connect", editors) in its JSON-RPC, version
// 2, until one of them detaches or the context ends. Each client has its own
// selected task. Nothing can be changed through it, but everything be read: whom
// the listener lets in sees the dump.
func Serve(ctx context.Context, l net.Listener, s *inspect.Session, thread int32) error {
	if _, err := newClient(s, thread); err != nil {
		return err
	}
	ctx, detach := context.WithCancelCause(ctx)
	defer detach(nil)
	defer context.AfterFunc(ctx, func() { l.Close() })()
	var clients sync.WaitGroup
	defer clients.Wait()
	room := make(chan struct{}, maxClients)
	for {
		room <- struct{}{}
		conn, err := l.Accept()
		switch {
		case errors.Is(context.Cause(ctx), errDetached):
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return err
		}
		clients.Go(func() {
			defer func() { <-room }()
			defer conn.Close()
			defer context.AfterFunc(ctx, func() { conn.Close() })()
			c, _ := newClient(s, thread)
			if answer(c, conn) {
				detach(errDetached)
			}
		})
	}
}

var errDetached = errors.New("a client detached")

// request and response are JSON-RPC 1.0, which Go's net/rpc/jsonrpc speaks.
type request struct {
	Method string
	Params []json.RawMessage
	ID     json.RawMessage
}

type response struct {
	ID     json.RawMessage `json:"id"`
	Result any             `json:"result"`
	Error  any             `json:"error"`
}

// answer serves one client until it goes; it tells whether it detached.
func answer(c *client, conn io.ReadWriter) (detached bool) {
	limited := &io.LimitedReader{R: conn}
	in, out := json.NewDecoder(limited), json.NewEncoder(conn)
	for !detached {
		limited.N = maxRequest
		var r request
		if in.Decode(&r) != nil {
			return false
		}
		reply := response{ID: r.ID}
		result, err := r.serve(c)
		if err != nil {
			reply.Error = err.Error()
		} else {
			reply.Result = result
		}
		detached = err == nil && r.Method == served+"Detach"
		if out.Encode(reply) != nil {
			return detached
		}
	}
	return true
}

// served is what Delve's clients write before a method.
const served = "RPCServer."

// serve answers a request. A firmware file that shrinks while it is read makes
// it fail, not the server.
func (r *request) serve(c *client) (result any, err error) {
	defer firmware.Guard(&err)()
	name, ok := strings.CutPrefix(r.Method, served)
	m := methods[name]
	if !ok || m == nil {
		return nil, fmt.Errorf("%s: no such method", text.Escape(r.Method))
	}
	if len(r.Params) != 1 {
		return nil, fmt.Errorf("%s takes one parameter, not %d", r.Method, len(r.Params))
	}
	return m.serve(c, r.Params[0])
}

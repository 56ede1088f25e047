package console

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Bounds of one connection. The endpoints take no body and answer at once;
// what takes longer is a client that is slow or hostile.
const (
	headerPatience  = 5 * time.Second
	requestPatience = 10 * time.Second
	answerPatience  = 30 * time.Second // a scrape of many series over a slow link
	idlePatience    = 2 * time.Minute
	headerBytes     = 16 << 10
	// goodbye is how long requests in flight may take when the server stops.
	goodbye = 3 * time.Second
)

// Server serves a Handler on one address.
type Server struct {
	listener net.Listener
	server   *http.Server
}

// Listen opens the address, host:port; port 0 is any free one. Nothing is
// answered before Run.
func Listen(address string, handler http.Handler, log *slog.Logger) (*Server, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for HTTP on %s: %w: change http.listen, or stop what uses the port", address, err)
	}
	return &Server{listener: l, server: &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerPatience,
		ReadTimeout:       requestPatience,
		WriteTimeout:      answerPatience,
		IdleTimeout:       idlePatience,
		MaxHeaderBytes:    headerBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}}, nil
}

// Address is where the server answers, with the port that it got.
func (s *Server) Address() string { return s.listener.Addr().String() }

// Run answers until ctx ends, then lets the requests in flight finish. It
// returns nil after ctx has ended, else why it could not go on.
func (s *Server) Run(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- s.server.Serve(s.listener) }()
	select {
	case err := <-done:
		return fmt.Errorf("serve HTTP on %s: %w", s.Address(), err)
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
	defer cancel()
	if err := s.server.Shutdown(stopping); err != nil {
		err = errors.Join(err, s.server.Close())
		return fmt.Errorf("stop serving HTTP on %s: %w", s.Address(), err)
	}
	<-done
	return nil
}

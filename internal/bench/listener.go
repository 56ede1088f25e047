package bench

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/prometheus/procfs"
)

// stateListen is TCP_LISTEN of the kernel's tcp_states.h.
const stateListen = "0A"

// listenerOf is the process of this machine that listens on an address; 0 if the
// address is another machine's, or the system does not tell.
func listenerOf(address string) int {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return 0
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return 0
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0
	}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(table)
		if err != nil {
			continue // such as a machine without IPv6
		}
		if inode, ok := listeningSocket(string(text), port); ok {
			return ownerOf(inode)
		}
	}
	return 0
}

// listeningSocket finds the socket that listens on a port in a table of the
// kernel (proc(5)): each line has a number, the local address and the remote one
// in hexadecimal, the state, and further on the inode.
func listeningSocket(table string, port uint64) (inode string, ok bool) {
	end := fmt.Sprintf(":%04X", port)
	for line := range strings.Lines(table) {
		if f := strings.Fields(line); len(f) > 9 && strings.HasSuffix(f[1], end) && f[3] == stateListen {
			return f[9], true
		}
	}
	return "", false
}

// ownerOf is the process that has a socket open; 0 if we may not see it.
func ownerOf(inode string) int {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return 0
	}
	processes, err := fs.AllProcs()
	if err != nil {
		return 0
	}
	socket := "socket:[" + inode + "]"
	for _, p := range processes {
		targets, err := p.FileDescriptorTargets()
		if err != nil {
			continue // it has ended, or is another's
		}
		for _, target := range targets {
			if target == socket {
				return p.PID
			}
		}
	}
	return 0
}

package bench

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/prometheus/procfs"
)

// stateListen is TCP_LISTEN of the kernel's tcp_states.h.
const stateListen = 10

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
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return 0
	}
	for _, read := range []func() (procfs.NetTCP, error){fs.NetTCP, fs.NetTCP6} {
		lines, err := read()
		if err != nil {
			continue // such as a machine without IPv6
		}
		for _, l := range lines {
			if l.St == stateListen && l.LocalPort == port {
				return ownerOf(fs, l.Inode)
			}
		}
	}
	return 0
}

// ownerOf is the process that has a socket open; 0 if we may not see it.
func ownerOf(fs procfs.FS, inode uint64) int {
	processes, err := fs.AllProcs()
	if err != nil {
		return 0
	}
	socket := fmt.Sprintf("socket:[%d]", inode)
	for _, p := range processes {
		targets, err := p.FileDescriptorTargets()
		if err != nil {
			continue // it has ended, or is another's
		}
		for _, target := range targets {
			if strings.TrimSpace(target) == socket {
				return p.PID
			}
		}
	}
	return 0
}

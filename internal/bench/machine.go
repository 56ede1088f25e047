package bench

import (
	"math"
	"os"
	"runtime"
	"strings"

	"github.com/prometheus/procfs"
)

// Machine is where it ran.
type Machine struct {
	CPU         string  `json:"cpu"` // model
	Cores       int     `json:"cores"`
	MemoryBytes float64 `json:"memoryBytes,omitempty"`
	Kernel      string  `json:"kernel,omitempty"`
	OS          string  `json:"os"`
	Go          string  `json:"go"`
}

// thisMachine describes this machine as far as the system tells.
func thisMachine() Machine {
	m := Machine{Cores: runtime.NumCPU(), OS: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version()}
	if kernel, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = strings.TrimSpace(string(kernel))
	}
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return m // no /proc: the rest is not told
	}
	if cpus, err := fs.CPUInfo(); err == nil && len(cpus) > 0 {
		m.CPU = cpus[0].ModelName
	}
	if memory, err := fs.Meminfo(); err == nil && memory.MemTotalBytes != nil {
		m.MemoryBytes = float64(*memory.MemTotalBytes)
	}
	return m
}

// processorTime is how the machine's processors have spent their time, in
// seconds. NaN where the system does not tell.
type processorTime struct{ total, idle, steal float64 }

func machineTime() processorTime {
	unknown := processorTime{math.NaN(), math.NaN(), math.NaN()}
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return unknown
	}
	stat, err := fs.Stat()
	if err != nil {
		return unknown
	}
	c := stat.CPUTotal
	return processorTime{
		total: c.User + c.Nice + c.System + c.Idle + c.Iowait + c.IRQ + c.SoftIRQ + c.Steal,
		idle:  c.Idle + c.Iowait,
		steal: c.Steal,
	}
}

// processTime is the processor time of a process, in seconds; NaN where the
// system does not tell.
func processTime(pid int) float64 {
	if pid == 0 {
		return math.NaN()
	}
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return math.NaN()
	}
	p, err := fs.Proc(pid)
	if err != nil {
		return math.NaN()
	}
	stat, err := p.Stat()
	if err != nil {
		return math.NaN()
	}
	return stat.CPUTime()
}

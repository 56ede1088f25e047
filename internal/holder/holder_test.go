package holder

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestHolderIsNamedWithoutItsFlags(t *testing.T) {
	former := os.Args
	defer func() { os.Args = former }()
	os.Args = []string{"/usr/bin/rondo", "dev", "shop", "--password", "secret"}
	text := Text()
	if want := fmt.Sprintf("process %d (rondo dev shop), since ", os.Getpid()); !strings.HasPrefix(text, want) || strings.Contains(text, "secret") {
		t.Errorf("%q, want %q", text, want)
	}
	if got := Of([]byte(text+"\n"), nil); got != text {
		t.Errorf("read %q", got)
	}
}

func TestWhatIsNoHolderIsAnotherProcess(t *testing.T) {
	for _, written := range []string{"", "rubbish", "process 1\nmore", "process " + strings.Repeat("x", 600)} {
		if got := Of([]byte(written), nil); got != "another process" {
			t.Errorf("%q: %q", written, got)
		}
	}
	if got := Of([]byte("process 1 (rondo)"), errors.New("no file")); got != "another process" {
		t.Errorf("%q", got)
	}
}

// Package holder says which process holds a folder: whoever locks one writes down
// who it is, and whoever finds it locked can say whom to stop.
//
// The text is for people. It is not the lock, and may be out of date.
package holder

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Text describes this process: "process 4711 (rondo dev shop), since 2026-11-24
// 10:00:00 UTC". Of the command line it has the words before the first flag only: a
// flag may hold a secret.
func Text() string {
	words := []string{filepath.Base(os.Args[0])}
	for _, word := range os.Args[1:] {
		if strings.HasPrefix(word, "-") {
			break
		}
		words = append(words, word)
	}
	return fmt.Sprintf("process %d (%s), since %s", os.Getpid(), strings.Join(words, " "), time.Now().UTC().Format("2006-01-02 15:04:05 MST"))
}

// Of is what a holder has written, or "another process" if it is not to be used.
func Of(written []byte, err error) string {
	text := strings.TrimSpace(string(written))
	if err != nil || !strings.HasPrefix(text, "process ") || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' }) || len(text) > 500 {
		return "another process"
	}
	return text
}

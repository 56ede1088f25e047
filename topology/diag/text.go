package diag

import (
	"bytes"
	"unicode/utf8"
)

// binaryLook is how far a file is looked at for what no text has, as other tools do.
const binaryLook = 8000

// isBinary reports whether a file is no text in any encoding of its own bytes: it
// has a NUL near its beginning. Excerpts of such a file show nothing.
func isBinary(text []byte) bool {
	return bytes.IndexByte(text[:min(len(text), binaryLook)], 0) >= 0
}

// NotUTF8 finds what keeps a file from being read as UTF-8 text: the finding has its
// place, the message and what to do, and no code, which the caller has. False: it is
// UTF-8.
func NotUTF8(file string, text []byte) (Diagnostic, bool) {
	d := Diagnostic{Pos: Pos{File: file}, Length: 1}
	switch {
	case bytes.HasPrefix(text, []byte("\xff\xfe")), bytes.HasPrefix(text, []byte("\xfe\xff")):
		d.Message, d.Help = "the file is text in UTF-16, and only UTF-8 is read", "save it as UTF-8"
	case isBinary(text):
		d.Message, d.Help = "the file is no text, but binary", "is this the right file? It must be YAML, in UTF-8"
	case utf8.Valid(text):
		return Diagnostic{}, false
	default:
		d.Pos.Line, d.Pos.Column = firstInvalid(text)
		d.Message, d.Help = "the file is not UTF-8 text", "save it as UTF-8"
	}
	return d, true
}

// firstInvalid is where the first byte stands that is no UTF-8.
func firstInvalid(text []byte) (line, column int) {
	at := 0
	for at < len(text) {
		c, size := utf8.DecodeRune(text[at:])
		if c == utf8.RuneError && size == 1 {
			break
		}
		at += size
	}
	lines := Lines(append(text[:at:at], 'x'))
	return len(lines), utf8.RuneCountInString(lines[len(lines)-1])
}

package value

import (
	"errors"
	"fmt"
)

// What keeps a value from being stored or sent.
var (
	ErrNotFinite = errors.New("NaN and infinity cannot be stored or sent")
	ErrNotUTF8   = errors.New("text is not valid UTF-8")
	ErrTooDeep   = fmt.Errorf("lists and maps are nested deeper than %d", DepthMax)
	ErrTooLarge  = errors.New("too many values in one")
	ErrNoValue   = errors.New("is no value") // behind the Go type
)

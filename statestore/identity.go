package statestore

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// identityFile holds the name of a store's folder. It lies beside the state, so
// that it outlives state that is thrown away.
const identityFile = "node"

// identityForm is what is in it.
var identityForm = regexp.MustCompile(`^[0-9a-f]{16}$`)

// ID is the name of the store's folder, 16 hexadecimal digits: chosen at random
// when the folder was first used, and the same as long as the folder is there. A
// folder that was copied has the name of the other.
func (s *Store) ID() string { return s.id }

// identify returns the name of a folder that is locked, choosing one if it has none.
func identify(config Config) (string, error) {
	path := config.FS.PathJoin(config.Dir, identityFile)
	id, err := readText(config.FS, path)
	if err == nil && identityForm.MatchString(id) {
		return id, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	id = randomIdentity()
	if err := writeText(config.FS, path, id); err != nil {
		return "", fmt.Errorf("write %s: %w", path, err)
	}
	return id, nil
}

func randomIdentity() string {
	var random [8]byte
	rand.Read(random[:]) // never fails: crypto/rand ends the program instead
	return hex.EncodeToString(random[:])
}

func readText(files vfs.FS, path string) (string, error) {
	f, err := files.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	return string(text), err
}

// writeText makes the file appear whole or not at all.
func writeText(files vfs.FS, path, id string) error {
	draft := path + ".new"
	f, err := files.Create(draft, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write([]byte(id))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return files.Rename(draft, path)
}

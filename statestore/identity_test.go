package statestore

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func identityOf(t *testing.T, config Config) string {
	t.Helper()
	s, err := Open(config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	return s.ID()
}

func TestFolderKeepsItsNameEvenWhenItsStateIsThrownAway(t *testing.T) {
	config := Config{Dir: "data", FS: vfs.NewMem()}
	first := identityOf(t, config)
	if !identityForm.MatchString(first) {
		t.Fatalf("the name is %q", first)
	}
	if again := identityOf(t, config); again != first {
		t.Errorf("was %s, is %s", first, again)
	}
	if err := config.FS.RemoveAll("data/state"); err != nil {
		t.Fatal(err)
	}
	if again := identityOf(t, config); again != first {
		t.Errorf("without state: was %s, is %s", first, again)
	}
	if other := identityOf(t, Config{Dir: "other", FS: config.FS}); other == first {
		t.Errorf("two folders are called %s", first)
	}
}

func TestTornNameIsChosenAnew(t *testing.T) {
	config := Config{Dir: "data", FS: vfs.NewMem()}
	identityOf(t, config)
	f, err := config.FS.Create("data/"+identityFile, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("12")); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if id := identityOf(t, config); !identityForm.MatchString(id) {
		t.Errorf("the name is %q", id)
	}
}

package main

import (
	"strings"
	"testing"

	"rondo/internal/demo"
)

func TestEachStoryIsACommandOfItsOwn(t *testing.T) {
	cmd := newDemo()
	for i, s := range demo.Stories() {
		sub, _, err := cmd.Find([]string{s.Name()})
		if err != nil || sub.Name() != s.Name() || sub.Flags().Lookup(s.Load.Flag) == nil {
			t.Errorf("%s: %v, %v", s.Name(), sub, err)
		}
		if i == 0 && cmd.Flags().Lookup(s.Load.Flag) == nil {
			t.Errorf("the plain demo has no --%s", s.Load.Flag)
		}
		if got, err := storyOf([]string{s.Name()}); got != s || err != nil {
			t.Errorf("services of %s: %v, %v", s.Name(), got, err)
		}
	}
}

func TestAStoryThatIsNotThereIsToldFromThoseThatAre(t *testing.T) {
	_, err := storyOf([]string{"overheat"})
	if err == nil || !strings.Contains(err.Error(), "overheat-guard") {
		t.Errorf("error %v, want one that lists the stories", err)
	}
}

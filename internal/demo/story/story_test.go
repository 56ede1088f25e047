package story

import (
	"strings"
	"testing"
	"testing/fstest"

	"rondo/internal/demo/verdict"
)

func TestLongTimesAreHastenedWhereTheyStandOnce(t *testing.T) {
	s := &Story{
		Words: verdict.Words{Story: "kettle"}, Definition: "kettle.yaml",
		Files:    fstest.MapFS{"kettle.yaml": {Data: []byte("idle: 30s\nwait: 5m\n")}},
		Hastened: [][2]string{{"wait: 5m", "wait: 3s"}},
	}
	src, err := s.Source()
	if err != nil || string(src) != "idle: 30s\nwait: 3s\n" {
		t.Errorf("%q, %v", src, err)
	}
	for _, text := range []string{"wait: 6m", "i"} {
		s.Hastened = [][2]string{{text, ""}}
		if _, err := s.Source(); err == nil || !strings.Contains(err.Error(), "kettle") {
			t.Errorf("%q is replaced: %v", text, err)
		}
	}
}

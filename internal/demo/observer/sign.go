package observer

import "github.com/twmb/franz-go/pkg/kgo"

// Sign is what a record means for a case.
type Sign struct {
	Case   string // "": the record's key
	Stop   string // joins the case's path; "": nothing
	Begins bool
	Ends   string // how the case has ended; "": it has not
	Failed bool   // of Ends
	Noted  bool   // the case is one of those that are counted beside the others
}

// Legend reads signs. It is asked for each record once, in the order in which
// they were read, by one goroutine.
type Legend func(*kgo.Record) Sign

// Header is a header of a record, "" without it.
func Header(r *kgo.Record, name string) string {
	for _, h := range r.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}

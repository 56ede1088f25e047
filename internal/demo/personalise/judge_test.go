package personalise

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"rondo/internal/demo/verdict"
	"rondo/internal/demo/verdict/verdicttest"
)

// siteBook writes the records of views by hand.
type siteBook struct{ *verdicttest.Book }

// newSiteBook is a flawless run: u-1 is a vip and becomes a student, u-2 has no
// profile any more, u-3 never had one.
func newSiteBook(t *testing.T) siteBook {
	b := siteBook{verdicttest.New(t, "personalise")}
	b.Row(profilesTopic, "r-u1", `{"segment":"vip","name":"Ada"}`)
	b.Row(profilesTopic, "r-u2", `{"segment":"vip","name":"Bob"}`)
	b.Pass(time.Minute)
	b.Row(profilesTopic, "r-u2", "")
	b.Pass(time.Minute)
	b.show("r-v1", b.view("r-v1", "r-u1", "home"), "hero", "vip", "Ada")
	b.show("r-v2", b.view("r-v2", "r-u2", "home"), "hero", "welcome", "")
	b.show("r-v3", b.view("r-v3", "r-u3", "home"), "hero", "welcome", "")
	cause := b.view("r-v4", "r-u1", "home")
	b.Row(profilesTopic, "r-u1", `{"segment":"student","name":"Ada"}`) // while it is decided
	b.show("r-v4", cause, "side", "student", "")
	b.Pass(time.Minute)
	b.show("r-v5", b.view("r-v5", "r-u1", "checkout"), "hero", "standard", "")
	return b
}

func (b siteBook) view(view, user, page string) (cause string) {
	return b.Input(viewsTopic, view, pageViewedType, fmt.Sprintf(`{"view_id":%q,"user_id":%q,"page":%q}`, view, user, page))
}

func (b siteBook) show(view, cause, slot, what, name string) {
	value := fmt.Sprintf(`{"view_id":%q,"slot":%q,"offer":%q}`, view, slot, what)
	if name != "" {
		value = strings.TrimSuffix(value, "}") + fmt.Sprintf(`,"name":%q}`, name)
	}
	b.Send(verdicttest.Command{Topic: offersTopic, Key: view, Kind: showOfferType, Step: "pick", ID: "c-" + view, Cause: cause, Value: value})
}

func judge(b siteBook) *verdict.Report { return Judge(&b.Books) }

func TestFlawlessRunIsClean(t *testing.T) {
	r := judge(newSiteBook(t))
	if !r.Clean() {
		t.Fatalf("violations in a flawless run: %v", r.Violations)
	}
	if got, want := [...]int{r.Cases, r.Completed, r.Lost}, [...]int{5, 5, 0}; got != want {
		t.Errorf("views, shown, lost = %v, want %v", got, want)
	}
}

func TestEachFlawIsFound(t *testing.T) {
	verdicttest.Check(t, []verdicttest.Flaw[siteBook]{
		{Name: "a view without an offer", Key: "r-v1", At: "web.views/0/0", Want: []verdict.Code{verdict.Lost},
			Do: func(b siteBook) { b.Without("c-r-v1") }},
		{Name: "a view with two offers", Key: "r-v1", At: "web.offers/0/5", Want: []verdict.Code{verdict.SameEffectTwice, TwoOffers},
			Do: func(b siteBook) { b.Again("c-r-v1", 1).Headers["rondo-command-id"] = "c9" }},
		{Name: "an offer of a profile that held long ago", Key: "r-v2", At: "web.offers/0/1", Want: []verdict.Code{WrongOffer},
			Do: func(b siteBook) {
				b.Find("c-r-v2", 1).Value = []byte(`{"view_id":"r-v2","slot":"hero","offer":"vip","name":"Bob"}`)
			}},
		{Name: "an offer of a profile that was not written yet", Key: "r-v1", At: "web.offers/0/0", Want: []verdict.Code{WrongOffer},
			Do: func(b siteBook) {
				b.Find("c-r-v1", 1).Value = []byte(`{"view_id":"r-v1","slot":"side","offer":"student"}`)
			}},
		{Name: "an offer to somebody else", Key: "r-v3", At: "web.offers/0/2", Want: []verdict.Code{WrongOffer},
			Do: func(b siteBook) {
				b.Find("c-r-v3", 1).Value = []byte(`{"view_id":"r-v1","slot":"hero","offer":"welcome"}`)
			}},
		{Name: "an offer that cannot be read", Key: "r-v3", At: "web.offers/0/2", Want: []verdict.Code{verdict.Unreadable},
			Do: func(b siteBook) { b.Find("c-r-v3", 1).Value = []byte(`{`) }},
		{Name: "a view that was stored", Key: "r-v3", At: "changelog/0/1", Want: []verdict.Code{verdict.Stored},
			Do: func(b siteBook) {
				b.Changelog = append(b.Changelog, b.Record("changelog", "!progress", "", "x"), b.Record("changelog", "personalise/r-v3", "", "x"))
			}},
	}, newSiteBook, judge)
}

// Either profile may have been seen by a view that came while one took the
// place of the other.
func TestBothProfilesAreRightWhileOneReplacesTheOther(t *testing.T) {
	b := newSiteBook(t)
	b.Find("c-r-v4", 1).Value = []byte(`{"view_id":"r-v4","slot":"hero","offer":"vip","name":"Ada"}`)
	if r := judge(b); !r.Clean() {
		t.Errorf("%v", r.Violations)
	}
}

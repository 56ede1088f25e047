// Package personalise is the world of examples/personalise: a website whose
// pages are viewed, and a customer database that keeps the profiles and changes
// them meanwhile.
//
//	website   ──► PageViewed                    (web.views)
//	customers ──► rows of the table `profile`   (user.profiles, compacted)
//
// Some who look have no profile, some get one, some lose it (a tombstone).
package personalise

import (
	"github.com/twmb/franz-go/pkg/kgo"

	files "rondo/examples/personalise"
	"rondo/internal/demo/observer"
	"rondo/internal/demo/services"
	"rondo/internal/demo/story"
	"rondo/internal/demo/verdict"
)

// Topics and message types of the story.
const (
	viewsTopic    = "web.views"
	offersTopic   = "web.offers"
	profilesTopic = "user.profiles"

	pageViewedType = "PageViewed"
	showOfferType  = "ShowOffer"
)

var words = verdict.Words{
	Story: "personalise", Cases: "views", Completed: "shown",
	Clean: "Every view with exactly one offer, which the profile said while it was decided, and nothing stored.",
}

// Story is the personalised page.
var Story = &story.Story{
	Words: words,
	Short: "what a page shows chosen by a table: one decision and gone",
	Long: `Play examples/personalise from the first page view to a verdict: a website with
thousands of views, and profiles in a compacted topic that change meanwhile.

The verdict is made by reading the topics, not from the nodes' counters: every
view has exactly one offer, which is that of a profile that held at some time
between the view and the offer, and no view left anything in the changelog. The
exit code is 1 if it is not so.`,
	Files: files.Files, Definition: files.Definition,
	Inputs: []string{viewsTopic}, Commands: []string{offersTopic}, Tables: []string{profilesTopic},
	Stateless: true,
	Load: story.Load{
		Flag: "views", Usage: "page views", Default: 5000, CasesEach: 1,
		Scene: "pages are viewed", RateMin: 10, RateMax: 2000,
	},
	Open:   open,
	Legend: func() observer.Legend { return sign },
	Judge:  Judge,
}

func open(cfg services.Config) (*story.Cast, error) {
	w, err := openWebsite(cfg)
	if err != nil {
		return nil, err
	}
	return &story.Cast{Posts: []*services.Post{w.Post}, Prepare: w.prepare, Play: w.play}, nil
}

// sign reads what a record means for its view.
func sign(r *kgo.Record) observer.Sign {
	switch services.TypeOf(r) {
	case pageViewedType:
		return observer.Sign{Begins: true}
	case showOfferType:
		var o offer
		if err := services.ReadJSON(r, showOfferType, &o); err != nil {
			return observer.Sign{Ends: "unreadable"} // the verdict says what is wrong with it
		}
		return observer.Sign{Ends: o.Slot + ": " + o.Offer}
	}
	return observer.Sign{}
}

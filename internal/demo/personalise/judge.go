package personalise

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"rondo/internal/demo/verdict"
)

// What can be wrong with this story beside what can be with each.
const (
	TwoOffers  verdict.Code = "two-offers"
	WrongOffer verdict.Code = "wrong-offer" // no profile that held then gives it
)

// follows is how far a table may be behind its topic: a row that was written
// that long before the view must not be overlooked.
const follows = 2 * time.Second

// Judge demands of every view, beside what every story promises:
//
//   - exactly one ShowOffer, in one attempt;
//   - with the offer that a profile gives which held at some time between the
//     view and the offer;
//   - nothing about it in the changelog.
func Judge(books *verdict.Books) *verdict.Report {
	rows := rowsOf(books.Tables)
	return verdict.Judge(books, verdict.Rules{
		Words:     words,
		Begins:    func(r *verdict.Record) bool { return r.Type() == pageViewedType },
		Stateless: true,
		Case:      func(r *verdict.Report, c *verdict.Case) { judgeView(r, c, rows) },
	})
}

// row is a profile from a time on; nil: none.
type row struct {
	from    time.Time
	profile *profile
	err     error
}

// rowsOf are the rows by user, oldest first.
func rowsOf(records []verdict.Record) map[string][]row {
	rows := map[string][]row{}
	for _, rec := range records {
		r := row{from: rec.Time}
		if rec.Value != nil {
			r.profile = &profile{}
			r.err = json.Unmarshal(rec.Value, r.profile)
		}
		rows[rec.Key] = append(rows[rec.Key], r)
	}
	return rows
}

func judgeView(r *verdict.Report, c *verdict.Case, rows map[string][]row) {
	r.Cases++
	commands := c.Of(showOfferType)
	if len(commands) == 0 {
		r.Lost++
		r.Add(verdict.Lost, c.Key, "no ShowOffer", &c.Began.Place)
		return
	}
	if len(commands) > 1 {
		r.Add(TwoOffers, c.Key, fmt.Sprintf("%d offers for one view", len(commands)), &commands[1].First().Place)
	}
	r.Completed++
	shown := commands[0].First()
	var view pageViewed
	var got offer
	if !read(r, c, c.Began, &view) || !read(r, c, shown, &got) {
		return
	}
	possible := offersOf(view, rows[view.UserID], c.Began.Time.Add(-follows), shown.Time)
	if !slices.Contains(possible, got) {
		r.Add(WrongOffer, c.Key, fmt.Sprintf("%+v, while the profile of %s gave %+v", got, view.UserID, possible), &shown.Place)
	}
}

func read(r *verdict.Report, c *verdict.Case, rec *verdict.Record, into any) bool {
	if err := json.Unmarshal(rec.Value, into); err != nil {
		r.Add(verdict.Unreadable, c.Key, rec.Type()+": "+err.Error(), &rec.Place)
		return false
	}
	return true
}

// offersOf are the different offers that the profiles give which held at some
// time from one moment to another.
func offersOf(view pageViewed, rows []row, from, to time.Time) []offer {
	held := []*profile{nil}
	for _, row := range rows {
		switch {
		case row.err != nil, row.from.After(to):
			continue
		case !row.from.After(from):
			held = held[:0]
		}
		held = append(held, row.profile)
	}
	var out []offer
	for _, p := range held {
		if o := offerFor(view, p); !slices.Contains(out, o) {
			out = append(out, o)
		}
	}
	return out
}

// offerFor is what the story promises for a profile; nil: none.
func offerFor(view pageViewed, p *profile) offer {
	o := offer{ViewID: view.ViewID, Slot: "hero", Offer: "standard"}
	switch {
	case p == nil:
		o.Offer = "welcome"
	case p.Segment == "vip":
		o.Offer, o.Name = "vip", p.Name
	case p.Segment == "student" && view.Page != "checkout":
		o.Slot, o.Offer = "side", "student"
	}
	return o
}

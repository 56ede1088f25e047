package personalise

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/demo/services"
)

// How the users are.
const (
	users    = 200
	unknown  = 0.1  // of the views are of users who never have a profile
	changes  = 0.05 // profile changes for each view
	vanishes = 0.1  // of the changes delete the profile
)

type (
	pageViewed struct {
		ViewID string `json:"view_id"`
		UserID string `json:"user_id"`
		Page   string `json:"page"`
	}
	offer struct {
		ViewID string `json:"view_id"`
		Slot   string `json:"slot"`
		Offer  string `json:"offer"`
		Name   string `json:"name"`
	}
	profile struct {
		Segment string `json:"segment,omitempty"`
		Name    string `json:"name"`
	}
)

var (
	pages    = []string{"home", "product", "basket", "checkout"}
	segments = []string{"vip", "student", "regular", ""}
)

// website is the pages and, as they are one company, the customer database.
type website struct{ *services.Post }

func openWebsite(cfg services.Config) (*website, error) {
	post, err := services.OpenPost(cfg, "website", nil)
	return &website{post}, err
}

func userID(run string, i int) string { return fmt.Sprintf("%su%03d", run, i) }

// prepare writes the profiles that are there before the first view.
func (w *website) prepare(ctx context.Context, run string) error {
	var rows []*kgo.Record
	for i := range users / 2 {
		rows = append(rows, w.row(userID(run, i), "at first "+strconv.Itoa(i)))
	}
	return w.SendNow(ctx, rows...)
}

// row is a profile as chance will have it, or a tombstone.
func (w *website) row(user, subject string) *kgo.Record {
	r := &kgo.Record{Topic: profilesTopic, Key: []byte(user)}
	if w.Dice.Roll(subject, "vanishes") < vanishes {
		return r
	}
	value, err := json.Marshal(profile{Segment: one(w.Dice, segments, subject, "segment"), Name: "User " + services.NumberOf(user)})
	if err != nil {
		w.Fail(fmt.Errorf("encode a profile: %w", err))
	}
	r.Value = value
	return r
}

func one(d services.Dice, of []string, words ...string) string {
	return of[int(d.Roll(words...)*float64(len(of)))]
}

// play has pages viewed at a steady rate, the ids of the views being run and a
// number from 1, and changes profiles meanwhile.
func (w *website) play(ctx context.Context, run string, views int, rate float64) error {
	return w.Pace(ctx, views, rate, func(i int) {
		w.view(run, i)
		if subject := "change " + strconv.Itoa(i); w.Dice.Roll(subject) < changes {
			user := userID(run, int(w.Dice.Roll(subject, "user")*users))
			w.Send(w.row(user, subject), w.Dice.Between(0, 20*time.Millisecond, subject, "after"), nil)
		}
	})
}

// view sends one page view.
func (w *website) view(run string, i int) {
	id := fmt.Sprintf("%sv%06d", run, i)
	subject := "view " + strconv.Itoa(i)
	user := userID(run, int(w.Dice.Roll(subject, "user")*users))
	if w.Dice.Roll(subject, "unknown") < unknown {
		user = run + "guest" + strconv.Itoa(i)
	}
	event, err := services.JSON(pageViewedType, pageViewed{ViewID: id, UserID: user, Page: one(w.Dice, pages, subject, "page")})
	if err != nil {
		w.Fail(err)
		return
	}
	w.Tell(viewsTopic, id, event, 0, nil)
}

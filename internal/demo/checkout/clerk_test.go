package checkout

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/demo/services"
)

// clerk is the checkout done by hand: the smallest orchestrator that the
// services accept, for orders in memory, without transactions. It shows that
// the services let every order end before there is an engine.
type clerk struct {
	t      *testing.T
	client *kgo.Client
	codecs paymentCodecs
	cases  map[string]*checkoutCase
	ended  int
	flaw   string // what this clerk does wrong; "" for nothing
}

// checkoutCase is one order.
type checkoutCase struct {
	id          string
	card        string
	step        string // reserve, pay, new-card, label; "" when it has ended
	sent        int    // commands
	declines    int
	cards       []string // that came before they were asked for
	reservation string
	payment     string
	call        *call
	undo        []*call // newest last
}

// call is a command that waits for its answer.
type call struct {
	id, kind, step string
	attempt        int
	due            time.Time
	value          []byte
}

func newClerk(t *testing.T, brokers []string, codecs paymentCodecs) *clerk {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(brokers...),
		kgo.ConsumeTopics("shop.orders", "inventory.events", "payment.events", "shipping.events"),
		kgo.ConsumerGroup("clerk"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.ProducerLinger(0),
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &clerk{t: t, client: client, codecs: codecs, cases: map[string]*checkoutCase{}}
}

// work decides inputs until so many orders have ended.
func (c *clerk) work(ctx context.Context, orders int) {
	for c.ended < orders {
		if ctx.Err() != nil {
			c.t.Errorf("%d of %d orders ended", c.ended, orders)
			return
		}
		c.poll(ctx)
		for _, o := range c.cases {
			if o.call != nil && time.Now().After(o.call.due) {
				c.retry(o)
			}
		}
	}
}

// settle reads what has come late and has no effect any more. Nobody writes.
func (c *clerk) settle(ctx context.Context) {
	for c.poll(ctx) > 0 {
	}
	if err := c.client.CommitUncommittedOffsets(ctx); err != nil {
		c.t.Error(err)
	}
}

// poll decides what comes within 20 ms and says how many records that were.
func (c *clerk) poll(ctx context.Context) int {
	waiting, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	fetches := c.client.PollFetches(waiting)
	fetches.EachRecord(func(r *kgo.Record) {
		c.decide(r, fmt.Sprintf("%s/%d/%d", r.Topic, r.Partition, r.Offset))
	})
	return fetches.NumRecords()
}

// event is an input as the clerk reads it.
type event struct {
	OrderID       string `json:"order_id"`
	CardToken     string `json:"card_token"`
	ReservationID string `json:"reservation_id"`
	TrackingNo    string `json:"tracking_no"`
	PaymentID     string `json:"-"`
	kind          string
	commandID     string // echoed, or ""
}

func (c *clerk) read(r *kgo.Record) event {
	var e event
	if r.Topic == "payment.events" {
		name, native, err := c.codecs.Read(r.Value)
		if err != nil {
			c.t.Fatal(err)
		}
		e = event{OrderID: services.Text(native, "order_id"), PaymentID: services.Text(native, "payment_id"), kind: name}
	} else {
		if err := json.Unmarshal(r.Value, &e); err != nil {
			c.t.Fatal(err)
		}
		e.kind = services.TypeOf(r)
	}
	for _, h := range r.Headers {
		if h.Key == "rondo-command-id" {
			e.commandID = string(h.Value)
		}
	}
	return e
}

func (c *clerk) decide(r *kgo.Record, cause string) {
	e := c.read(r)
	o := c.cases[e.OrderID]
	if o == nil {
		if e.kind != "OrderPlaced" {
			return
		}
		o = &checkoutCase{id: e.OrderID, card: e.CardToken}
		c.cases[o.id] = o
		c.reserve(o, cause)
		return
	}
	if o.step == "" || e.commandID != "" && (o.call == nil || o.call.id != e.commandID) {
		return
	}
	switch e.kind + " at " + o.step {
	case "StockReserved at reserve":
		o.reservation = e.ReservationID
		c.pay(o, cause)
	case "StockRejected at reserve":
		o.undo = nil
		c.fail(o, "out-of-stock", cause)
	case "PaymentCaptured at pay":
		o.payment = e.PaymentID
		c.label(o, cause)
	case "PaymentDeclined at pay":
		c.declined(o, cause)
	case "CardUpdated at new-card":
		o.card = e.CardToken
		c.pay(o, cause)
	case "CardUpdated at reserve", "CardUpdated at pay":
		o.cards = append(o.cards, e.CardToken)
	case "LabelPrinted at label":
		c.tell(o, "OrderCompleted", "done", map[string]any{"order_id": o.id, "tracking": e.TrackingNo}, cause)
	case "OrderCancelled at " + o.step:
		c.fail(o, "cancelled", cause)
	}
}

func (c *clerk) declined(o *checkoutCase, cause string) {
	o.undo = o.undo[:len(o.undo)-1]
	o.call = nil
	o.declines++
	switch {
	case o.declines == cards:
		c.fail(o, "not-paid", cause)
	case len(o.cards) > 0:
		o.card, o.cards = o.cards[0], o.cards[1:]
		c.pay(o, cause)
	default:
		o.step = "new-card"
	}
}

func (c *clerk) reserve(o *checkoutCase, cause string) {
	value := c.json(map[string]any{"order_id": o.id, "items": []any{}})
	c.begin(o, "inventory.commands", &call{kind: "ReserveStock", step: "reserve", value: value}, cause)
}

func (c *clerk) pay(o *checkoutCase, cause string) {
	event, err := c.codecs.Write("ChargeCard", map[string]any{"order_id": o.id, "amount": int64(100), "card_token": o.card})
	if err != nil {
		c.t.Fatal(err)
	}
	c.begin(o, "payment.commands", &call{kind: "ChargeCard", step: "pay", value: event.Value}, cause)
}

func (c *clerk) label(o *checkoutCase, cause string) {
	value := c.json(map[string]any{"order_id": o.id})
	c.begin(o, "shipping.commands", &call{kind: "PrintLabel", step: "label", value: value}, cause)
}

// begin sends a call's first attempt.
func (c *clerk) begin(o *checkoutCase, topic string, cl *call, cause string) {
	cl.id, cl.attempt, cl.due = c.nextID(o), 1, time.Now().Add(patience)
	o.step, o.call = cl.step, cl
	if cl.kind != "PrintLabel" {
		o.undo = append(o.undo, cl)
	}
	c.send(o, topic, cl, "", cause)
	if c.flaw == "an input decided twice" {
		again := *cl
		again.id = c.nextID(o)
		c.send(o, topic, &again, "", cause)
	}
}

// patience is how long the clerk waits for an answer.
const patience = 150 * time.Millisecond

func (c *clerk) retry(o *checkoutCase) {
	o.call.attempt++
	o.call.due = time.Now().Add(patience)
	topic := map[string]string{"reserve": "inventory.commands", "pay": "payment.commands", "label": "shipping.commands"}[o.call.step]
	c.send(o, topic, o.call, "", "")
}

func (c *clerk) fail(o *checkoutCase, reason, cause string) {
	for i := len(o.undo) - 1; i >= 0; i-- {
		c.compensate(o, o.undo[i], cause)
	}
	c.tell(o, "OrderFailed", "tell", map[string]any{"order_id": o.id, "reason": reason}, cause)
}

func (c *clerk) compensate(o *checkoutCase, done *call, cause string) {
	if done.kind == "ReserveStock" {
		if c.flaw == "no release" {
			return
		}
		value := c.json(map[string]any{"order_id": o.id, "reservation_id": o.reservation, "command": done.id})
		c.send(o, "inventory.commands", &call{id: c.nextID(o), kind: "ReleaseStock", step: done.step, attempt: 1, value: value}, done.id, cause)
		return
	}
	event, err := c.codecs.Write("RefundPayment", map[string]any{"payment_id": union(o.payment), "charge": union(done.id)})
	if err != nil {
		c.t.Fatal(err)
	}
	c.send(o, "payment.commands", &call{id: c.nextID(o), kind: "RefundPayment", step: done.step, attempt: 1, value: event.Value}, done.id, cause)
}

func union(s string) any {
	if s == "" {
		return nil
	}
	return goavroString(s)
}

func goavroString(s string) any { return map[string]any{"string": s} }

// tell ends an order.
func (c *clerk) tell(o *checkoutCase, kind, step string, payload map[string]any, cause string) {
	cl := &call{id: c.nextID(o), kind: kind, step: step, attempt: 1, value: c.json(payload)}
	c.send(o, "shop.order-status", cl, "", cause)
	if c.flaw == "an outcome twice" {
		c.send(o, "shop.order-status", cl, "", cause)
	}
	o.step, o.call = "", nil
	c.ended++
}

func (c *clerk) nextID(o *checkoutCase) string {
	o.sent++
	return fmt.Sprintf("%s#%d", o.id, o.sent)
}

func (c *clerk) json(payload map[string]any) []byte {
	value, err := json.Marshal(payload)
	if err != nil {
		c.t.Fatal(err)
	}
	return value
}

func (c *clerk) send(o *checkoutCase, topic string, cl *call, undoes, cause string) {
	headers := map[string]string{
		"type": cl.kind, "rondo-command-id": cl.id, "rondo-attempt": strconv.Itoa(cl.attempt),
		"rondo-workflow": "checkout", "rondo-key": o.id, "rondo-step": cl.step,
		"rondo-compensates": undoes, "rondo-cause": cause,
	}
	r := &kgo.Record{Topic: topic, Key: []byte(o.id), Value: cl.value}
	for name, value := range headers {
		if value != "" {
			r.Headers = append(r.Headers, kgo.RecordHeader{Key: name, Value: []byte(value)})
		}
	}
	if err := c.client.ProduceSync(context.Background(), r).FirstErr(); err != nil {
		c.t.Fatal(err)
	}
}

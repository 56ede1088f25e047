package checkout

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/demo/ledger"
	"rondo/internal/demo/services"
)

// declinesCard is the share of cards that are declined.
const declinesCard = 0.15

// paymentCodecs are the Avro schemas of the payment topics.
type paymentCodecs struct{ *services.Codecs }

func newPaymentCodecs(schemas fs.FS) (paymentCodecs, error) {
	codecs, err := services.LoadCodecs(schemas, chargeCardType, refundPaymentType, "PaymentCaptured", "PaymentDeclined")
	if err != nil {
		return paymentCodecs{}, fmt.Errorf("payment schemas: %w", err)
	}
	return paymentCodecs{codecs}, nil
}

func newPayment(schemas fs.FS) (services.Spec, error) {
	codecs, err := newPaymentCodecs(schemas)
	if err != nil {
		return services.Spec{}, err
	}
	return services.Spec{
		Name:     "payment",
		Commands: "payment.commands",
		Events:   "payment.events",
		Habits:   paymentHabits,
		Undone:   Refunded,
		Refusals: []ledger.Deed{Declined},
		Read:     codecs.readCommand,
		Decide:   decideCharge,
		Answers:  codecs.answerCharge,
		// The checkout comes to its payment step again with another card. A
		// decline that does not say which charge it is about would be taken for
		// the new card's when it comes late or twice.
		MustEcho: func(done ledger.Entry) bool { return done.Did == Declined },
	}, nil
}

func (c paymentCodecs) readCommand(r *kgo.Record) (services.Command, bool, error) {
	name, native, err := c.Read(r.Value)
	if err != nil {
		return services.Command{}, false, err
	}
	switch name {
	case chargeCardType:
		order := services.Text(native, "order_id")
		if order == "" {
			return services.Command{}, false, errors.New("decode ChargeCard: no order_id")
		}
		return services.Command{Key: order, Subject: "charge " + services.Text(native, "card_token"), Payload: native}, true, nil
	case refundPaymentType:
		return services.Command{
			Key: string(r.Key), Undo: true,
			Undoes: services.Text(native, "charge"), UndoesID: services.Text(native, "payment_id"),
		}, true, nil
	}
	return services.Command{}, false, nil
}

func decideCharge(d services.Dice, c services.Command) ledger.Entry {
	if d.Roll(c.Subject, "credit") < declinesCard {
		return ledger.Entry{Did: Declined}
	}
	return ledger.Entry{Did: Captured, ID: services.IDFor("pay", c.ID)}
}

func (c paymentCodecs) answerCharge(cmd services.Command, done ledger.Entry) ([]services.Answer, error) {
	charge, ok := cmd.Payload.(map[string]any)
	if !ok {
		return nil, errors.New("the payload of a charge is missing")
	}
	if done.Did == Declined {
		return one(c.Write("PaymentDeclined", map[string]any{
			"order_id": cmd.Key, "card_token": charge["card_token"], "reason": "insufficient funds",
		}))
	}
	return one(c.Write("PaymentCaptured", map[string]any{
		"order_id": cmd.Key, "payment_id": done.ID, "amount": charge["amount"],
	}))
}

// declined is what the shop reads of a declined charge.
type declined struct{ order, card string }

// readDeclined reads a declined charge; ok is false for other payment events.
func (c paymentCodecs) readDeclined(r *kgo.Record) (d declined, ok bool, err error) {
	name, native, err := c.Read(r.Value)
	if err != nil || name != "PaymentDeclined" {
		return declined{}, false, err
	}
	return declined{order: services.Text(native, "order_id"), card: services.Text(native, "card_token")}, true, nil
}

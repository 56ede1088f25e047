package services

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/linkedin/goavro/v2"
	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/demo/ledger"
)

// declinesCard is the share of cards that are declined.
const declinesCard = 0.15

// paymentCodecs are the Avro schemas of the payment topics. Records are in
// single-object encoding: two marker bytes, the fingerprint of the schema, the
// data.
type paymentCodecs struct {
	byName  map[string]*goavro.Codec
	names   map[uint64]string // by fingerprint
	byPrint map[uint64]*goavro.Codec
}

func newPaymentCodecs(schemas fs.FS) (*paymentCodecs, error) {
	files, err := fs.Glob(schemas, "*.avsc")
	if err != nil {
		return nil, fmt.Errorf("find the payment schemas: %w", err)
	}
	c := &paymentCodecs{byName: map[string]*goavro.Codec{}, names: map[uint64]string{}, byPrint: map[uint64]*goavro.Codec{}}
	for _, name := range files {
		if err := c.load(schemas, name); err != nil {
			return nil, fmt.Errorf("payment schema %s: %w", name, err)
		}
	}
	for _, name := range []string{"ChargeCard", "RefundPayment", "PaymentCaptured", "PaymentDeclined"} {
		if c.byName[name] == nil {
			return nil, fmt.Errorf("no schema file of the checkout is of the record %s", name)
		}
	}
	return c, nil
}

func (c *paymentCodecs) load(schemas fs.FS, file string) error {
	text, err := fs.ReadFile(schemas, file)
	if err != nil {
		return err
	}
	var record struct {
		Name string `json:"name"`
	}
	if err := json.Unmarshal(text, &record); err != nil {
		return err
	}
	codec, err := goavro.NewCodec(string(text))
	if err != nil {
		return err
	}
	c.byName[record.Name] = codec
	c.names[codec.Rabin], c.byPrint[codec.Rabin] = record.Name, codec
	return nil
}

// read decodes a record and says its Avro name; "" for a schema that is not of
// the payment service.
func (c *paymentCodecs) read(value []byte) (name string, native map[string]any, err error) {
	print, _, err := goavro.FingerprintFromSOE(value)
	if err != nil {
		return "", nil, fmt.Errorf("decode payment record: %w", err)
	}
	codec, ok := c.byPrint[print]
	if !ok {
		return "", nil, nil
	}
	datum, _, err := codec.NativeFromSingle(value)
	if err != nil {
		return "", nil, fmt.Errorf("decode %s: %w", c.names[print], err)
	}
	native, ok = datum.(map[string]any)
	if !ok {
		return "", nil, fmt.Errorf("decode %s: not a record", c.names[print])
	}
	return c.names[print], native, nil
}

func (c *paymentCodecs) write(name string, native map[string]any) ([]byte, error) {
	value, err := c.byName[name].SingleFromNative(nil, native)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", name, err)
	}
	return value, nil
}

// text reads a string field, also one that is a union with null.
func text(native map[string]any, field string) string {
	switch v := native[field].(type) {
	case string:
		return v
	case map[string]any:
		s, _ := v["string"].(string)
		return s
	}
	return ""
}

func newPayment(schemas fs.FS) (*service, error) {
	codecs, err := newPaymentCodecs(schemas)
	if err != nil {
		return nil, err
	}
	return &service{
		name:     "payment",
		commands: "payment.commands",
		events:   "payment.events",
		habits:   paymentHabits,
		undone:   ledger.Refunded,
		read:     codecs.readCommand,
		decide:   decideCharge,
		answer:   codecs.answerCharge,
		// The checkout comes to its payment step again with another card. A
		// decline that does not say which charge it is about would be taken for
		// the new card's when it comes late or twice.
		mustEcho: func(p *page) bool { return p.did == ledger.Declined },
	}, nil
}

func (c *paymentCodecs) readCommand(r *kgo.Record) (command, bool, error) {
	name, native, err := c.read(r.Value)
	if err != nil {
		return command{}, false, err
	}
	switch name {
	case "ChargeCard":
		order := text(native, "order_id")
		if order == "" {
			return command{}, false, errors.New("decode ChargeCard: no order_id")
		}
		return command{order: order, subject: "charge " + text(native, "card_token"), payload: native}, true, nil
	case "RefundPayment":
		return command{
			order: string(r.Key), undo: true,
			undoes: text(native, "charge"), undoesID: text(native, "payment_id"),
		}, true, nil
	}
	return command{}, false, nil
}

func decideCharge(d dice, c command) (ledger.Deed, string) {
	if d.roll(c.subject, "credit") < declinesCard {
		return ledger.Declined, ""
	}
	return ledger.Captured, idFor("pay", c.id)
}

func (c *paymentCodecs) answerCharge(cmd command, p *page) ([]byte, string, error) {
	charge, ok := cmd.payload.(map[string]any)
	if !ok {
		return nil, "", errors.New("the payload of a charge is missing")
	}
	if p.did == ledger.Declined {
		value, err := c.write("PaymentDeclined", map[string]any{
			"order_id": cmd.order, "card_token": charge["card_token"], "reason": "insufficient funds",
		})
		return value, "", err
	}
	value, err := c.write("PaymentCaptured", map[string]any{
		"order_id": cmd.order, "payment_id": p.id, "amount": charge["amount"],
	})
	return value, "", err
}

// declined is what the shop reads of a declined charge.
type declined struct{ order, card string }

// readDeclined reads a declined charge; ok is false for other payment events.
func (c *paymentCodecs) readDeclined(r *kgo.Record) (d declined, ok bool, err error) {
	name, native, err := c.read(r.Value)
	if err != nil || name != "PaymentDeclined" {
		return declined{}, false, err
	}
	return declined{order: text(native, "order_id"), card: text(native, "card_token")}, true, nil
}

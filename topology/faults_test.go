package topology

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// fault is one thing that is wrong in the checkout: at the only place of old
// stands new. It must be found on that line, and nothing anywhere else.
type fault struct{ old, new, code string }

// faults are of every stage of the check, each in a part of its own.
var faults = []fault{
	{"CardUpdated:     {topic: shop.orders, ", "CardUpdated:     {topc: shop.orders, ", codeUnknownWord},
	{"LabelPrinted:    {topic: shipping.events,  key: event.order_id", "LabelPrinted:    {topic: shipping.events,  key: evnt.order_id", "unknown-variable"},
	{"deadline: 24h ", "deadline: 24 hours ", codeBadDuration},
	{"StockRejected: {raise: out-of-stock}", "StockRejected: {rise: out-of-stock}", codeUnknownWord},
	{"compensate: {send: RefundPayment", "compensate: {sned: RefundPayment", codeUnknownWord},
	{"timeout: 5s", "timeout: 5", codeDurationUnit},
	{"retry: {attempts: 3, backoff: 1s}", "retry: {attempts: 0, backoff: 1s}", codeBadRetry},
	{"catch: {declined: {then: enough}}", "catch: {declined: {then: enogh}}", codeUnknownStep},
	{"PaymentCaptured: {set: {payment: =event.payment_id}}", "PaymentCaptured: {set: {payment: =event.paymentid}}", "unknown-field"},
	{"enough: {if: declines >= 3,", "enough: {if: declnes >= 3,", "unknown-variable"},
	{"timeout: 10m", "timeout: \"=10 + 'm'\"", "wrong-kind"},
	{"send: PrintLabel", "send: PrintLabl", codeUnknownMessage},
	{"done: {send: OrderCompleted,", "done: {send: OrderCompleted, await: !x {},", codeYAMLTag},
	{"undo: compensate ", "undo: compensaet ", codeWrongType},
	{"reason: =error.name}", "reason: =error.nam}", "unknown-field"},
}

func checkoutSource(t *testing.T) (src string, files func(string) ([]byte, error)) {
	dir := filepath.Join("..", "examples", "checkout")
	return string(readFile(t, filepath.Join(dir, "checkout.yaml"))), func(name string) ([]byte, error) {
		return os.ReadFile(filepath.Join(dir, name))
	}
}

// TestEachOfSeveralFaultsIsFoundAndNothingElse puts faults into a definition that is
// right, and demands a finding at each and none elsewhere.
func TestEachOfSeveralFaultsIsFoundAndNothingElse(t *testing.T) {
	src, files := checkoutSource(t)
	types := testTypes()
	types.Messages["PaymentCaptured"] = types.Messages["Charged"]
	for _, one := range faults {
		if err := onlyAtFaults(src, files, types, one); err != "" {
			t.Error(err)
		}
	}
	if err := onlyAtFaults(src, files, types, faults...); err != "" {
		t.Error("all at once: " + err)
	}
	rapid.Check(t, func(t *rapid.T) {
		some := rapid.SliceOfNDistinct(rapid.SampledFrom(faults), 2, 6, func(f fault) string { return f.old }).Draw(t, "faults")
		if err := onlyAtFaults(src, files, types, some...); err != "" {
			t.Fatal(err)
		}
	})
}

func onlyAtFaults(src string, files func(string) ([]byte, error), types *Types, some ...fault) string {
	wrong := map[int]string{}
	text := src
	for _, f := range some {
		if strings.Count(text, f.old) != 1 {
			return fmt.Sprintf("%q stands there %d times", f.old, strings.Count(text, f.old))
		}
		before, _, _ := strings.Cut(text, f.old)
		wrong[strings.Count(before, "\n")+1] = f.code
		text = strings.Replace(text, f.old, f.new, 1)
	}
	_, list := checkedText("checkout.yaml", []byte(text), files, types)
	for _, d := range list {
		if _, meant := wrong[d.Pos.Line]; !meant {
			return fmt.Sprintf("found elsewhere: %v\nof the faults %q", d, some)
		}
		if d.Code == wrong[d.Pos.Line] {
			wrong[d.Pos.Line] = ""
		}
	}
	var missed []string
	for _, code := range wrong {
		if code != "" {
			missed = append(missed, code)
		}
	}
	if slices.Sort(missed); len(missed) > 0 {
		return fmt.Sprintf("not found: %s; of the faults %q", missed, some)
	}
	return ""
}

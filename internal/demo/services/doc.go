// Package services simulates the world around the checkout: a shop that places
// orders, and the inventory, payment and shipping services that carry commands
// out. They are ordinary Kafka clients. Of Rondo they know the topics, their
// own payloads, and the header rondo-command-id, by which they recognise a
// command that they have carried out already and which they sometimes, not
// always, send back.
//
//	ReserveStock, ReleaseStock ──► inventory ──► StockReserved, StockRejected   (JSON)
//	ChargeCard, RefundPayment  ──► payment   ──► PaymentCaptured, PaymentDeclined (Avro)
//	PrintLabel                 ──► shipping  ──► LabelPrinted                   (JSON)
//	PaymentDeclined            ──► shop      ──► CardUpdated, OrderCancelled    (JSON)
//
// They misbehave as services do (habits.go): they are slow, refuse, do not get
// a request or lose its answer (at most twice per command), answer twice, and
// answer after the caller has given up waiting. What they do they do once per
// command id, and they write it down on the topic services.ledger, whether or
// not they answer. A compensation of something they never did is done: there is
// nothing to undo.
//
// All chance is a hash of the seed and of the number of the order, so the same
// seed tells the same story again.
//
// A record is committed once everything that follows from it has been
// acknowledged (progress.go): the services are at-least-once, and the command
// id makes that exactly once.
package services

// Package build makes workflows in Go: for teams that generate them, or keep them
// beside their code. What YAML can say it can say, with the same words:
//
//	checkout := build.Workflow("checkout", 1,
//		build.Messages(
//			build.Message("OrderPlaced", build.Topic("shop.orders"), build.Key("event.order_id")),
//			build.Message("ReserveStock", build.Topic("inventory.commands")),
//			build.Message("StockReserved", build.Topic("inventory.events"), build.Key("event.order_id")),
//		),
//		build.Start(build.On("OrderPlaced", build.Set("order", build.Expr("event")))),
//		build.Do(
//			build.Step("reserve",
//				build.Send("ReserveStock"),
//				build.With(build.Field("order_id", build.Expr("order.order_id"))),
//				build.Await(build.On("StockReserved")),
//				build.Timeout(2*time.Second),
//			),
//		),
//	)
//	def, findings := checkout.Definition(nil)
//
// A workflow is a tree of Parts, each of them a word with its value. Definition
// writes that tree as YAML, in the form of rondo fmt, and parses it: so a workflow
// made in Go has a source and a digest like any other, can be deployed, printed
// and reviewed, and is checked by the same rules with the same messages, whose
// places are those of the source. Parts that cannot stand where they were put are
// therefore found by Definition, not by the Go compiler.
//
// Where a value may be an expression it is written build.Expr("order.total"); where
// only an expression can stand (Key, When, If, Until, In, While, ID) it is a string.
package build

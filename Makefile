# Everything that the project can do with one word. `make help` lists it.

GO        ?= go
NODES     ?= 1
ORDERS    ?= 2000

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

.PHONY: build
build: ## the binary, into bin/rondo
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/rondo ./cmd/rondo

.PHONY: test
test: vet ## all tests: unit, transcript, property, end to end on the embedded broker and on real Kafka
# One package after the other: several start clusters of their own.
	$(GO) test -p 1 -timeout 40m ./...

.PHONY: race
race: ## the packages with goroutines under the race detector
# On the embedded broker, on purpose: `make test` has the rest.
	RONDO_REQUIRE_KAFKA=0 RONDO_KAFKA=embedded $(GO) test -race -short -timeout 25m ./processor ./statestore ./console ./schemas ./internal/...

.PHONY: vet
vet: ## go vet, staticcheck, formatting, generated files
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "not formatted: run gofmt -w on"; gofmt -l $$(git ls-files '*.go'); exit 1; }

.PHONY: generate
generate: ## write the golden files and the generated parts of the documentation anew; tests check that they are up to date
	$(GO) test ./topology ./topology/layout ./topology/editor ./topology/graph ./schemas ./internal/config -update
	RONDO_KAFKA=embedded $(GO) test ./cmd/rondo -update

.PHONY: kafka
kafka: ## a real Kafka at localhost:9092 until Ctrl-C, elsewhere if that is taken; NODES=3 for three brokers
	scripts/kafka.sh $(NODES)

.PHONY: demo
demo: ## the checkout, end to end, with kills
	$(GO) run ./cmd/rondo demo --orders $(ORDERS) --kill

.PHONY: demo-check
demo-check: build ## the demos, checked: the checkout with kills on the embedded broker and on a real Kafka, the other stories in small
	bin/rondo demo --orders $(ORDERS) --kill --json
	scripts/with-kafka.sh bin/rondo demo --orders $(ORDERS) --kill --json --brokers {}
	bin/rondo demo overheat-guard --machines 60 --rate 20 --json
	bin/rondo demo best-execution --orders 600 --rate 60 --json
	bin/rondo demo personalise --views 2000 --rate 200 --json

.PHONY: bench
bench: ## benchmarks of the packages
	$(GO) test -run '^$$' -bench . -benchmem ./topology/... ./schemas ./statestore

.PHONY: bench-check
bench-check: ## whether the benchmarks cost more than the baseline: allocations, and times by a reference's
	$(GO) run ./internal/benchcheck

.PHONY: bench-allocs
bench-allocs: ## the same of allocations alone, which no load disturbs
	$(GO) run ./internal/benchcheck -allocs

.PHONY: bench-baseline
bench-baseline: ## write that baseline anew; commit it with the reason
	$(GO) run ./internal/benchcheck -write

.PHONY: bench-rings
bench-rings: ## ways to share transaction rings between partitions, on real Kafka; half an hour
	$(GO) test -run '^$$' -bench Rings -benchtime 5x -timeout 60m ./internal/bench/loop

.PHONY: bench-ring
bench-ring: ## the transaction ring beside kgo's GroupTransactSession, on real Kafka
	$(GO) test -run '^$$' -bench Ring -benchtime 1x -timeout 15m ./processor

.PHONY: bench-kafka
bench-kafka: build ## what workflows cost, on a real Kafka; ARGS for rondo bench
	scripts/with-kafka.sh bin/rondo bench --brokers {} $(ARGS)

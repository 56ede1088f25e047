#!/bin/sh
# Runs Apache Kafka on this machine until Ctrl-C: with Docker where an engine
# answers, else from its Maven artifacts (Java 17 and Maven).
#
#   scripts/kafka.sh [NODES]    NODES is 1 (default) or 3; 3 always uses Maven
#
# The address to connect to is printed on standard output.
set -eu
cd "$(dirname "$0")/.."
nodes="${1:-1}"

if [ "$nodes" = 1 ] && docker info >/dev/null 2>&1; then
	trap 'docker compose rm --stop --force kafka >/dev/null 2>&1' EXIT
	trap 'exit 130' INT TERM
	docker compose up --detach --wait kafka >&2
	echo "localhost:9092"
	echo "ready at the address above; Ctrl-C stops it" >&2
	docker compose logs --follow --since 0s kafka >&2
	exit
fi
exec go run ./internal/kafkatest/cmd/kafka --nodes "$nodes"

#!/usr/bin/env bash
# Runs a command against a real Kafka that lives as long as the command:
#   scripts/with-kafka.sh COMMAND… {}        {} is replaced by host:port
set -euo pipefail
cd "$(dirname "$0")/.."
exec go run ./internal/kafkatest/cmd/kafka --nodes "${NODES:-1}" -- "$@"

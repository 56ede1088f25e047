package topology

// The codes of what Compile finds where it is told what is known of payloads,
// those of expressions (package expr) apart.
const (
	codeMissingField = "missing-field"
	codePayload      = "wrong-payload"
	codeMaybeNull    = "maybe-null"
)

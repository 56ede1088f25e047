package topology

// The codes of what Parse finds. They are stable: people look them up, and
// programs filter by them. Each has an essay (`rondo explain CODE`), in
// diag/explain.
const (
	// The file as YAML.
	codeFileTooLarge     = "file-too-large"
	codeNotUTF8          = "not-utf8"
	codeEmptyFile        = "empty-file"
	codeYAMLSyntax       = "yaml-syntax"
	codeYAMLTag          = "yaml-tag"
	codeYAMLAnchor       = "yaml-anchor"
	codeSeveralDocuments = "several-documents"
	codeTooDeep          = "too-deep"
	codeBadKey           = "bad-key"
	codeDuplicateKey     = "duplicate-key"
	codeTooManyFindings  = "too-many-findings"

	// Valid YAML that means something else than it looks like.
	codeSplitExpression = "split-expression"
	codeCutExpression   = "cut-expression"
	codeLostNegation    = "lost-negation"
	codeForgottenEquals = "forgotten-equals"
	codeNeedlessEquals  = "needless-equals"
	codeLeadingZero     = "leading-zero"

	// Words and their values.
	codeUnknownWord   = "unknown-word"
	codeMisplacedWord = "misplaced-word"
	codeMissingWord   = "missing-word"
	codeWordNeeds     = "word-needs"
	codeWordExcludes  = "word-excludes"
	codeTwoActions    = "two-actions"
	codeUnnamedStep   = "unnamed-step"
	codeBadIndent     = "bad-indent"
	codeWrongType     = "wrong-type"
	codeEmptyValue    = "empty-value"
	codeBadChoice     = "bad-choice"
	codeBadNumber     = "bad-number"
	codeBadDuration   = "bad-duration"
	codeDurationUnit  = "duration-unit"
	codeTimeRange     = "time-range"

	// Names.
	codeBadName         = "bad-name"
	codeReservedName    = "reserved-name"
	codeBadTopic        = "bad-topic"
	codeDuplicateStep   = "duplicate-step"
	codeUnknownMessage  = "unknown-message"
	codeUnknownStep     = "unknown-step"
	codeUnknownVariable = "unknown-variable"
	codeBadJump         = "bad-jump"
	codeSchemaFile      = "schema-file"

	// Rules of the language.
	codeTooMany       = "too-many"
	codeBadRetry      = "bad-retry"
	codeEndlessRetry  = "endless-retry"
	codeEmptyListen   = "empty-listen"
	codeCatchFallsOff = "catch-falls-off"
	codeBadJoin       = "bad-join"
	codeBadLoop       = "bad-loop"
	codeBadRate       = "bad-rate"
	codeBadSchedule   = "bad-schedule"
	codeBadZone       = "bad-zone"
	codeBadOutcome    = "bad-outcome"
	codeBadMigration  = "bad-migration"
	codeSelfRun       = "self-run"

	// Warnings: legal, but hardly meant.
	codeNoTimeout         = "no-timeout"
	codeRetryNeverHappens = "retry-never-happens"
	codeUnreachableStep   = "unreachable-step"
	codeUnreachableCase   = "unreachable-alternative"
	codeUnusedMessage     = "unused-message"
	codeShadowedMessage   = "shadowed-message"
	codeErrorNeverRaised  = "error-never-raised"
	codeCompensationNever = "compensation-never-runs"
	codeLoopWithoutWait   = "loop-without-wait"
	codeAmbiguousAwait    = "ambiguous-await"
	codeNeverNotKept      = "never-not-kept"
)

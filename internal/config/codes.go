package config

// Codes of the findings about a configuration.
const (
	CodeSyntax     = "config-syntax"
	CodeUnknownKey = "config-unknown-key"
	CodeDuplicate  = "config-duplicate-key"
	CodeValue      = "config-value"
	CodeMissing    = "config-missing"
	CodeSecret     = "config-secret"
)

// Explain says more about a code; "" for a code that is not of this package.
func Explain(code string) string { return explanations[code] }

var explanations = map[string]string{
	CodeSyntax: "rondo.yaml cannot be read as YAML: it has one list of keys. Most often a " +
		"line is indented by tabs or differently from its neighbours, or a text with a colon or a brace needs quotes.",
	CodeUnknownKey: "The configuration has a key that does not exist. It is an error rather than ignored, because a " +
		"misspelt key would silently leave its default in force. docs/configuration.md lists all keys.",
	CodeDuplicate: "A key is given twice. Only one of the two values could be used, and which one is not what a reader " +
		"of the file would guess.",
	CodeValue: "The value of a key cannot be used: it is of another kind than the key takes, or outside its bounds. " +
		"docs/configuration.md says for each key what it takes, what it means and what is dangerous about it.",
	CodeMissing: "A key that has no default is missing. A file needs at least app and brokers; with sasl also " +
		"mechanism, user and password; with registry also url.",
	CodeSecret: "A password stands in the file itself. Files like this end up in version control, in images and in " +
		"support tickets, so it is refused. Write ${env:NAME} to take it from the environment, or ${file:PATH} to read " +
		"it from a file, such as one that a secret store mounts.",
}

// Codes lists the codes of this package.
func Codes() []string {
	return []string{CodeSyntax, CodeUnknownKey, CodeDuplicate, CodeValue, CodeMissing, CodeSecret}
}

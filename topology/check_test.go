package topology

import (
	"slices"
	"strings"
	"testing"

	"rondo/topology/diag"
)

// workflowOf is a definition with some messages and the given rest.
func workflowOf(rest string) string {
	return `workflow: w
version: 1
messages: {Go: {topic: go}, Ask: {topic: asks}, Told: {topic: told}}
start: {Go: {}}
` + rest
}

// checked gives the codes of a definition, without those of unused messages.
func checked(rest string) []string {
	_, list := parseText(workflowOf(rest))
	return slices.DeleteFunc(codesOf(list), func(c string) bool { return c == codeUnusedMessage })
}

func TestChecks(t *testing.T) {
	const deadline = "deadline: 1h\n"
	tests := []struct{ name, rest, want string }{
		{"a jump to a step of the list around", deadline + `do: [{a: {do: [{b: {if: x, then: c}}, {d: {}}]}}, {c: {}}]`, ""},
		{"a jump back", deadline + `do: [{a: {wait: 1s}}, {b: {if: x, then: a}}]`, ""},
		{"a jump to itself over a wait", deadline + `do: [{a: {listen: {Told: {then: a}}}}]`, ""},
		{"a jump to exit", deadline + `do: [{a: {if: x, then: exit}}, {b: {}}]`, ""},
		{"a jump into a block", deadline + `do: [{a: {then: b}}, {c: {do: [{b: {}}]}}]`, codeBadJump},
		{"anytime moves the main line", deadline + `do: [{a: {}}]` + "\nanytime: {Told: {then: a}}", ""},
		{"a step of anytime stays in it", deadline + `do: [{a: {}}]` + "\nanytime: {Told: {do: [{b: {then: a}}]}}", codeBadJump},
		{"steps of anytime jump among themselves", deadline + `do: [{a: {}}]` + "\nanytime: {Told: {do: [{b: {if: x, then: c}}, {d: {}}, {c: {}}]}}", ""},
		{"a jump by expression out of a block of the catch", deadline + `do: [{a: {}}]` + "\ncatch: {any: {do: [{b: {do: [{c: {if: x, then: =x}}]}}, {d: {end: {fail: x}}}]}}", ""},
		{"a jump by expression to the end of the catch", deadline + `do: [{a: {}}]` + "\ncatch: {any: {do: [{b: {do: [{c: {}}]}}, {d: {if: x, then: =x}}, {e: {end: {fail: x}}}]}}", codeCatchFallsOff},
		{"a jump by expression reaches all", deadline + `do: [{a: {then: =x}}, {b: {}}]`, ""},
		{"the start jumps", "do: [{a: {wait: 1s, then: exit}}, {b: {then: a}}]\nanytime: {Told: {then: b}}", ""},

		{"a call with a timeout", `do: [{a: {send: Ask, await: {Told: {}}, timeout: 1s}}]`, ""},
		{"a call without", `do: [{a: {send: Ask, await: {Told: {}}}}]`, codeNoTimeout},
		{"a call in a block with one", `do: [{a: {do: [{b: {send: Ask, await: {Told: {}}}}], timeout: 1s}}]`, ""},
		{"a call under a deadline", deadline + `do: [{a: {send: Ask, await: {Told: {}}}}]`, ""},
		{"a call of the catch under a deadline", deadline + `do: [{a: {}}]` + "\ncatch: {any: {do: [{b: {send: Ask, await: {Told: {}}}}, {c: {end: {fail: x}}}]}}", codeNoTimeout},
		{"a call of a compensation under a deadline", deadline + `do: [{a: {send: Go, compensate: {send: Ask, await: {Told: {}}}}}]`, codeNoTimeout},
		{"a compensation that compensates", deadline + `do: [{a: {send: Go, compensate: {do: [{b: compensate}]}}}]`, codeMisplacedWord},
		{"the catch of one", deadline + `do: [{a: {send: Go, compensate: {do: [{b: {send: Ask, await: {Told: {}}, timeout: 1s, catch: {timeout: compensate}}}]}}}]`, codeMisplacedWord},
		{"a step of one with a compensation", deadline + `do: [{a: {send: Go, compensate: {do: [{b: {send: Ask, compensate: {send: Ask}}}]}}}]`, codeMisplacedWord},
		{"a listen without an end", `do: [{a: {listen: {Told: {}}}}]`, codeNoTimeout},
		{"a listen with idle", `do: [{a: {listen: {Told: {}}, until: x, idle: 1s}}]`, ""},
		{"a condition without an end", `do: [{a: {listen: {}, until: x}}]`, codeNoTimeout},

		{"a loop that calls", deadline + `do: [{a: {send: Ask, await: {Told: {}}}}, {b: {then: a}}]`, ""},
		{"a loop that does not", deadline + `do: [{a: {send: Ask}}, {b: {then: a}}]`, codeLoopWithoutWait},
		{"a loop by expression", deadline + `do: [{a: {send: Ask}}, {b: {if: x, then: =y}}, {c: {wait: 1s}}]`, ""},
		{"a loop around a wait that may be left out", deadline + `do: [{a: {if: x, wait: 1s}}, {b: {then: a}}]`, codeLoopWithoutWait},
		{"a loop of a caught error", deadline + `do: [{a: {raise: oops, catch: {oops: {then: a}}}}]`, codeLoopWithoutWait},
		{"a loop of timeouts", `do: [{a: {listen: {Told: {}}, timeout: 1s, catch: {timeout: {then: a}}}}]`, ""},

		{"a step behind a jump", deadline + `do: [{a: {then: c}}, {b: {}}, {c: {}}]`, codeUnreachableStep},
		{"a step behind a switch without else", deadline + `do: [{a: {switch: [{when: x, end: complete}]}}, {b: {}}]`, ""},
		{"a step behind a switch that always ends", deadline + `do: [{a: {switch: [{when: x, end: complete}, {raise: oops}]}}, {b: {}}]`, codeUnreachableStep},
		{"a step behind outcomes that raise", deadline + `do: [{a: {send: Ask, await: {Told: {raise: oops}}}}, {b: {}}]`, codeUnreachableStep},
		{"a step behind a caught error", deadline + `do: [{a: {send: Ask, await: {Told: {raise: oops}}, catch: {oops: {}}}}, {b: {}}]`, ""},
		{"a block that ends", deadline + `do: [{a: {do: [{b: {end: complete}}]}}, {c: {}}]`, codeUnreachableStep},

		{"an uncaught error undoes", deadline + `do: [{a: {send: Ask, compensate: {send: Ask}}}]`, ""},
		{"a catch of one error", deadline + `do: [{a: {send: Ask, compensate: {send: Ask}}}]` + "\ncatch: {deadline: {end: {fail: x}}}", ""},
		{"a catch that undoes", deadline + `do: [{a: {send: Ask, compensate: {send: Ask}}}]` + "\ncatch: {any: {do: [{u: compensate}, {e: {end: {fail: x}}}]}}", ""},
		{"a catch that does not", deadline + `do: [{a: {send: Ask, compensate: {send: Ask}}}]` + "\ncatch: {any: {end: {fail: x}}}", codeCompensationNever},

		{"never, of what is not remembered", "again: never\ndo: [{a: {send: Ask}}]", codeNeverNotKept},
		{"never, unsaid", "do: [{a: {send: Ask}}]", ""},
		{"ended, of what is not remembered", "again: ended\ndo: [{a: {send: Ask}}]", ""},
		{"never, of what is kept", "again: never\nkeep: 1h\ndo: [{a: {send: Ask}}]", ""},
		{"never, of what is kept for a time that was not understood", "again: never\nkeep: 1\ndo: [{a: {send: Ask}}]", codeDurationUnit},
		{"never, of what waits", "again: never\ndo: [{a: {wait: 1s}}]", ""},
		{"never, of what waits in a branch", "again: never\ndo: [{a: {if: x, send: Ask}}, {b: {fork: {c: [{d: {wait: 1s}}]}}}]", ""},
		{"never, of what may wait", "again: never\ndo: [{a: {wiat: 1s}}]", codeUnknownWord},
		{"never, of what waits in its compensation", "again: never\ndo: [{a: {send: Go, compensate: {send: Ask, await: {Told: {}}, timeout: 1s}}}, {b: {if: x, raise: oops}}]", ""},
		{"never, of what waits where no way leads", "again: never\ndo: [{a: {end: complete}}, {b: {wait: 1s}}]", codeNeverNotKept + " " + codeUnreachableStep},

		{"a catch that only undoes", deadline + `do: [{a: {}}]` + "\ncatch: {any: compensate}", codeCatchFallsOff},
		{"a catch that returns", deadline + `do: [{a: {wait: 1s}}]` + "\ncatch: {deadline: {then: a}}", ""},
		{"a catch with a switch", deadline + `do: [{a: {}}]` + "\ncatch: {any: {switch: [{when: x, raise: oops}]}}", codeCatchFallsOff},
		{"a catch that jumps in its block", deadline + `do: [{a: {}}]` + "\ncatch: {any: {do: [{b: {if: x, then: d}}, {c: {end: complete}}, {d: {raise: oops}}]}}", ""},
		{"a catch whose own error falls off", deadline + `do: [{a: {}}]` + "\ncatch: {any: {do: [{b: {raise: oops}}], catch: {oops: {}}}}", codeCatchFallsOff},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := strings.Join(checked(test.rest), " "); got != test.want {
				t.Errorf("got %q, want %q\n%s", got, test.want, workflowOf(test.rest))
			}
		})
	}
}

func TestErrorsHideNoWarnings(t *testing.T) {
	codes := checked("do: [{a: {then: nowhere}}, {b: {listen: {Told: {}}}}]")
	if !slices.Equal(codes, []string{codeUnknownStep, codeNoTimeout}) {
		t.Errorf("got %v", codes)
	}
}

func TestWhatIsMissingMayBeWhereAMessageIsUsed(t *testing.T) {
	for _, steps := range []string{`{a: {with: {x: 1}}}`, `{a: {send: }}`, `{a: {switch: []}}`, `{a: {for: {each: x, in: [1]}}}`} {
		_, list := parseText(workflowOf("deadline: 1h\ncatch: {oops: {end: complete}}\ndo: [" + steps + "]"))
		if codes := codesOf(list); len(codes) != 1 || !list.HasErrors() {
			t.Errorf("%s: %v", steps, list)
		}
	}
}

func TestNamesInPartsThatWereNotUnderstoodAreNotCalledUnknown(t *testing.T) {
	codes := checked("deadline: 1h\ndo: [{a: {frk: {x: [{b: {}}]}}}, {c: {then: b}}]")
	if !slices.Equal(codes, []string{codeUnknownWord}) {
		t.Errorf("got %v", codes)
	}
}

func TestADigestCoversTheSourceAndItsFiles(t *testing.T) {
	base := func() *Definition {
		return &Definition{Source: []byte("workflow: a"), Files: map[string][]byte{"a.avsc": []byte("1"), "b.avsc": []byte("2")}}
	}
	want := base().Digest()
	if len(want) != 64 || base().Digest() != want {
		t.Errorf("a digest must be 64 hex digits and the same each time: %s", want)
	}
	for name, change := range map[string]func(*Definition){
		"source":    func(d *Definition) { d.Source = []byte("workflow: a ") },
		"a file":    func(d *Definition) { d.Files["a.avsc"] = []byte("3") },
		"a name":    func(d *Definition) { d.Files["c.avsc"] = d.Files["b.avsc"]; delete(d.Files, "b.avsc") },
		"boundary":  func(d *Definition) { d.Files["a.avsc"], d.Files["b.avsc"] = []byte("12"), nil },
		"no files":  func(d *Definition) { d.Files = nil },
		"less text": func(d *Definition) { d.Source = nil },
	} {
		d := base()
		change(d)
		if d.Digest() == want {
			t.Errorf("%s does not change the digest", name)
		}
	}
}

func TestASchemaFileIsReadOnceAndKeptUnderItsName(t *testing.T) {
	asked := map[string]int{}
	def, list := Parse("w.yaml", []byte(`workflow: w
version: 1
messages:
  Go:      {topic: go, schema: s/go.avsc}
  Ask:     {topic: asks, schema: s/go.avsc}
  Told:    {topic: told, schema: told.json}
  Subject: {topic: sub, schema: shop.orders-value}
start: {Go: {}}
deadline: 1h
do: [{a: {send: Ask, await: {Told: {}, Subject: {}}}}]
`), func(name string) ([]byte, error) {
		asked[name]++
		return []byte(name), nil
	})
	if len(list) > 0 {
		t.Fatal(list)
	}
	if asked["s/go.avsc"] != 1 || asked["told.json"] != 1 || len(asked) != 2 {
		t.Errorf("asked for %v", asked)
	}
	if string(def.Files["s/go.avsc"]) != "s/go.avsc" || len(def.Files) != 2 {
		t.Errorf("kept %v", def.Files)
	}
}

func TestTimesInOtherWordsAreTranslated(t *testing.T) {
	for text, want := range map[string]string{
		"4 h": "write 4h", "4hours": "write 4h", "4 hr": "write 4h", "1 h 30 min": "write 1h30m", "2 days": "write 2d", "1 week": "write 1w", "10sec": "write 10s",
		"1.5h": "write 1h30m", "2.5s": "write 2s500ms", "0.5d": "write 12h", "1.5 days": "write 1d12h", "1h2.5m": "write 1h2m30s", "0.25 hours": "write 15m",
		"1.50m": "write 1m30s", "1.5w": "write 10d12h", "0.0001s": "write whole numbers: the smallest unit is ms",
		"PT5M": "write 5m", "P1DT2H": "write 1d2h", "PT1.5H": "write 1h30m", "P1M": "write a fixed time like 30d: months and years differ in length",
	} {
		_, list := parseText(workflowOf("do: [{a: {wait: " + text + "}}]"))
		if i := slices.Index(codesOf(list), codeBadDuration); i < 0 || list[i].Help != want {
			t.Errorf("%s: got %+v, want %s", text, list, want)
		}
	}
}

func TestABareWordThatIsMisspeltIsRecognised(t *testing.T) {
	_, list := parseText(workflowOf("do: [{undo: compensaet}]"))
	if i := slices.Index(codesOf(list), codeWrongType); i < 0 || list[i].Help != "did you mean `compensate`?" {
		t.Errorf("got %+v", list)
	}
}

func TestVariablesThatAreNoRecordsHaveNoFields(t *testing.T) {
	_, list := checkedText("w.yaml", []byte(oneStep(`{set: {n: 1, x: =key.nope, y: =n.nope, z: "=n[0]"}, send: Ask}`)), nil, &Types{})
	list = slices.DeleteFunc(list, func(d diag.Diagnostic) bool { return d.Code != "wrong-kind" })
	if len(list) != 3 {
		t.Errorf("got %v", list)
	}
}

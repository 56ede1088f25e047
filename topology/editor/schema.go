// Package editor tells editors the language: a JSON Schema (draft-07) made of
// topology.Words, from which the reference page is made too. With it an editor
// completes words, shows what they mean, and marks what cannot stand where it
// does. It accepts every definition that Parse accepts without findings of
// errors, apart from numbers that were put in quotes; what it cannot see (names
// that are not declared, jumps, expressions) the check finds.
package editor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"rondo/topology"
)

// object is a piece of a schema. Its keys are written in order.
type object = map[string]any

// Schema is the JSON Schema of a workflow file, indented, the same bytes every
// time.
func Schema() []byte {
	defs := object{}
	for _, place := range topology.Places() {
		defs[string(place)] = mappingOf(place)
	}
	defs["oneAction"] = oneAction()
	defs["steps"] = stepList()
	defs["reactions"] = reactions()
	defs["stepNamed"] = named(string(topology.InStep))
	defs["reactionNamed"] = named(string(topology.InReaction))
	for name, form := range forms() {
		defs[name] = form
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(object{
		"$schema":     "http://json-schema.org/draft-07/schema#",
		"title":       "Rondo workflow",
		"description": "How a business process moves: which event starts it, which commands it sends, which events it waits for, and what happens when one does not come.",
		"definitions": defs,
		"allOf":       []any{ref(string(topology.InWorkflow))},
	}); err != nil {
		panic("encode the schema of the language: " + err.Error()) // it is made of texts and numbers
	}
	return out.Bytes()
}

func ref(name string) object { return object{"$ref": "#/definitions/" + name} }

// mappingOf is a mapping in which the words of a place stand.
func mappingOf(place topology.Place) object {
	properties, required, rules := object{}, []any{}, []any{}
	for _, w := range topology.Words() {
		if !slices.Contains(w.In, place) {
			continue
		}
		properties[w.Name] = propertyOf(w)
		if w.Required {
			required = append(required, w.Name)
		}
		rules = append(rules, neighbours(w)...)
	}
	if _, acts := properties["send"]; acts {
		rules = append(rules, ref("oneAction"))
	}
	m := object{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
	if len(rules) > 0 {
		m["allOf"] = rules
	}
	if place == topology.InStart {
		m["patternProperties"] = object{topology.MessagePattern: ref("reactions")}
		m["minProperties"] = 1
	}
	if place == topology.InLimit {
		m["minProperties"] = 1
	}
	return m
}

// neighbours are what a word demands of those that stand beside it.
func neighbours(w topology.Word) []any {
	var out []any
	has := object{"required": []any{w.Name}}
	if len(w.Needs) > 0 {
		out = append(out, object{"if": has, "then": object{"anyOf": requiring(w.Needs)}})
	}
	for _, other := range w.Excludes {
		out = append(out, object{"not": object{"required": []any{w.Name, other}}})
	}
	return out
}

func requiring(names []string) []any {
	var out []any
	for _, name := range names {
		out = append(out, object{"required": []any{name}})
	}
	return out
}

// oneAction refuses two actions in one step.
func oneAction() object {
	var actions []topology.Word
	for _, w := range topology.Words() {
		if w.Action {
			actions = append(actions, w)
		}
	}
	var pairs []any
	for i, a := range actions {
		for _, b := range actions[i+1:] {
			if !slices.Contains(a.PartOf, b.Name) && !slices.Contains(b.PartOf, a.Name) {
				pairs = append(pairs, object{"not": object{"required": []any{a.Name, b.Name}}})
			}
		}
	}
	return object{"allOf": pairs, "description": "A step does one thing."}
}

// propertyOf is the value of a word, with what it means.
func propertyOf(w topology.Word) object {
	p := valueOf(w)
	text := w.Doc
	if w.Default != "" {
		text += " Without it: " + w.Default + "."
	}
	if _, isRef := p["$ref"]; isRef {
		// What stands beside a $ref is ignored in draft-07.
		p = object{"allOf": []any{p}}
	}
	p["description"] = text
	if slices.Contains(w.Choices, w.Default) {
		p["default"] = w.Default
	}
	return p
}

// valueOf is the form of a word's value.
func valueOf(w topology.Word) object {
	if form, ok := kinds[w.Kind]; ok {
		return ref(form)
	}
	switch w.Kind {
	case topology.KindChoice:
		return object{"enum": anys(w.Choices)}
	case topology.KindEarly:
		return object{"anyOf": []any{object{"enum": anys(w.Choices)}, ref("duration")}}
	case topology.KindNumber:
		return numberOf(w)
	case topology.KindText:
		if w.Name == "topic" {
			return object{"type": "string", "pattern": topology.TopicPattern}
		}
		return object{"type": "string", "minLength": 1}
	}
	panic(fmt.Sprintf("the schema of the language has no form for %q, the kind of the word %q", w.Kind, w.Name))
}

// numberOf: `factor` makes pauses longer, `jitter` is a part.
func numberOf(w topology.Word) object {
	if w.Name == "jitter" {
		return object{"type": "number", "minimum": 0, "maximum": 1}
	}
	return object{"type": "number", "minimum": 1, "maximum": 1000}
}

func anys(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

// kinds are the kinds of values whose form is the same wherever they stand.
var kinds = map[topology.Kind]string{
	topology.KindName:         "kebab",
	topology.KindWhole:        "whole",
	topology.KindExpression:   "expression",
	topology.KindValue:        "value",
	topology.KindDuration:     "duration",
	topology.KindTime:         "time",
	topology.KindMessages:     "messages",
	topology.KindMessageName:  "messageName",
	topology.KindMessageRules: "messageRules",
	topology.KindStart:        "start",
	topology.KindErrorRules:   "errorRules",
	topology.KindSteps:        "steps",
	topology.KindAlternatives: "alternatives",
	topology.KindCompensation: "compensation",
	topology.KindValues:       "values",
	topology.KindVariables:    "variables",
	topology.KindVariableList: "variableList",
	topology.KindVariable:     "variable",
	topology.KindErrorName:    "errorName",
	topology.KindErrorList:    "errorList",
	topology.KindAttempts:     "attempts",
	topology.KindRetry:        "retry",
	topology.KindRaise:        "raiseOrName",
	topology.KindEnd:          "endOrComplete",
	topology.KindTarget:       "target",
	topology.KindReaction:     "reactions",
	topology.KindCron:         "cron",
	topology.KindZone:         "zone",
	topology.KindTables:       "tables",
	topology.KindLimit:        "limit",
	topology.KindRate:         "rate",
	topology.KindBranches:     "branches",
	topology.KindJoin:         "join",
	topology.KindLoop:         "for",
	topology.KindItems:        "items",
	topology.KindMigration:    "migrate",
	topology.KindStepNames:    "stepNames",
}

// durationPattern is a duration as topology.ParseDuration reads it.
const durationPattern = `([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?`

// expressionOf begins with `=` and has something behind it.
const expressionOf = `^=\s*\S`

// orExpression is a text of a form, or `=` and an expression.
func orExpression(form object) object {
	return object{"anyOf": []any{form, object{"type": "string", "pattern": expressionOf}}}
}

// forms are the forms of values, by name.
func forms() object {
	kebab := object{"type": "string", "pattern": topology.KebabPattern, "maxLength": topology.NameMaxLength}
	duration := object{"type": "string", "pattern": "^" + durationPattern + "$", "minLength": 2}
	variable := object{
		"type": "string", "pattern": topology.SnakePattern, "maxLength": topology.NameMaxLength,
		"not": object{"enum": anys(topology.ReservedVariables())},
	}
	message := object{"type": "string", "pattern": topology.MessagePattern, "maxLength": topology.NameMaxLength}
	return object{
		"kebab":       kebab,
		"caught":      object{"anyOf": []any{kebab, object{"enum": anys(topology.RunErrors())}}},
		"whole":       object{"type": "integer", "minimum": 1},
		"expression":  object{"description": "An expression (CEL), without `=`.", "anyOf": []any{object{"type": "string", "pattern": `^\s*([^=\s]|==)`}, object{"type": []any{"boolean", "number"}}}},
		"value":       object{"description": "A literal; a text that begins with `=` is an expression, at any depth."},
		"values":      object{"type": "object"},
		"duration":    object{"description": "Whole numbers with the units w, d, h, m, s, ms, joined: 1h30m.", "allOf": []any{duration}},
		"time":        orExpression(duration),
		"messageName": message,
		"variable":    variable,
		"errorName":   orExpression(kebab),
		"target":      orExpression(kebab),
		"cron":        object{"type": "string", "minLength": 9, "examples": []any{"0 6 * * 1-5"}},
		"zone":        object{"type": "string", "minLength": 1, "examples": []any{"Europe/Berlin"}},
		"rate":        object{"type": "string", "pattern": `^[1-9][0-9]{0,5}/(s|m|h|d)$`, "examples": []any{"50/s"}},

		"attempts": object{"anyOf": []any{object{"type": "integer", "minimum": 1, "maximum": 10000}, object{"const": "unlimited"}}},
		"join":     object{"anyOf": []any{object{"enum": []any{"all", "any"}}, object{"type": "integer", "minimum": 1}}},

		"variableList": object{"type": "array", "items": ref("variable"), "uniqueItems": true, "maxItems": 8},
		"errorList":    object{"type": "array", "items": ref("kebab"), "uniqueItems": true},
		"items":        object{"anyOf": []any{ref("expression"), object{"type": "array"}}},
		"variables":    object{"type": "object", "propertyNames": ref("variable")},
		"stepNames":    object{"type": "object", "propertyNames": ref("kebab"), "additionalProperties": ref("kebab")},

		"messages":      byName("messageName", "message"),
		"tables":        byName("variable", "table"),
		"messageRules":  object{"type": "object", "propertyNames": object{"anyOf": []any{ref("messageName"), object{"const": "completed"}}}, "additionalProperties": ref("reactions")},
		"errorRules":    byName("caught", "reactions"),
		"branches":      byName("kebab", "steps"),
		"alternatives":  object{"type": "array", "minItems": 1, "items": ref("reactionNamed")},
		"raiseOrName":   object{"anyOf": []any{ref("errorName"), ref("raise")}},
		"endOrComplete": object{"anyOf": []any{object{"const": "complete"}, ref("end")}},
	}
}

func byName(name, value string) object {
	return object{"type": "object", "propertyNames": ref(name), "additionalProperties": ref(value)}
}

// named is a step or reaction, or the bare word `compensate` in its place.
func named(place string) object {
	return object{"anyOf": []any{ref(place), object{"const": "compensate", "description": "Undoes what was done, newest first."}}}
}

// reactions is a reaction or a list of alternatives.
func reactions() object {
	return object{"anyOf": []any{ref("reactionNamed"), ref("alternatives")}}
}

// stepList is a list of `name: step`. No step is called like a word.
func stepList() object {
	words := []string{"exit"}
	for _, w := range topology.Words() {
		if slices.Contains(w.In, topology.InReaction) {
			words = append(words, w.Name)
		}
	}
	return object{
		"type": "array", "minItems": 1,
		"items": object{
			"type": "object", "minProperties": 1, "maxProperties": 1,
			"propertyNames":        object{"allOf": []any{ref("kebab"), object{"not": object{"enum": anys(words)}}}},
			"additionalProperties": ref("stepNamed"),
		},
	}
}

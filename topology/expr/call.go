package expr

import (
	"sort"
	"strings"

	"rondo/topology/value"
)

// style is how a function is called.
type style int

const (
	global style = iota // f(a, b)
	member              // a.f(b)
	either              // both
)

// function is one function of the language.
type function struct {
	name     string
	style    style
	params   []kinds
	optional int   // so many of params, the last ones, may be left out
	variadic kinds // further arguments; 0: none
	result   kinds
	varies   bool // depends on more than its arguments
	// run computes. The arguments have the kinds of params; args is used again
	// after the call.
	run func(f *frame, n *callNode, args []value.Value) (value.Value, *Error)
	// prepare may make a quicker function out of arguments that are constant
	// (nil where they are not). Nil, or a nil result: run.
	prepare func(n *callNode, args []*constNode) (func(*frame, *callNode, []value.Value) (value.Value, *Error), *Error)
}

// param is the kinds of argument i.
func (fn *function) param(i int) kinds {
	if i < len(fn.params) {
		return fn.params[i]
	}
	return fn.variadic
}

// takes reports whether the function takes n arguments.
func (fn *function) takes(n int) bool {
	return n >= len(fn.params)-fn.optional && (n <= len(fn.params) || fn.variadic != 0)
}

// functions is all functions by name. A name may stand for two: the global one
// and, under "." + name, the member.
var functions = func() map[string]*function {
	all := map[string]*function{}
	for _, list := range [][]*function{
		optionalFunctions, textFunctions, listFunctions, mapFunctions, numberFunctions, convertFunctions, timeFunctions, hashFunctions, tableFunctions,
	} {
		for _, fn := range list {
			if fn.style != member {
				all[fn.name] = fn
			}
			if fn.style != global {
				all["."+fn.name] = fn
			}
		}
	}
	return all
}()

// functionNames is what suggestions are made of: the names of functions and
// macros of one style, in alphabetical order.
func functionNames(s style) []string {
	var names []string
	for key, fn := range functions {
		if (key[0] == '.') == (s == member) {
			names = append(names, fn.name)
		}
	}
	for name, m := range macros {
		if m.member == (s == member) {
			names = append(names, strings.TrimPrefix(name, "."))
		}
	}
	sort.Strings(names)
	return names
}

// callNode calls a function.
type callNode struct {
	fn    *function
	run   func(*frame, *callNode, []value.Value) (value.Value, *Error)
	args  []node
	spans []span
	texts []string // the arguments as the author wrote them, "" where that is long
	at    span
}

func (n *callNode) eval(f *frame) (value.Value, *Error) {
	base := len(f.args)
	for _, arg := range n.args {
		v, err := arg.eval(f)
		if err != nil {
			f.args = f.args[:base]
			return nil, err
		}
		f.args = append(f.args, v)
	}
	args := f.args[base:]
	v, err := n.apply(f, args)
	clear(args)
	f.args = f.args[:base]
	return v, err
}

func (n *callNode) apply(f *frame, args []value.Value) (value.Value, *Error) {
	for i := range args {
		if err := n.checkArg(args, i); err != nil {
			return nil, err
		}
	}
	v, err := n.run(f, n, args)
	if err != nil {
		return nil, err
	}
	if text, ok := v.(string); ok && n.fn.result == kString {
		return v, f.checkText(len(text), n.at)
	}
	return v, nil
}

// checkArg makes sure that an argument has a kind that the function takes.
func (n *callNode) checkArg(args []value.Value, i int) *Error {
	takes := n.fn.param(i)
	if takes&kWhole != 0 {
		whole, ok := wholeNumber(args[i])
		if ok {
			args[i] = whole
			return nil
		}
	} else if kindOf(args[i])&takes != 0 {
		return nil
	}
	return n.wrongKind(args[i], i)
}

func (n *callNode) wrongKind(v value.Value, i int) *Error {
	what := n.texts[i]
	if what == "" {
		what = "an argument"
	}
	if takes := n.fn.param(i); takes&kWhole != 0 && kindOf(v)&kNumber != 0 {
		return n.spans[i].fail("`%s` needs a whole number, but %s has a fraction or is too large", n.fn.name, what)
	}
	return n.spans[i].fail("`%s` needs %s, but %s is %s%s", n.fn.name, n.fn.param(i).withArticle(), what, kindOf(v).withArticle(), optionalHint(v))
}

func optionalHint(v value.Value) string {
	if _, ok := v.(*optional); ok {
		return ": end it with .orValue(…)"
	}
	return ""
}

// fail reports what is wrong with the call itself.
func (n *callNode) fail(format string, args ...any) *Error { return n.at.fail(format, args...) }

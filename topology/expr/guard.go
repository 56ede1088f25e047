package expr

import (
	"slices"

	"cel.dev/cel-go/common/ast"
	celop "cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// NotNull tells which variables are surely not null where a condition is true, and
// which where it is not (false, or its evaluation has failed). It knows comparisons
// with null and with what else null is not, joined by `&&`, `||` and `!`; of the
// rest it says nothing.
func NotNull(condition string) (ifTrue, ifNot []string) {
	tree, issues := parse(condition)
	if len(issues) > 0 {
		return nil, nil
	}
	return notNullIf(tree.Expr()), notNullUnless(tree.Expr())
}

// notNullIf are the variables that are not null where e is true.
func notNullIf(e ast.Expr) []string {
	if e.Kind() != ast.CallKind {
		return rootOf(e)
	}
	args := e.AsCall().Args()
	switch e.AsCall().FunctionName() {
	case celop.LogicalAnd:
		return unionOf(args, notNullIf)
	case celop.LogicalOr:
		return commonTo(args, notNullIf)
	case celop.LogicalNot:
		return append(rootOf(args[0]), notNullUnless(args[0])...)
	case celop.NotEquals:
		return append(besideNull(args), fieldRoots(args)...)
	case celop.Equals:
		return append(besideLiteral(args), fieldRoots(args)...)
	case celop.Less, celop.LessEquals, celop.Greater, celop.GreaterEquals:
		return unionOf(args, rootOf)
	case "has":
		return unionOf(args, rootOf)
	}
	return nil
}

// notNullUnless are the variables that are not null where e is false or fails.
func notNullUnless(e ast.Expr) []string {
	if e.Kind() != ast.CallKind {
		return nil
	}
	args := e.AsCall().Args()
	switch e.AsCall().FunctionName() {
	case celop.LogicalOr:
		return unionOf(args, notNullUnless)
	case celop.LogicalAnd:
		return commonTo(args, notNullUnless)
	case celop.LogicalNot:
		if not := args[0]; not.Kind() == ast.CallKind && not.AsCall().FunctionName() == celop.NotEquals {
			return besideNull(not.AsCall().Args()) // of a variable, that cannot fail
		}
	case celop.Equals:
		return besideNull(args)
	}
	return nil
}

// rootOf is the variable that e is, or of which it reads a field.
func rootOf(e ast.Expr) []string {
	for e.Kind() == ast.SelectKind {
		e = e.AsSelect().Operand()
	}
	if e.Kind() == ast.IdentKind {
		return []string{e.AsIdent()}
	}
	return nil
}

// fieldRoots are the variables of which fields are read.
func fieldRoots(args []ast.Expr) []string {
	return unionOf(args, func(e ast.Expr) []string {
		if e.Kind() != ast.SelectKind {
			return nil
		}
		return rootOf(e)
	})
}

// besideNull is the variable that is compared with null.
func besideNull(args []ast.Expr) []string {
	return beside(args, func(literal any) bool { return literal == types.NullValue })
}

// besideLiteral is the variable that is compared with another literal.
func besideLiteral(args []ast.Expr) []string {
	return beside(args, func(literal any) bool { return literal != types.NullValue })
}

func beside(args []ast.Expr, wanted func(literal any) bool) []string {
	for i, e := range args {
		if other := args[len(args)-1-i]; e.Kind() == ast.IdentKind && other.Kind() == ast.LiteralKind && wanted(other.AsLiteral()) {
			return []string{e.AsIdent()}
		}
	}
	return nil
}

func unionOf(args []ast.Expr, of func(ast.Expr) []string) []string {
	var out []string
	for _, e := range args {
		out = append(out, of(e)...)
	}
	return out
}

func commonTo(args []ast.Expr, of func(ast.Expr) []string) []string {
	out := of(args[0])
	for _, e := range args[1:] {
		names := of(e)
		out = slices.DeleteFunc(out, func(name string) bool { return !slices.Contains(names, name) })
	}
	return out
}

// Package layout writes definitions as text, in the one canonical form.
//
// There are two ways in. Format takes a file as its author wrote it and gives
// it the canonical quotes, indentation and blanks; its comments stay. Write
// takes a Definition, from wherever it comes. Both make a tree of Nodes, and one
// printer writes it, so that Format changes nothing in what Write has written.
//
// The form: two blanks of indentation; a mapping or list that its author wrote
// on one line (`{…}`, `[…]`) stays there while it fits into widthMax characters
// and has no comment inside, otherwise it gets lines of its own; a text has no
// quotes unless it needs them, and an expression has them wherever section "The
// file" of the language reference asks for them, for YAML would tear it apart in
// some place; what does not fit on a line is folded into a `>-` block; messages
// that stand below one another have their values in one column, and the `key`
// behind their topics; comments behind neighbouring lines stand in one column.
//
// The YAML library reads; it does not write: its encoder has one style for a
// whole file, and comments inside of `{…}` are not where they were. Where the
// comments are is found in the text, between the places of the library's nodes.
//
// What Format returns has been read again and compared with what was there:
// it gives an error rather than a file that means something else.
package layout

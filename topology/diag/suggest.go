package diag

import (
	"slices"
	"strings"
)

// Suggest returns the candidate that somebody who wrote name most probably
// meant, and false when none is near enough. Of equally near candidates the
// first is taken, so the answer depends on the order of candidates alone. It
// looks at the first thousand candidates.
func Suggest(name string, candidates []string) (string, bool) {
	if len(name) > suggestMaxLength {
		return "", false
	}
	candidates = candidates[:min(len(candidates), suggestMaxCandidates)]
	if c, ok := sameButForm(name, candidates); ok {
		return c, true
	}
	best, bestDistance := "", suggestMaxLength
	for _, c := range candidates {
		if c == name || len(c) > suggestMaxLength {
			continue
		}
		limit := min(bestDistance, suggestWithin(name, c)+1)
		if d := distance(name, c, limit); d < limit {
			best, bestDistance = c, d
		}
	}
	if best == "" {
		best = sameStem(name, candidates)
	}
	return best, best != ""
}

// sameStem finds a candidate that ends in another way only: retries for retry.
func sameStem(name string, candidates []string) string {
	const stem, ending = 4, 3
	for _, c := range candidates {
		n := 0
		for n < len(name) && n < len(c) && name[n] == c[n] {
			n++
		}
		if c != name && n >= stem && len(name)-n <= ending && len(c)-n <= ending {
			return c
		}
	}
	return ""
}

// suggestMaxLength bounds the work for one comparison; longer names are no typos.
const suggestMaxLength = 100

// suggestMaxCandidates bounds the work for one suggestion, for hostile files.
const suggestMaxCandidates = 1000

// suggestWithin is how many edits may lie between two names: one in three
// characters, so that short words do not all resemble each other. Of two
// characters the only typo that leaves both is that they are swapped.
func suggestWithin(name, candidate string) int {
	a, b := []rune(name), []rune(candidate)
	if len(a) == 2 && len(b) == 2 && a[0] == b[1] && a[1] == b[0] {
		return 1
	}
	if len(a) < 3 {
		return min(len(b)/3, 1)
	}
	return len(a) / 3
}

// sameButForm finds a candidate that differs in case, in separators or in the
// order of its parts only.
func sameButForm(name string, candidates []string) (string, bool) {
	for _, fold := range []func(string) string{foldCase, foldSeparators, foldOrder} {
		folded := fold(name)
		for _, c := range candidates {
			if c != name && len(c) <= suggestMaxLength && fold(c) == folded {
				return c, true
			}
		}
	}
	return "", false
}

func foldCase(s string) string { return strings.ToLower(s) }

func foldSeparators(s string) string { return strings.Join(nameParts(s), "") }

func foldOrder(s string) string {
	parts := nameParts(s)
	slices.Sort(parts)
	return strings.Join(parts, "-")
}

func nameParts(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return r == '-' || r == '_' || r == '.' || r == ' '
	})
}

// distance counts the insertions, deletions, replacements and swaps of
// neighbours that turn a into b (optimal string alignment). It gives limit when
// there are at least that many.
func distance(a, b string, limit int) int {
	s, t := []rune(a), []rune(b)
	if abs(len(s)-len(t)) >= limit {
		return limit
	}
	before, prev, row := make([]int, len(t)+1), make([]int, len(t)+1), make([]int, len(t)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(s); i++ {
		row[0] = i
		for j := 1; j <= len(t); j++ {
			cost := 1
			if s[i-1] == t[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, prev, row = prev, row, before
	}
	return min(prev[len(t)], limit)
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}

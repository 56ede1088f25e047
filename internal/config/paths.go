package config

import "strings"

// matches reports whether the path of a Key or Group is that of at.
func matches(path string, at []string) bool {
	parts := strings.Split(path, ".")
	return len(parts) == len(at) && begins(parts, at)
}

// begins reports whether the parts of a path begin as at does.
func begins(parts, at []string) bool {
	for i, name := range at {
		if !strings.HasPrefix(parts[i], "<") && parts[i] != name {
			return false
		}
	}
	return true
}

func keyAt(at []string) (Key, bool) {
	for _, k := range Keys() {
		if matches(k.Path, at) {
			return k, true
		}
	}
	return Key{}, false
}

func groupAt(at []string) (Group, bool) {
	for _, g := range Groups() {
		if matches(g.Path, at) {
			return g, true
		}
	}
	return Group{}, false
}

// childrenOf lists the names that may stand under a path, in the table's order.
func childrenOf(at []string) []string {
	var out []string
	seen := map[string]bool{}
	add := func(path string) {
		parts := strings.Split(path, ".")
		if len(parts) <= len(at) || !begins(parts, at) {
			return
		}
		if name := parts[len(at)]; !seen[name] {
			seen[name] = true
			out = append(out, name)
		}
	}
	for _, k := range Keys() {
		add(k.Path)
	}
	return out
}

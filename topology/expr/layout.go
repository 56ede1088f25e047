package expr

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Layouts of timestamps are those of strftime, as far as they mean the same
// everywhere:
//
//	%Y 2026   %m 03   %d 01   %H 00–23   %M 59   %S 59   %L 999 (milliseconds)
//	%f 999999 (microseconds)   %z +0100   %b Mar   %B March   %a Sun   %A Sunday   %% %

// layoutNumber is a verb of a fixed number of digits.
type layoutNumber struct {
	digits int
	get    func(c civil) int
	set    func(p *timeParts, n int)
}

// timeParts is what a layout reads.
type timeParts struct{ year, month, day, hour, minute, second, nanos int }

var layoutNumbers = map[byte]layoutNumber{
	'Y': {4, func(c civil) int { return c.Year() }, func(p *timeParts, n int) { p.year = n }},
	'm': {2, func(c civil) int { return int(c.Month()) }, func(p *timeParts, n int) { p.month = n }},
	'd': {2, func(c civil) int { return c.Day() }, func(p *timeParts, n int) { p.day = n }},
	'H': {2, func(c civil) int { return c.Hour() }, func(p *timeParts, n int) { p.hour = n }},
	'M': {2, func(c civil) int { return c.Minute() }, func(p *timeParts, n int) { p.minute = n }},
	'S': {2, func(c civil) int { return c.Second() }, func(p *timeParts, n int) { p.second = n }},
	'L': {3, func(c civil) int { return c.Nanosecond() / 1e6 }, func(p *timeParts, n int) { p.nanos = n * 1e6 }},
	'f': {6, func(c civil) int { return c.Nanosecond() / 1e3 }, func(p *timeParts, n int) { p.nanos = n * 1e3 }},
}

const badVerb = "the layout knows %%Y %%m %%d %%H %%M %%S %%L %%f %%z %%b %%B %%a %%A and %%%%, not %%%s"

// formatLayout writes the time c, which is offset seconds east of UTC. The
// problem is "" or what is wrong with the layout.
func formatLayout(c civil, offset int, layout string) (text, problem string) {
	var b strings.Builder
	for i := 0; i < len(layout); i++ {
		if layout[i] != '%' {
			b.WriteByte(layout[i])
			continue
		}
		i++
		verb := layout[i:min(i+1, len(layout))]
		if verb == "" {
			return "", fmt.Sprintf(badVerb, "")
		}
		if number, ok := layoutNumbers[verb[0]]; ok {
			fmt.Fprintf(&b, "%0*d", number.digits, number.get(c))
			continue
		}
		word, ok := layoutWord(c, offset, verb[0])
		if !ok {
			return "", fmt.Sprintf(badVerb, strings.ToValidUTF8(verb, "�"))
		}
		b.WriteString(word)
	}
	return b.String(), ""
}

func layoutWord(c civil, offset int, verb byte) (string, bool) {
	switch verb {
	case 'b':
		return c.Month().String()[:3], true
	case 'B':
		return c.Month().String(), true
	case 'a':
		return c.Weekday().String()[:3], true
	case 'A':
		return c.Weekday().String(), true
	case 'z':
		return offsetText(offset), true
	case '%':
		return "%", true
	}
	return "", false
}

func offsetText(offset int) string {
	sign := '+'
	if offset < 0 {
		sign, offset = '-', -offset
	}
	return fmt.Sprintf("%c%02d%02d", sign, offset/3600, offset/60%60)
}

// parseLayout reads a text that has the layout. The offset is nil unless the
// layout has %z. The problem is "" or what does not fit.
func parseLayout(text, layout string) (c civil, offset *int, problem string) {
	p := timeParts{year: 1970, month: 1, day: 1}
	rest := text
	for i := 0; i < len(layout); i++ {
		ok := false
		switch {
		case layout[i] != '%':
			rest, ok = strings.CutPrefix(rest, layout[i:i+1])
		case i+1 == len(layout):
			return c, nil, fmt.Sprintf(badVerb, "")
		default:
			i++
			rest, ok, problem = p.read(rest, layout[i], &offset)
		}
		if problem != "" {
			return c, nil, problem
		}
		if !ok {
			return c, nil, "the text does not have the layout " + strconv.Quote(layout)
		}
	}
	c = time.Date(p.year, time.Month(p.month), p.day, p.hour, p.minute, p.second, p.nanos, time.UTC)
	switch {
	case rest != "":
		return c, nil, "the text is longer than the layout " + strconv.Quote(layout)
	case c.Day() != p.day || int(c.Month()) != p.month || c.Hour() != p.hour || c.Minute() != p.minute || c.Second() != p.second:
		return c, nil, "there is no such day or time of day"
	}
	return c, offset, ""
}

// read takes what a verb stands for off the text.
func (p *timeParts) read(text string, verb byte, offset **int) (rest string, ok bool, problem string) {
	if number, found := layoutNumbers[verb]; found {
		n, rest, ok := cutDigits(text, number.digits)
		if ok {
			number.set(p, n)
		}
		return rest, ok, ""
	}
	switch verb {
	case 'b', 'B':
		for month := time.January; month <= time.December; month++ {
			if rest, ok := cutWord(text, month.String(), verb == 'b'); ok {
				p.month = int(month)
				return rest, true, ""
			}
		}
		return "", false, ""
	case 'a', 'A':
		for day := time.Sunday; day <= time.Saturday; day++ {
			if rest, ok := cutWord(text, day.String(), verb == 'a'); ok {
				return rest, true, ""
			}
		}
		return "", false, ""
	case 'z':
		rest, ok := cutOffset(text, offset)
		return rest, ok, ""
	case '%':
		rest, ok := strings.CutPrefix(text, "%")
		return rest, ok, ""
	}
	return "", false, fmt.Sprintf(badVerb, strings.ToValidUTF8(string(verb), "�"))
}

func cutDigits(text string, digits int) (n int, rest string, ok bool) {
	if len(text) < digits {
		return 0, "", false
	}
	for _, c := range []byte(text[:digits]) {
		if c < '0' || c > '9' {
			return 0, "", false
		}
		n = 10*n + int(c-'0')
	}
	return n, text[digits:], true
}

func cutWord(text, word string, short bool) (rest string, ok bool) {
	if short {
		word = word[:3]
	}
	if len(text) < len(word) || !strings.EqualFold(text[:len(word)], word) {
		return "", false
	}
	return text[len(word):], true
}

// cutOffset takes "Z", "+01:00" or "+0100".
func cutOffset(text string, offset **int) (rest string, ok bool) {
	for _, length := range []int{6, 5, 1} {
		if len(text) < length {
			continue
		}
		if seconds, ok := parseOffset(text[:length]); ok {
			*offset = &seconds
			return text[length:], true
		}
	}
	return "", false
}

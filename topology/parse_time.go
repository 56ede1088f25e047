package topology

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"

	yaml "go.yaml.in/yaml/v4"

	"rondo/topology/diag"
)

// durationUnits are the units of durations, largest first. A day has 24 hours;
// months are not durations.
var durationUnits = []struct {
	name string
	size time.Duration
}{
	{"w", 7 * 24 * time.Hour},
	{"d", 24 * time.Hour},
	{"h", time.Hour},
	{"m", time.Minute},
	{"s", time.Second},
	{"ms", time.Millisecond},
}

var (
	errDurationUnit  = errors.New("a time without a unit")
	errDurationRange = errors.New("a time beyond 292 years")
)

var (
	durationPart    = regexp.MustCompile(`^([0-9]+)([a-zA-Z]*)`)
	onlyDigits      = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$`)
	beginsWithDigit = regexp.MustCompile(`^[0-9]`)
	durationShape   = regexp.MustCompile(`^[0-9]+[a-zA-Z]`)
	wordyTime       = regexp.MustCompile(`([0-9]+)([wdhms])(?:eek|ay|our|r|in|ec)[a-z]*`)
	decimalPart     = regexp.MustCompile(`([0-9]{1,18}(?:\.[0-9]{1,18})?)([a-z]+)`)
	decimalTime     = regexp.MustCompile(`^(?:[0-9]{1,18}(?:\.[0-9]{1,18})?[a-z]+){1,6}$`)
	isoDuration     = regexp.MustCompile(`^P([0-9.WD]*)(?:T([0-9.HMS]+))?$`)
	isoMonths       = regexp.MustCompile(`^P[^T]*[MY]`)
)

// ParseDuration reads a duration as definitions have it: whole numbers with the
// units ms, s, m, h, d (24 h) and w, joined from large to small, each at most
// once: "200ms", "1h30m", "2w".
func ParseDuration(text string) (time.Duration, error) {
	if onlyDigits.MatchString(text) {
		return 0, errDurationUnit
	}
	var sum time.Duration
	unit := 0 // the largest that may still come
	if text == "" {
		return 0, errors.New("a duration is missing")
	}
	for rest := text; rest != ""; {
		m := durationPart.FindStringSubmatch(rest)
		if m == nil {
			return 0, fmt.Errorf("%q is no duration", text)
		}
		i := unitIndex(m[2])
		if i < 0 {
			return 0, fmt.Errorf("%q is no unit of time", m[2])
		}
		if i < unit {
			return 0, errors.New("units stand from large to small, each once")
		}
		n, err := strconv.ParseInt(m[1], 10, 64)
		size := durationUnits[i].size
		if err != nil || n > int64(math.MaxInt64-sum)/int64(size) {
			return 0, errDurationRange
		}
		sum += time.Duration(n) * size
		unit, rest = i+1, rest[len(m[0]):]
	}
	return sum, nil
}

func unitIndex(name string) int {
	for i, u := range durationUnits {
		if u.name == name {
			return i
		}
	}
	return -1
}

// FormatDuration writes a duration as ParseDuration reads it; what is below a
// millisecond is dropped.
func FormatDuration(d time.Duration) string {
	var out strings.Builder
	for _, u := range durationUnits {
		if u.name == "w" && d%u.size != 0 {
			continue // "1w2d" is seldom what people write
		}
		if n := d / u.size; n > 0 {
			fmt.Fprintf(&out, "%d%s", n, u.name)
			d -= n * u.size
		}
	}
	if out.Len() == 0 {
		return "0s"
	}
	return out.String()
}

const (
	timerMax = 10 * 365 * 24 * time.Hour
	keepMax  = 365 * 24 * time.Hour
)

// bounds are what a time must keep to.
type bounds struct {
	min, max time.Duration
	maxText  string
}

var (
	positiveTimer = bounds{time.Millisecond, timerMax, "10 years"}
	anyTimer      = bounds{0, timerMax, "10 years"}
	keepBounds    = bounds{0, keepMax, "1 year"}
)

// when reads a word whose value is a duration, or an expression for a time.
func (p *parser) when(f *fields, word string, b bounds) *When {
	e, ok := f.take(word)
	if !ok {
		return nil
	}
	if expr, ok := p.marked(e.value); ok {
		if expr == nil {
			return nil
		}
		return &When{Pos: expr.Pos, Expr: expr}
	}
	d, ok := p.durationOf(e, b)
	if !ok {
		return nil
	}
	return &When{Pos: p.page.token(e.value).pos, Duration: d}
}

// fixed reads a word whose value is a duration and no expression.
func (p *parser) fixed(f *fields, word string, b bounds) (time.Duration, diag.Pos, bool) {
	e, ok := f.take(word)
	if !ok {
		return 0, diag.Pos{}, false
	}
	at := p.page.token(e.value)
	if e.value.Kind == yaml.ScalarNode && strings.HasPrefix(e.value.Value, "=") {
		p.report(at, codeWrongType, fmt.Sprintf("`%s` must be a duration, not an expression", word)).
			help("write it as a fixed time, like 30s")
		return 0, at.pos, false
	}
	d, ok := p.durationOf(e, b)
	return d, at.pos, ok
}

func (p *parser) durationOf(e entry, b bounds) (time.Duration, bool) {
	word := e.key.Value
	text, ok := p.scalar(e.value, "`"+word+"`", "a duration")
	if !ok {
		return 0, false
	}
	at := p.page.token(e.value)
	d, err := ParseDuration(text)
	switch {
	case errors.Is(err, errDurationUnit):
		p.report(at, codeDurationUnit, fmt.Sprintf("`%s` has no unit", text)).help(DurationHelp(text))
	case errors.Is(err, errDurationRange), err == nil && d > b.max:
		p.report(at, codeTimeRange, fmt.Sprintf("`%s` of %s is too long: at most %s", word, text, b.maxText))
	case err != nil:
		p.report(at, codeBadDuration, fmt.Sprintf("`%s` is no duration", text)).help(timeHelp(text))
	case d < b.min:
		p.report(at, codeTimeRange, fmt.Sprintf("`%s` must be longer than zero", word))
	default:
		return d, true
	}
	return 0, false
}

func unitHelp(text string) string {
	if strings.Contains(text, ".") {
		return "write a whole number with a unit: ms, s, m, h, d or w"
	}
	return fmt.Sprintf("write %ss for seconds, or %sms, %sm, %sh, %sd, %sw", text, text, text, text, text, text)
}

// timeHelp is DurationHelp where an expression may stand as well.
func timeHelp(text string) string {
	help := DurationHelp(text)
	if !beginsWithDigit.MatchString(text) && !strings.HasPrefix(text, "P") {
		help += "; an expression begins with `=`"
	}
	return help
}

// DurationHelp says what to write in place of a text that ParseDuration refuses.
func DurationHelp(text string) string {
	_, err := ParseDuration(text)
	meant, fits := meantDuration(text)
	switch {
	case errors.Is(err, errDurationUnit):
		return unitHelp(text)
	case meant != "" && !fits:
		return "write whole numbers: the smallest unit is ms"
	case meant != "":
		return "write " + meant
	case isoMonths.MatchString(text):
		return "write a fixed time like 30d: months and years differ in length"
	case strings.HasPrefix(text, "P"):
		return "write 1h30m, not the ISO form"
	case err != nil && durationShape.MatchString(text):
		return err.Error() + "; the units are ms, s, m, h, d (24 h) and w, joined like 1h30m"
	default:
		return "write a duration like 200ms, 30s or 1h30m"
	}
}

// meantDuration is the duration that was written in another form: with words for
// units, with fractions, or as ISO 8601 has it. It is "" if that is none of
// these; fits is false if it is no whole number of milliseconds.
func meantDuration(text string) (canonical string, fits bool) {
	text = strings.ReplaceAll(text, " ", "")
	if iso := isoDuration.FindStringSubmatch(text); iso != nil && !isoMonths.MatchString(text) {
		text = strings.ToLower(iso[1] + iso[2])
	}
	text = wordyTime.ReplaceAllString(text, "$1$2")
	if _, err := ParseDuration(text); err == nil {
		return text, true
	}
	if !decimalTime.MatchString(text) {
		return "", false
	}
	sum := new(big.Rat)
	for _, part := range decimalPart.FindAllStringSubmatch(text, -1) {
		n, ok := new(big.Rat).SetString(part[1])
		unit := unitIndex(part[2])
		if !ok || unit < 0 {
			return "", false
		}
		sum.Add(sum, n.Mul(n, big.NewRat(int64(durationUnits[unit].size/time.Millisecond), 1)))
	}
	if !sum.IsInt() {
		return text, false
	}
	if sum.Cmp(big.NewRat(int64(timerMax/time.Millisecond), 1)) > 0 {
		return "", false
	}
	return FormatDuration(time.Duration(sum.Num().Int64()) * time.Millisecond), true
}

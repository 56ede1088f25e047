package schemas

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"rondo/topology/value"
)

// Layouts of the texts that stand for dates and times without a zone. The
// fraction has as many digits as it needs, so the texts sort like the times.
const (
	dateLayout  = "2006-01-02"
	clockLayout = "15:04:05.999999999"
	localLayout = dateLayout + "T" + clockLayout
)

const secondsPerDay = 24 * 60 * 60

// inCalendar reports whether t has a year of four digits, as every text of a
// date and every timestamp of an expression must have.
func inCalendar(t time.Time) bool { return t.Year() >= 1 && t.Year() <= 9999 }

func outsideCalendar() *dataError {
	return &dataError{at: -1, text: "the time is outside the years 1 to 9999"}
}

func timestampOf(t time.Time) (value.Value, *dataError) {
	t = t.UTC()
	if !inCalendar(t) {
		return nil, outsideCalendar()
	}
	return t, nil
}

func localText(t time.Time) (value.Value, *dataError) {
	t = t.UTC()
	if !inCalendar(t) {
		return nil, outsideCalendar()
	}
	return t.Format(localLayout), nil
}

func dateText(days int64) (value.Value, *dataError) {
	t := time.Unix(days*secondsPerDay, 0).UTC()
	if !inCalendar(t) {
		return nil, outsideCalendar()
	}
	return t.Format(dateLayout), nil
}

func clockText(count int64, unit time.Duration) (value.Value, *dataError) {
	if count < 0 || count >= int64(24*time.Hour/unit) {
		return nil, &dataError{at: -1, text: fmt.Sprintf("%d is not a time of a day", count)}
	}
	return time.Unix(0, 0).UTC().Add(time.Duration(count) * unit).Format(clockLayout), nil
}

// periodText writes Avro's duration, three little-endian numbers of months,
// days and milliseconds, as an ISO 8601 period: P1M2DT3.004S.
func periodText(b []byte) string {
	months, days, millis := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:]), binary.LittleEndian.Uint32(b[8:])
	var s strings.Builder
	s.WriteByte('P')
	if months > 0 {
		fmt.Fprintf(&s, "%dM", months)
	}
	if days > 0 {
		fmt.Fprintf(&s, "%dD", days)
	}
	if millis > 0 || months == 0 && days == 0 {
		s.WriteString("T" + strconv.FormatFloat(float64(millis)/1000, 'f', -1, 64) + "S")
	}
	return s.String()
}

// periodPattern is an ISO 8601 period. Avro has no place for years, weeks,
// hours and minutes, but they are exact in its units.
var periodPattern = regexp.MustCompile(
	`^P(?:(\d{1,9})Y)?(?:(\d{1,10})M)?(?:(\d{1,9})W)?(?:(\d{1,10})D)?(?:T(?:(\d{1,7})H)?(?:(\d{1,9})M)?(?:(\d{1,10})(?:\.(\d{1,3}))?S)?)?$`)

// periodBytes reads what periodText writes.
func periodBytes(text string) ([]byte, error) {
	part := periodPattern.FindStringSubmatch(text)
	if part == nil || text[len(text)-1] == 'P' || text[len(text)-1] == 'T' {
		return nil, fmt.Errorf("%q is not a period such as P1M2DT3.004S", text)
	}
	number := func(i int) uint64 {
		n, _ := strconv.ParseUint(part[i], 10, 64) // the pattern lets only digits through; "" is 0
		return n
	}
	fraction, _ := strconv.ParseUint((part[8] + "000")[:3], 10, 64)
	months := number(1)*12 + number(2)
	days := number(3)*7 + number(4)
	millis := number(5)*3_600_000 + number(6)*60_000 + number(7)*1000 + fraction
	if max(months, days, millis) > math.MaxUint32 {
		return nil, fmt.Errorf("the period %s is too long for Avro", text)
	}
	return packPeriod(uint32(months), uint32(days), uint32(millis)), nil
}

func packPeriod(months, days, millis uint32) []byte {
	b := binary.LittleEndian.AppendUint32(make([]byte, 0, 12), months)
	return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(b, days), millis)
}

// uuidText writes the 16 bytes of a UUID in its usual form.
func uuidText(b []byte) string {
	h := hex.EncodeToString(b)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

var uuidPattern = regexp.MustCompile(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`)

// uuidBytes reads what uuidText writes.
func uuidBytes(text string) ([]byte, error) {
	if !uuidPattern.MatchString(text) {
		return nil, fmt.Errorf("%q is not a UUID", text)
	}
	return hex.DecodeString(strings.ReplaceAll(text, "-", ""))
}

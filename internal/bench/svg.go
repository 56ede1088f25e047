package bench

import (
	"fmt"
	"html"
	"io"
	"math"
	"strings"

	"rondo/internal/bench/loop"
)

// Sizes of the plots, in pixels.
const (
	plotWidth  = 760
	plotLeft   = 220 // for the names of bars
	plotRight  = 60
	barHeight  = 18
	barGap     = 6
	curveTop   = 48
	curveHigh  = 300
	curveLeft  = 60
	curveRight = 190 // for the legend
)

// colours of the subjects.
var colours = map[string]string{
	engineName: "#1f6feb", sleepersName: "#8250df", string(loop.Ring): "#1a7f37", string(loop.Session): "#9a6700",
}

// svg is a picture being drawn.
type svg struct{ strings.Builder }

func newSVG(height int, title string) *svg {
	s := &svg{}
	fmt.Fprintf(s, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" font-family="sans-serif" font-size="12">`+"\n", plotWidth, height)
	fmt.Fprintf(s, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", plotWidth, height)
	s.text(12, 22, "start", "#1f2328", "15", title)
	return s
}

func (s *svg) text(x, y float64, anchor, colour, size, text string) {
	fmt.Fprintf(s, `<text x="%.1f" y="%.1f" text-anchor="%s" fill="%s" font-size="%s">%s</text>`+"\n", x, y, anchor, colour, size, html.EscapeString(text))
}

func (s *svg) line(x1, y1, x2, y2 float64, colour string) {
	fmt.Fprintf(s, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s"/>`+"\n", x1, y1, x2, y2, colour)
}

func (s *svg) finish(to io.Writer) error {
	s.WriteString("</svg>\n")
	_, err := io.WriteString(to, s.String())
	return err
}

const (
	ink   = "#1f2328"
	faint = "#d0d7de"
)

// bar is one of a row.
type bar struct {
	name, subject string
	value         float64
}

// WriteThroughput draws how much each subject does in the closed loops, to the
// bare ring loop under the same load.
func (r *Result) WriteThroughput(to io.Writer) error {
	bars := r.bars()
	longest := 1.0
	for _, b := range bars {
		longest = max(longest, b.value)
	}
	s := newSVG(60+len(bars)*(barHeight+barGap), "Throughput, to the bare ring loop's under the same load")
	at := func(value float64) float64 { return plotLeft + value/longest*(plotWidth-plotLeft-plotRight) }
	bottom := float64(44 + len(bars)*(barHeight+barGap))
	for share := 0.0; share <= longest; share += 0.25 {
		s.line(at(share), 36, at(share), bottom, faint)
		s.text(at(share), bottom+12, "middle", ink, "10", fmt.Sprintf("%.2f", share))
	}
	for i, b := range bars {
		y := float64(40 + i*(barHeight+barGap))
		s.text(plotLeft-8, y+13, "end", ink, "12", b.name)
		fmt.Fprintf(s, `<rect x="%d" y="%.1f" width="%.1f" height="%d" fill="%s"/>`+"\n", plotLeft, y, at(b.value)-plotLeft, barHeight, colours[b.subject])
		s.text(at(b.value)+6, y+13, "start", ink, "12", fmt.Sprintf("%.2f", b.value))
	}
	return s.finish(to)
}

// bars are those of all closed loops that have a ring loop beside.
func (r *Result) bars() []bar {
	var bars []bar
	for _, m := range r.Workloads {
		for _, p := range m.Phases {
			ring := float64(ringOf(p))
			if math.IsNaN(ring) || ring == 0 {
				continue
			}
			for _, of := range p.Subjects {
				if of.Subject == string(loop.Ring) {
					continue
				}
				steps := float64(spread(of.Rounds, func(r Round) float64 { return r.StepsPerSecond }).Median)
				bars = append(bars, bar{fmt.Sprintf("%s %s, %s", m.Workload, p.Name, of.Subject), of.Subject, steps / ring})
			}
		}
	}
	return bars
}

// curve is a distribution of latencies.
type curve struct {
	name, colour string
	dashes       string
	milliseconds []float64 // at quantiles
}

// quantiles of a curve, from left to right.
var quantiles = []float64{0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999}

// HasLatencies reports whether a workload has something to draw.
func (m Measured) HasLatencies() bool { return len(m.curves()) > 0 }

// WriteLatencies draws the latency of a step under each rate, by quantile: both
// axes logarithmic, the horizontal one by how rare a latency is.
func (m Measured) WriteLatencies(to io.Writer) error {
	curves := m.curves()
	low, high := math.Inf(1), 0.0
	for _, c := range curves {
		for _, v := range c.milliseconds {
			low, high = min(low, v), max(high, v)
		}
	}
	low, high = math.Pow(10, math.Floor(math.Log10(low))), math.Pow(10, math.Ceil(math.Log10(high)))
	if high == low {
		high = 10 * low
	}
	s := newSVG(curveTop+curveHigh+40, m.Workload+": latency of a step at fixed rates, ms")
	x := func(q float64) float64 {
		rare := func(q float64) float64 { return -math.Log10(1 - q) }
		from, until := rare(quantiles[0]), rare(quantiles[len(quantiles)-1])
		return curveLeft + (rare(q)-from)/(until-from)*(plotWidth-curveLeft-curveRight)
	}
	y := func(v float64) float64 {
		return curveTop + (math.Log10(high)-math.Log10(v))/(math.Log10(high)-math.Log10(low))*curveHigh
	}
	for decade := low; decade <= high*1.001; decade *= 10 {
		for _, v := range []float64{decade, 2 * decade, 5 * decade} {
			if v <= high*1.001 {
				s.line(curveLeft, y(v), plotWidth-curveRight, y(v), faint)
				s.text(curveLeft-6, y(v)+4, "end", ink, "11", fmt.Sprintf("%g", v))
			}
		}
	}
	for _, q := range quantiles {
		s.line(x(q), curveTop, x(q), curveTop+curveHigh, faint)
		s.text(x(q), curveTop+curveHigh+16, "middle", ink, "11", fmt.Sprintf("p%g", math.Round(q*1000)/10))
	}
	for i, c := range curves {
		var points []string
		for j, v := range c.milliseconds {
			points = append(points, fmt.Sprintf("%.1f,%.1f", x(quantiles[j]), y(v)))
		}
		fmt.Fprintf(s, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2" stroke-dasharray="%s"/>`+"\n", strings.Join(points, " "), c.colour, c.dashes)
		top := float64(curveTop + 10 + 18*i)
		fmt.Fprintf(s, `<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="%s" stroke-width="2" stroke-dasharray="%s"/>`+"\n", plotWidth-curveRight+14, top, plotWidth-curveRight+40, top, c.colour, c.dashes)
		s.text(plotWidth-curveRight+46, top+4, "start", ink, "12", c.name)
	}
	return s.finish(to)
}

// dashesOf tells rates apart, from the first on.
var dashesOf = []string{"none", "6 3", "2 3", "8 3 2 3"}

// curves are those of all open loops: of each quantile the median of the rounds.
func (m Measured) curves() []curve {
	var curves []curve
	rate := -1
	for _, p := range m.Phases {
		if p.Rate == 0 {
			continue
		}
		rate++
		for _, of := range p.Subjects {
			c := curve{name: of.Subject + " " + p.Name, colour: colours[of.Subject], dashes: dashesOf[rate%len(dashesOf)]}
			for _, q := range quantiles {
				v := float64(spread(of.Rounds, func(r Round) float64 { return milliseconds(r.Step, q) }).Median)
				if math.IsNaN(v) || v <= 0 {
					break
				}
				c.milliseconds = append(c.milliseconds, v)
			}
			if len(c.milliseconds) == len(quantiles) {
				curves = append(curves, c)
			}
		}
	}
	return curves
}

package graph

import "slices"

type point struct{ x, y int }

// box is a node with its place, within its group.
type box struct {
	node          *node
	x, y          int
	width, height int
	texts         []text
	headHeight    int      // of a group: of its texts
	inner         *layered // of a group
	layer         int
}

// way is an edge with its place. Its ends may stand for nodes inside of groups.
type way struct {
	from, to *box
	step     string   // from which it comes, inside of a group; ""
	label    []string // in lines
	kind     edgeKind
	points   []point
	labelAt  point

	fromPort, toPort int // from the left edge of the box
	fromTrack        int // in the channel below from
	toTrack          int // in the channel above to, if the way goes over a lane
	lane             int // 0: none; 1…: to the right
}

// layered is a group that is laid out: boxes in layers, ways between them.
type layered struct {
	boxes         []*box
	ways          []*way
	layers        [][]*box
	width, height int

	tracks []int // how many there are in the channel above each layer, and below the last
	lanes  int
}

// layout places all nodes, from the inside out.
func (p *Picture) layout() *layered { return p.layoutGroup(p.top) }

func (p *Picture) layoutGroup(g *group) *layered {
	l := &layered{}
	byNode := map[*node]*box{}
	for _, n := range g.nodes {
		b := &box{node: n, texts: textsOf(n)}
		if n.inner != nil {
			b.inner = p.layoutGroup(n.inner)
		}
		b.size()
		l.boxes, byNode[n] = append(l.boxes, b), b
	}
	for _, e := range p.edges {
		from, to := lifted(e.from, g), lifted(e.to, g)
		if from != nil && to != nil && (from != to || e.from == e.to) {
			l.connect(byNode[from], byNode[to], e)
		}
	}
	l.label()
	l.assignLayers()
	l.orderLayers()
	l.assignPorts()
	l.assignTracks()
	l.place()
	for _, w := range l.ways {
		w.route(l)
	}
	l.measure()
	return l
}

// lifted is the node of the group in which n stands, however deep; nil if it
// stands elsewhere.
func lifted(n *node, g *group) *node {
	for n != nil && n.in != g {
		n = n.in.owner
	}
	return n
}

func (l *layered) connect(from, to *box, e *edge) {
	step := ""
	if e.from != from.node {
		step = e.from.title
	}
	for _, w := range l.ways {
		if w.from == from && w.to == to && w.kind == e.kind && (w.label[0] == e.label || from.inner == nil) {
			if w.step != step {
				w.step = "" // of several
			}
			return
		}
	}
	l.ways = append(l.ways, &way{from: from, to: to, step: step, label: []string{e.label}, kind: e.kind})
}

// label writes the labels of ways in lines. Of several ways out of a group it is told
// which of the steps inside takes them.
func (l *layered) label() {
	for _, w := range l.ways {
		label := w.label[0]
		if w.kind == edgeFlow && w.step != "" && l.exits(w.from) > 1 {
			label = joinTexts(w.step, label)
		}
		w.label = wrapped(label, textMax, labelLines)
	}
}

// exits counts the ways out of a box, but for that to its compensation.
func (l *layered) exits(b *box) int {
	n := 0
	for _, w := range l.ways {
		if w.from == b && w.kind != edgeUndo {
			n++
		}
	}
	return n
}

func (b *box) size() {
	if b.node.kind == kindExit {
		b.width, b.height = 12, 12
		return
	}
	for _, t := range b.texts {
		b.width = max(b.width, t.width()+2*padding)
	}
	b.height = len(b.texts)*lineHeight + 2*padding - (lineHeight - fontSize)
	if b.node.kind == kindPick {
		b.width += 16
	}
	if b.inner != nil {
		b.headHeight = b.height - padding
		b.width = max(b.width, b.inner.width+2*groupPadding)
		b.height = b.headHeight + b.inner.height + 2*groupPadding
	}
	b.width = max(b.width, 80)
}

func (l *layered) index(b *box) int { return slices.Index(l.boxes, b) }

// isBack reports whether a way goes against the order of the file.
func (l *layered) isBack(w *way) bool { return l.index(w.from) >= l.index(w.to) }

// assignLayers puts each box below all from which ways come, in the order of the
// file, in which only ways back go against it.
func (l *layered) assignLayers() {
	for _, b := range l.boxes {
		for _, w := range l.ways {
			if w.to == b && !l.isBack(w) {
				b.layer = max(b.layer, w.from.layer+1)
			}
		}
	}
	l.pullDown()
	count := 0
	for _, b := range l.boxes {
		count = max(count, b.layer+1)
	}
	l.layers = make([][]*box, count)
	for _, b := range l.boxes {
		l.layers[b.layer] = append(l.layers[b.layer], b)
	}
}

// pullDown puts compensations beside what follows their step, and boxes to which
// nothing leads (what may come at any time) as near to what they lead to as can be.
func (l *layered) pullDown() {
	for i := len(l.boxes) - 1; i >= 0; i-- {
		b, nearest, entered := l.boxes[i], -1, false
		for _, w := range l.ways {
			if w.to == b && w.from != b {
				entered = true
			}
			if w.from == b && !l.isBack(w) && (nearest < 0 || w.to.layer < nearest) {
				nearest = w.to.layer
			}
		}
		if !entered && nearest > 0 && b.node.kind != kindStart {
			b.layer = nearest - 1
		}
	}
}

// orderLayers sorts each layer by where the boxes above are that lead to it. A
// compensation stands to the right.
func (l *layered) orderLayers() {
	place := map[*box]int{}
	for _, layer := range l.layers {
		slices.SortStableFunc(layer, func(a, b *box) int {
			if a.aside() != b.aside() {
				return a.aside() - b.aside()
			}
			return l.pull(a, place) - l.pull(b, place)
		})
		for i, b := range layer {
			place[b] = i
		}
	}
}

func (b *box) aside() int {
	if b.node.kind == kindUndo {
		return 1
	}
	return 0
}

// pull is the mean place of the boxes above, in hundredths.
func (l *layered) pull(b *box, place map[*box]int) int {
	sum, n := 0, 0
	for _, w := range l.ways {
		if w.to == b && w.from.layer < b.layer {
			sum += place[w.from] * 100
			n++
		}
	}
	if n == 0 {
		return 0
	}
	return sum / n
}

// isDirect reports whether a way goes to the next layer.
func (w *way) isDirect() bool { return w.to.layer == w.from.layer+1 }

// assignPorts spreads the ends of ways over the edges of their boxes: to the left
// what goes to the left, to the right what takes a lane.
func (l *layered) assignPorts() {
	rank := func(w *way, end *box) int {
		if !w.isDirect() {
			return 1000
		}
		return slices.Index(l.layers[end.layer], end)
	}
	for _, b := range l.boxes {
		var out, in []*way
		for _, w := range l.ways {
			if w.from == b {
				out = append(out, w)
			}
			if w.to == b {
				in = append(in, w)
			}
		}
		slices.SortStableFunc(out, func(x, y *way) int { return rank(x, x.to) - rank(y, y.to) })
		slices.SortStableFunc(in, func(x, y *way) int { return rank(x, x.from) - rank(y, y.from) })
		for i, w := range out {
			w.fromPort = b.width * (i + 1) / (len(out) + 1)
		}
		for i, w := range in {
			w.toPort = b.width * (i + 1) / (len(in) + 1)
		}
	}
}

// assignTracks gives each way its own track in the channels that it runs through,
// and those that go further than the next layer a lane beside the boxes.
func (l *layered) assignTracks() {
	l.tracks = make([]int, len(l.layers)+1)
	for _, w := range l.ways {
		channel := w.from.layer + 1
		l.tracks[channel] += max(1, len(w.label)) // the label stands above the track
		w.fromTrack = l.tracks[channel] - 1
	}
	for _, w := range l.ways {
		if !w.isDirect() {
			l.lanes++
			w.lane = l.lanes
			w.toTrack = l.tracks[w.to.layer]
			l.tracks[w.to.layer]++
		}
	}
}

// place gives boxes their coordinates: each layer in the middle, with room for
// the tracks of the channel above.
func (l *layered) place() {
	widest := 0
	for _, layer := range l.layers {
		widest = max(widest, layerWidth(layer))
	}
	y := 0
	for i, layer := range l.layers {
		y += l.channelHeight(i)
		x, tallest := (widest-layerWidth(layer))/2, 0
		for _, b := range layer {
			b.x, b.y = x, y
			x += b.width + boxGap
			tallest = max(tallest, b.height)
		}
		y += tallest
	}
	l.width = widest
	l.height = y + l.channelHeight(len(l.layers))
}

func (l *layered) channelHeight(i int) int {
	switch {
	case l.tracks[i] > 0:
		return (l.tracks[i] + 2) * trackHeight
	case i == 0 || i == len(l.layers):
		return 0
	}
	return 2 * trackHeight
}

func layerWidth(layer []*box) int {
	sum := 0
	for _, b := range layer {
		sum += b.width + boxGap
	}
	return max(sum-boxGap, 0)
}

// bottom is where the channel below a layer begins.
func (l *layered) bottom(layer int) int {
	y := 0
	for _, b := range l.layers[layer] {
		y = max(y, b.y+b.height)
	}
	return y
}

// top is where a layer's boxes begin.
func (l *layered) top(layer int) int { return l.layers[layer][0].y }

// route gives a way its points: down, along its track, and down again; or over its
// lane to the channel above its end.
func (w *way) route(l *layered) {
	from := point{w.from.x + w.fromPort, w.from.y + w.from.height}
	to := point{w.to.x + w.toPort, w.to.y}
	track := l.bottom(w.from.layer) + (w.fromTrack+1)*trackHeight
	w.points = []point{from, {from.x, track}}
	across := to.x
	if w.isDirect() {
		if distance := to.x - from.x; -kink < distance && distance < kink {
			to.x = from.x // straight down
		}
		w.points = append(w.points, point{to.x, track}, to)
	} else {
		across = l.width + boxGap/2 + w.lane*laneWidth
		down := l.top(w.to.layer) - l.channelHeight(w.to.layer) + (w.toTrack+1)*trackHeight
		w.points = append(w.points, point{across, track}, point{across, down}, point{to.x, down}, to)
	}
	w.points = straightened(w.points)
	w.labelAt = point{from.x + 5, track - 4 - (len(w.label)-1)*trackHeight}
	if across < from.x {
		w.labelAt.x = from.x - 5 - w.labelWidth()
	}
}

func (w *way) labelWidth() int {
	width := 0
	for _, line := range w.label {
		width = max(width, textWidth(line, labelFont))
	}
	return width
}

// straightened leaves out points at which a way does not turn.
func straightened(points []point) []point {
	var out []point
	for i, p := range points {
		if i > 0 && i+1 < len(points) && (points[i-1].x == p.x && points[i+1].x == p.x || points[i-1].y == p.y && points[i+1].y == p.y) {
			continue
		}
		out = append(out, p)
	}
	return out
}

// measure is the size with lanes and labels. What stands out to the left moves
// everything.
func (l *layered) measure() {
	left, right := 0, l.width
	for _, w := range l.ways {
		for _, p := range w.points {
			right = max(right, p.x+8)
		}
		left = min(left, w.labelAt.x)
		right = max(right, w.labelAt.x+w.labelWidth())
	}
	for _, b := range l.boxes {
		b.x -= left
	}
	for _, w := range l.ways {
		for i := range w.points {
			w.points[i].x -= left
		}
		w.labelAt.x -= left
	}
	l.width = right - left
}

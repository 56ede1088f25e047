package topology

// letter considers what another instance or a desk tells. One that nobody has a
// use for, as of a call that is over, is late.
func (p *pass) letter(l *Letter) {
	if p.inst == nil {
		p.out.Outcome = Ignored
		return
	}
	p.lateLetter(l)
}

func (p *pass) lateLetter(l *Letter) {
	p.note("late", "", string(l.Kind))
	p.out.Outcome = Late
}

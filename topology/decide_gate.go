package topology

// gate is the desk that bounds how a command is sent.
func (d *desk) gate(message string, in Input) { d.out.Outcome = Ignored }

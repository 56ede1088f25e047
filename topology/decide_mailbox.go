package topology

// mailbox is the desk that knows instances by a value of a variable.
func (d *desk) mailbox(variable string, in Input) { d.out.Outcome = Ignored }

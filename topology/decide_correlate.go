package topology

// introduce tells mailboxes by which values the instance is known now.
func (p *pass) introduce() {}

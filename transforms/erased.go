package transforms

// Erase drops what is of people who are erased, after Decode and before
// anything is appended. Whose a row is the message says once; only tombstones,
// and samples that bring their own context in a message that names no user,
// say it each.
//
// What says nothing of it is dropped if the message names one of the erased
// anywhere. So is what is refused beside rows of theirs: quarantine would keep
// the bytes of the whole message. One whose user was read and is not erased is
// never searched.
func (d *Decoded) Erase(erased func(userID []byte) bool) {
	if len(d.user) > 0 {
		if erased(d.user) {
			d.eraseAll()
		}
		return
	}
	if d.Rows == 0 && len(d.refused) == 0 {
		return
	}
	unnamed := d.eraseRows(erased)
	if !unnamed && len(d.refused) == 0 || d.RowsErased == 0 && !d.Names(erased) {
		d.sumErased()
		return
	}
	d.eraseUnnamed()
	d.sumErased()
}

// eraseAll drops the message.
func (d *Decoded) eraseAll() {
	if d.failure() != nil {
		d.Table = nil // the books of quarantine tell of it, as they would have
	}
	for row := range d.reader.dead {
		d.reader.dead[row] = true
	}
	d.forgetRefused()
	d.RowsErased, d.RowsQuarantined, d.Rows = d.RowsDecoded, 0, 0
	d.Outcome, d.Late = Erased, false
}

func (d *Decoded) forgetRefused() {
	d.refused, d.reader.refused = nil, d.reader.refused[:0]
}

// eraseRows drops the rows that name somebody who is erased, and tells whether
// there are others that name nobody.
func (d *Decoded) eraseRows(erased func(userID []byte) bool) (unnamed bool) {
	d.eachUser(func(row int32, user []byte) {
		switch {
		case len(user) == 0:
			unnamed = true
		case erased(user):
			d.eraseRow(row)
		}
	})
	return unnamed
}

// eachUser calls f with the rows that there are, and whose each is.
func (d *Decoded) eachUser(f func(row int32, user []byte)) {
	if d.Rows == 0 {
		return
	}
	d.reader.eachRow(d.rt.plan.user, func(row int32, c *cell) {
		if d.reader.dead[row] {
			return
		}
		var user []byte
		if c != nil {
			user = c.str
		}
		f(row, user)
	})
}

func (d *Decoded) eraseRow(row int32) {
	d.reader.dead[row] = true
	d.RowsErased++
}

// eraseUnnamed drops rows that name nobody, and what is refused.
func (d *Decoded) eraseUnnamed() {
	if d.Rows == 0 {
		d.eraseAll()
		return
	}
	d.eachUser(func(row int32, user []byte) {
		if len(user) == 0 {
			d.eraseRow(row)
		}
	})
	d.RowsErased += len(d.refused)
	d.forgetRefused()
}

// sumErased counts the rows anew, if some were dropped.
func (d *Decoded) sumErased() {
	if d.RowsErased > 0 {
		d.sum()
	}
}

// Names tells whether somebody who is erased is named in the message: by a
// UUID in the body, as far as it could be unzipped, or in the attributes.
func (d *Decoded) Names(erased func(userID []byte) bool) bool {
	named := func(text []byte) bool {
		for id := range uuids(text) {
			if erased(id) {
				return true
			}
		}
		return false
	}
	if named(d.body) || named(d.unzipped) || d.body == nil && named(d.message.Data) {
		return true
	}
	for name, value := range d.message.Attributes {
		if named([]byte(name)) || named([]byte(value)) {
			return true
		}
	}
	return false
}

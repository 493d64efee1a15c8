package transforms

import (
	"bytes"
	"errors"

	"github.com/go-faster/jx"
)

// checkValue refuses what is nested too deep or says a field twice.
func checkValue(d *jx.Decoder, depth int) error {
	kind := d.Next()
	if kind != jx.Object && kind != jx.Array {
		return d.Skip()
	}
	if depth > MaxDepth {
		return Refuse(TooDeep, "", "nested deeper than %d", MaxDepth)
	}
	if kind == jx.Array {
		it, err := d.ArrIter()
		for err == nil && it.Next() {
			err = checkValue(d, depth+1)
		}
		return errors.Join(err, it.Err())
	}
	var seen keySet
	it, err := d.ObjIter()
	for err == nil && it.Next() {
		if seen.add(it.Key()) {
			return Refuse(DuplicateKey, "", "an object has the same field twice")
		}
		err = checkValue(d, depth+1)
	}
	return errors.Join(err, it.Err())
}

// keySet finds the names that an object has twice.
type keySet struct {
	few  [][]byte
	many map[string]struct{}
}

// add reports whether the key was there already.
func (s *keySet) add(key []byte) bool {
	const few = 16
	if s.many == nil {
		for _, k := range s.few {
			if bytes.Equal(k, key) {
				return true
			}
		}
		if len(s.few) < few {
			s.few = append(s.few, key)
			return false
		}
		s.many = make(map[string]struct{}, 4*few)
		for _, k := range s.few {
			s.many[string(k)] = struct{}{}
		}
	}
	_, dup := s.many[string(key)]
	s.many[string(key)] = struct{}{}
	return dup
}

package transforms

import (
	"fmt"
	"maps"

	"github.com/go-faster/jx"
)

// Pick is a copy of a message with only the samples at some positions, ascending
// and as the end of their _version counts them. All else of the event is as it
// came, byte for byte, so that the samples become the rows that they were. The
// id is new, and with it the idempotency key: a message and a position are the
// name of one sample, and the positions are others now. An event without a list
// of samples is one record, and is copied whole, whatever the positions.
//
// One thing of a row is not its own: of unknown fields beside very many samples
// only the first has them in _extra (see maxSharedExtra), which may be another
// then.
//
// The event must be of a table that has a row a sample, or have no list: where
// an event is one row, a list is part of its value.
//
// The error is a *Refusal if the message cannot be opened.
func Pick(m *Message, id string, positions []int32) (Message, error) {
	if m.Refusal != nil {
		return Message{}, m.Refusal
	}
	var zip inflater
	body, refused := zip.body(m)
	if refused != nil {
		return Message{}, refused
	}
	list, err := samplesOf(body)
	if err != nil { // its text could quote the payload
		return Message{}, Refuse(NotJSON, "", "the body is no JSON object")
	}
	picked := *m
	picked.ID, picked.Attributes = id, maps.Clone(m.Attributes)
	if picked.Attributes == nil {
		picked.Attributes = map[string]string{}
	}
	// What would say another id, or how the body was packed before.
	for _, name := range []string{attrOriginalMessageID, "idempotency_key", AttrBlobCodec, "blob_codec"} {
		delete(picked.Attributes, name)
	}
	picked.Attributes[AttrIdempotencyKey] = id
	if picked.Data, err = thinned(body, list, positions); err != nil {
		return Message{}, err
	}
	picked.Pack()
	return picked, nil
}

// thinned is a copy of a body with only some elements of a list that is a part
// of it; all of it if there is no list.
func thinned(body, list []byte, positions []int32) ([]byte, error) {
	if list == nil {
		return append([]byte{}, body...), nil
	}
	if len(positions) == 0 {
		return nil, fmt.Errorf("pick samples: no positions")
	}
	start := cap(body) - cap(list) // both end where the buffer does
	out := append(make([]byte, 0, len(body)), body[:start]...)
	separator, at, wanted := byte('['), int32(0), positions
	err := eachElement(list, func(sample []byte) {
		if len(wanted) > 0 && wanted[0] == at {
			out = append(append(out, separator), sample...)
			separator, wanted = ',', wanted[1:]
		}
		at++
	})
	if err != nil {
		return nil, Refuse(NotJSON, "", "malformed JSON")
	}
	if len(wanted) > 0 {
		return nil, fmt.Errorf("pick samples: of %d samples there is none at %d, or the positions do not ascend", at, wanted[0])
	}
	return append(append(out, ']'), body[start+len(list):]...), nil
}

// samplesOf is the list of samples within an event, data.data or data itself;
// nil if there is none.
func samplesOf(body []byte) ([]byte, error) {
	at := jx.Raw(body)
	for range 2 {
		var err error
		if at, err = member(at, "data"); err != nil {
			return nil, err
		}
		switch at.Type() {
		case jx.Array:
			return at, nil
		case jx.Object:
		default: // also if there is no such field
			return nil, nil
		}
	}
	return nil, nil
}

// member is the value of an object's field, a part of its text; nil if it has
// no such field.
func member(object []byte, name string) (value jx.Raw, err error) {
	err = jx.DecodeBytes(object).ObjBytes(func(d *jx.Decoder, key []byte) error {
		if string(key) != name {
			return d.Skip()
		}
		d.Next() // skips white space
		value, err = d.Raw()
		return err
	})
	return value, err
}

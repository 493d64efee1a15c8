package erase

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"vitalsink/connector"
)

const (
	victim = "3f0a52d1-96b2-4c38-8f7e-0b1d6e5a4c29"
	other  = "9b1d6e5a-0000-4c38-8f7e-3f0a52d14c29"
)

func zipped(body string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(body)) // a buffer takes all
	_ = w.Close()
	return b.Bytes()
}

// TestSearch: who stands anywhere in what there is of a message is found, and
// what cannot be looked through for sure is said.
func TestSearch(t *testing.T) {
	const most = 1 << 16
	s := &search{most: most, hashes: []string{connector.UserHash(other), connector.UserHash(victim)}, clients: map[string]bool{"Anna \"4\"\n": true, "17": true}}
	first, second := s.hashes[0], s.hashes[1]
	cut := zipped(strings.Repeat(other, 100))
	for name, c := range map[string]struct {
		text     string
		payload  []byte
		hash     string
		readable bool
	}{
		"nobody":               {payload: zipped(`{"user_id":"00000000-96b2-4c38-8f7e-0b1d6e5a4c29"}`), readable: true},
		"nothing":              {readable: true},
		"attribute":            {text: `{"key":"` + victim + `"}`, payload: zipped("x"), hash: second, readable: true},
		"body":                 {payload: zipped(`{"user_id":"` + victim), hash: second, readable: true},
		"upper case":           {payload: zipped("x" + strings.ToUpper(" "+victim)), hash: second, readable: true},
		"zipped body":          {payload: zipped(string(zipped(`no JSON ` + victim))), hash: second, readable: true},
		"the first of two":     {payload: zipped(victim + " " + other), hash: second, readable: true},
		"event":                {text: `{"about":"` + other + `"}`, hash: first, readable: true},
		"client":               {payload: zipped(`{"client_user_id" : "Anna \u00224\"\n"`), hash: first, readable: true},
		"client of another":    {payload: zipped(`{"client_user_id":"170"}`), readable: true},
		"client, no member":    {payload: zipped(`{"value":"17","client_user_id":null}`), readable: true},
		"client, number":       {payload: zipped(`{"client_user_id":17}`), hash: first, readable: true},
		"client, not so long":  {payload: zipped(`{"client_user_id":170, "client_user_id":{"17":17}}`), readable: true},
		"begin is gone":        {payload: zipped(base64.StdEncoding.EncodeToString([]byte(`{"event_type":"x","user_id":"` + victim + `"}`))[9:]), hash: second, readable: true},
		"envelope in envelope": {payload: zipped(base64.StdEncoding.EncodeToString([]byte(`{"data":"` + base64.StdEncoding.EncodeToString(zipped(`{"user_id":"`+victim+`"}`)) + `"}`))), hash: second, readable: true},
		"torn envelope":        {payload: zipped(`{"message":{"data":"` + base64.StdEncoding.EncodeToString([]byte(`{"user_id":"`+victim+`"}`))), hash: second, readable: true},
		"zipped, torn":         {payload: zipped(`{"data":"` + base64.StdEncoding.EncodeToString(zipped(`{"user_id":"` + victim + `","x":[` + strings.Repeat(`1,`, 300)))[:81]), hash: second, readable: true},
		"no gzip":              {payload: []byte("{}"), readable: false},
		"cut, and named":       {payload: cut[:len(cut)-10], hash: first, readable: false},
		"cut":                  {payload: zipped(strings.Repeat("x", 100))[:20], readable: false},
		"zipped body, cut":     {payload: zipped(string(zipped(strings.Repeat("x", 100))[:20])), readable: false},
		"no text":              {payload: zipped("\xff\xfe3\x00f\x00"), readable: false},
		"too large":            {payload: zipped(strings.Repeat("x", most+1)), readable: false},
		"too large, and named": {payload: zipped(victim + strings.Repeat("x", most)), hash: second, readable: false},
	} {
		t.Run(name, func(t *testing.T) {
			m := &message{text: c.text}
			m.zipped.Write(c.payload)
			hash, names, readable := s.message(m)
			if hash != c.hash || names != (c.hash != "") || readable != c.readable {
				t.Errorf("names %t %.8s, readable %t; want %.8s, %t", names, hash, readable, c.hash, c.readable)
			}
		})
	}
}

// TestGathering: rows of one message in one batch are put together, whatever is
// between them.
func TestGathering(t *testing.T) {
	var got []string
	g := &gathering{each: func(m *message) { got = append(got, fmt.Sprint(m.id, m.batch, m.rows, m.text, m.zipped.String())) }}
	for _, r := range []connector.NamelessRow{
		{ID: "a", Batch: "1", Index: -1, Text: "t", Payload: []byte("x")}, {ID: "a", Batch: "1", Index: -1, Part: 1, Payload: []byte("y")},
		{ID: "a", Batch: "1", Index: 4}, {ID: "a", Batch: "2", Index: -1, Payload: []byte("x")}, {ID: "b", Batch: "2", Index: -1},
	} {
		if err := g.take(r); err != nil {
			t.Fatal(err)
		}
	}
	g.end()
	g.end()
	if want := fmt.Sprint([]string{"a13txy", "a21x", "b21"}); fmt.Sprint(got) != want {
		t.Errorf("%v, want %s", got, want)
	}
}

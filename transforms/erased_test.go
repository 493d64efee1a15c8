package transforms_test

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"vitalsink/connector/synth"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

const someone, other = "0b1f7a5e-93d8-4c1a-8f2b-6d1e0a9c4b77", "5c2d8e61-1f40-4b7d-a3c9-e2f01b6a8d33"

// isNamedIn is the oracle of a search: somebody stands in one of the texts, which
// are searched window by window, also with escapes of JSON resolved.
func isNamedIn(erased map[string]bool, texts ...string) bool {
	uuid := regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	for _, text := range texts {
		for _, s := range []string{text, unescape(text)} {
			for i := range len(s) {
				if i+36 <= len(s) && uuid.MatchString(s[i:i+36]) && erased[strings.ToLower(s[i:i+36])] {
					return true
				}
			}
		}
	}
	return false
}

// unescape resolves the escapes of what can be in a UUID.
func unescape(text string) string {
	return regexp.MustCompile(`\\u00[0-9a-fA-F]{2}`).ReplaceAllStringFunc(text, func(escape string) string {
		var c byte
		if _, err := fmt.Sscanf(escape[4:], "%02x", &c); err == nil && strings.IndexByte("0123456789abcdefABCDEF-", c) >= 0 {
			return string(c)
		}
		return escape
	})
}

// FuzzUUIDs: the search finds what a search window by window finds.
func FuzzUUIDs(f *testing.F) {
	for _, seed := range []string{
		"", someone, "x" + someone + "-" + other, strings.ToUpper(someone), "0" + someone + "0",
		"aaaaaaaa-bbbb-cccc-dddd-eeeeffffffff-0000-1111-2222-333333333333", someone[:35], someone[1:],
		`{"a":"\u0030` + someone[1:] + `"}`, `\u002d` + someone, someone[:8] + `\u002D` + someone[9:], `\u00`, `\u00\u00` + someone, `\u00zz`,
		`\u00300b1f7a5e` + someone[8:], strings.Repeat("-", 80), someone + someone,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		found := map[string]bool{}
		for id := range transforms.UUIDs([]byte(text)) {
			found[strings.ToLower(id)] = true
		}
		for id := range found {
			if !isNamedIn(map[string]bool{id: true}, text) {
				t.Errorf("finds %s, which is not there", id)
			}
		}
		for _, s := range []string{text, unescape(text)} {
			for i := 0; i+36 <= len(s); i++ {
				id := strings.ToLower(s[i : i+36])
				if !found[id] && isNamedIn(map[string]bool{id: true}, s[i:i+36]) {
					t.Errorf("misses %s", id)
				}
			}
		}
	})
}

// TestUUIDsEnds: who wants no more gets no more.
func TestUUIDsEnds(t *testing.T) {
	n := 0
	for range transforms.UUIDs([]byte(someone + " " + other + ` \u0030` + other[1:])) {
		n++
		break
	}
	if n != 1 {
		t.Errorf("%d came", n)
	}
}

// eraseWith decodes a message as decodeWith does, and has people erased.
func eraseWith(t tb, decoder *transforms.Decoder, m *transforms.Message, erased map[string]bool, refused ...int32) outcome {
	t.Helper()
	d := decoder.Decode(m)
	d.Erase(func(id []byte) bool { return erased[strings.ToLower(string(id))] })
	if len(refused) > 0 {
		d.RefuseRows(refused)
	}
	return outcomeOf(t, d)
}

// TestErase: whatever comes, what is left is what there would be without the
// rows of who is erased, and nothing of theirs is refused.
func TestErase(t *testing.T) {
	all := withLone(events(t, everyType(), synth.Modern))
	decoder := newDecoder(t)
	rapid.Check(t, func(rt *rapid.T) {
		body := mutant(rt, all)
		m := message(body)
		if rapid.Bool().Draw(rt, "attribute") {
			attribute("x", someone)(m)
		}
		erased := map[string]bool{}
		for _, id := range append(slices.Collect(transforms.UUIDs([]byte(body))), "u9", "7", someone) {
			if rapid.Bool().Draw(rt, id) {
				erased[strings.ToLower(id)] = true
			}
		}
		before := decodeWith(rt, decoder, m)
		checkErased(rt, m, erased, before, eraseWith(rt, decoder, m, erased))
	})
}

// checkErased compares what is left of a message with what there was.
func checkErased(t tb, m *transforms.Message, erased map[string]bool, before, after outcome) {
	t.Helper()
	search := []string{string(m.Data)}
	for name, value := range m.Attributes {
		search = append(search, name, value)
	}
	isNamed, messageUser := isNamedIn(erased, search...), ""
	if len(before.quarantine) > 0 {
		messageUser, _ = before.quarantine[0]["user_id"].(string)
	}
	var left []row
	some := false // of the rows are erased
	for _, r := range before.rows {
		user, _ := r["user_id"].(string)
		if messageUser != "" && user != messageUser {
			t.Errorf("a row is of %s, the message of %s", user, messageUser)
		}
		if erased[strings.ToLower(user)] {
			some = true
		}
	}
	for _, r := range before.rows {
		user, _ := r["user_id"].(string)
		if !erased[strings.ToLower(user)] && (user != "" || !some && !isNamed) {
			left = append(left, r)
		}
	}
	gone := erased[strings.ToLower(messageUser)] || messageUser == "" && (some || isNamed)
	refusals := before.refusals
	if gone {
		refusals = refusals[:0]
	}
	if len(left)+len(after.rows) > 0 && !reflect.DeepEqual(after.rows, left) {
		t.Errorf("%d rows are left of %d, want %d", len(after.rows), len(before.rows), len(left))
	}
	if !slices.Equal(after.refusals, refusals) {
		t.Errorf("%d refusals are left, want %d", len(after.refusals), len(refusals))
	}
	if after.RowsErased != before.RowsDecoded-len(left)-after.RowsQuarantined {
		t.Errorf("%d rows are erased, of %d decoded", after.RowsErased, before.RowsDecoded)
	}
	if wantErased := len(before.rows)+len(before.refusals) > 0 && len(left)+len(refusals) == 0; wantErased && after.Outcome != transforms.Erased {
		t.Errorf("outcome %v", after.Outcome)
	}
}

// TestEraseNamed: a message that does not say whose it is is searched.
func TestEraseNamed(t *testing.T) {
	event := func(data string) string { return `{"event_type":"lab.order","data":` + data + `}` }
	sleep := func(user string) string {
		return `{"event_type":"daily.data.sleep.created","user_id":"` + user + `","data":{"id":"s1"}}`
	}
	escaped := `\u0030` + someone[1:]
	for _, c := range []struct {
		name   string
		m      *transforms.Message
		erased bool
	}{
		{"of the user", message(sleep(someone)), true},
		{"of the user, in capitals", message(sleep(strings.ToUpper(someone))), true},
		{"of the user, escaped", message(sleep(escaped)), true},
		{"of another, who names them", message(sleep(other), attribute("x", someone)), false},
		{"event of nobody", message(event(`{"for":"` + someone + `"}`)), true},
		{"event of nobody, escaped", message(event(`{"for":"` + escaped + `"}`)), true},
		{"event of nobody, of another", message(event(`{"for":"` + other + `"}`)), false},
		{"event of nobody, within JSON in a text", message(event(`"{\"for\":\"` + someone + `\"}"`)), true},
		{"no JSON", message(`{"user": ` + someone), true},
		{"no JSON, zipped", message(zip(t, "{"+someone), attribute("blob-codec", "gzip")), true},
		{"zipped twice", message(zip(t, zip(t, sleep(someone))), attribute("blob-codec", "gzip")), false},
		{"torn, zipped", message(zip(t, event(`"`+someone+strings.Repeat(" ", 9000)+`"`))[:95], attribute("blob-codec", "gzip")), true},
		{"unknown codec", message(sleep(someone), attribute("blob-codec", "zstd")), true},
		{"unreadable, named by an attribute", message("\x1f\x8b?", attribute("ordering", "user:"+someone)), true},
		{"unreadable", message("\x1f\x8b?", attribute("ordering", "user:"+other)), false},
		{"no user", message(`{"event_type":"daily.data.sleep.created","data":{"id":"` + someone + `"}}`), true},
		{"not opened", &transforms.Message{ID: "m", Data: []byte(someone), Refusal: transforms.Refuse(transforms.BadEnvelope, "", "")}, true},
		{"fetched", message(`{"event_type":"vitalsink.fetched.command","user_id":"` + someone + `","data":{"notice":"command","subject":"s","outcome":"empty"}}`), true},
		{"empty", message(`{"event_type":"daily.data.heartrate.created","user_id":"` + someone + `","data":{"data":[]}}`), true},
		{"refused in full", message(`{"event_type":"daily.data.heartrate.created","user_id":"` + someone + `","data":{"data":[7]}}`), true},
	} {
		decoder := newDecoder(t)
		decodeWith(t, decoder, message(zip(t, event(`"`+someone+`"`)), attribute("blob-codec", "gzip"))) // must be forgotten
		o := eraseWith(t, decoder, c.m, map[string]bool{someone: true})
		if (o.Outcome == transforms.Erased) != c.erased || c.erased && (o.Rows > 0 || o.RowsQuarantined > 0 || len(o.refusals) > 0) {
			t.Errorf("%s: outcome %v, %d rows, refused %v", c.name, o.Outcome, o.Rows, o.refusals)
		}
	}
}

// TestEraseTombstones: of a message that deletes rows of several people those
// of who is erased are dropped.
func TestEraseTombstones(t *testing.T) {
	var rows []map[string]any
	for _, user := range []string{other, someone, other, someone} {
		rows = append(rows, map[string]any{"user_id": user, "id": fmt.Sprint("s", len(rows))})
		if user == someone {
			rows[len(rows)-1]["created_at"] = noon
		}
	}
	m, err := transforms.Tombstones("t1", published(), catalogue().Table("sleep"), rows)
	if err != nil {
		t.Fatal(err)
	}
	o := eraseWith(t, newDecoder(t), &m, map[string]bool{someone: true})
	if o.Outcome != transforms.Landed || o.RowsErased != 2 || len(o.rows) != 2 || o.rows[0]["id"] != "s0" || o.rows[1]["id"] != "s2" || o.noDay != 2 || o.rows[0]["created_at"] != nil {
		t.Errorf("outcome %v, %d erased, left: %v", o.Outcome, o.RowsErased, o.rows)
	}
	o = eraseWith(t, newDecoder(t), &m, map[string]bool{someone: true}, 2)
	if o.Outcome != transforms.Landed || o.RowsErased != 3 || len(o.rows) != 1 || len(o.refusals) > 0 {
		t.Errorf("one is refused: outcome %v, %d erased, left: %v, refused: %v", o.Outcome, o.RowsErased, o.rows, o.refusals)
	}
	m, err = transforms.Tombstones("t2", published().Add(time.Hour), catalogue().Table(schemas.QuarantineTable),
		[]map[string]any{{"message_id": "m1", "_index": -1, "part": 0}})
	if err != nil {
		t.Fatal(err)
	}
	if o = eraseWith(t, newDecoder(t), &m, map[string]bool{someone: true}); o.Outcome != transforms.Landed || len(o.rows) != 1 {
		t.Errorf("a tombstone that is of nobody: outcome %v", o.Outcome)
	}
}

// TestEraseBeside: of a message whose samples are of several people nothing is
// refused if one of them is erased: quarantine would have all of its bytes.
func TestEraseBeside(t *testing.T) {
	body := `{"event_type":"daily.data.glucose.created","data":[` + at(noon, `"user_id":"u1"`) + `,` + at("2026-03-02T12:01:00Z", `"user_id":"u9"`) +
		`,` + at("?", `"user_id":"u1"`) + `,` + at("2026-03-02T12:02:00Z", `"user_id":"u1"`) + `]}`
	for _, refused := range [][]int32{nil, {3}} {
		o := eraseWith(t, newDecoder(t), message(body), map[string]bool{"u9": true}, refused...)
		if o.Outcome != transforms.Landed || o.RowsErased != 2+len(refused) || len(o.rows) != 2-len(refused) || len(o.refusals) > 0 {
			t.Errorf("outcome %v, %d erased, %d left, refused: %v", o.Outcome, o.RowsErased, len(o.rows), o.refusals)
		}
	}
	o := eraseWith(t, newDecoder(t), message(body), map[string]bool{"u1": true, "u9": true})
	if o.Outcome != transforms.Erased || o.RowsErased != 4 {
		t.Errorf("all are erased: outcome %v, %d erased", o.Outcome, o.RowsErased)
	}
}

// TestEraseAllocates: to look whose a message is costs nothing.
func TestEraseAllocates(t *testing.T) {
	d := newDecoder(t).Decode(message(`{"event_type":"daily.data.sleep.created","user_id":"` + other + `","data":{"id":"s1"}}`))
	erased := map[string]bool{someone: true}
	has := func(id []byte) bool { return erased[string(id)] }
	if n := testing.AllocsPerRun(100, func() { d.Erase(has) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

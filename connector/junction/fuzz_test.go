package junction_test

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"vitalsink/connector/junction"
	"vitalsink/transforms"
)

// canned answers every request with a body, and then as if it knew nothing.
type canned struct {
	body  string
	asked int
}

func (c *canned) RoundTrip(*http.Request) (*http.Response, error) {
	status := http.StatusNotFound
	if c.asked++; c.asked == 1 {
		status = http.StatusOK
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(c.body))}, nil
}

// forms are resources whose answers differ in form.
var forms = []string{"sleep", "profile", "device", "heartrate", "workout_stream"}

// FuzzAnswer: whatever an answer says, what is made of it is messages that are
// JSON, of the person that was asked for.
func FuzzAnswer(f *testing.F) {
	for _, body := range []string{
		pageOf(2, "null"), pageOf(1, `"a"`), `{"sleep":[{"id":"1"},null,[]]}`, `{"id":"1"}`, `[{"id":"1"},1]`, `null`, ``, `{}`, `{"groups":null}`,
		`{"time":[1,2.5,"x",null],"heartrate":[60],"lat":null,"x":{"y":1},"index":[1]}`, `{"time":[1e400,-1e11,1e11]}`, `{"data":1,"time":[1]}`,
		`{"groups":{"a":[{"data":[1,null,{}],"data":[2],"provider":null}]},"next":"x"}`, `{"groups":{"\u0000\ud800":[{"data":[1]}]}}`,
		"{\"sleep\":[{\"\xff\":\"\\ud800\"}]}", `{"sleep":[01]}`, `{"sleep":[1.,-,+1,.5,1e]}`, `{"sleep":[{"a":1,"a":2},"a` + "\n" + `b"]}`,
	} {
		for form := range forms {
			f.Add(form, body)
		}
	}
	f.Fuzz(func(t *testing.T, form int, body string) {
		c, err := junction.New(junction.Config{BaseURL: "http://localhost", Key: secretKey, Rate: 1e9, Patience: time.Nanosecond})
		if err != nil {
			t.Fatal(err)
		}
		c.Over(&canned{body: body})
		q := query(t, forms[(form%len(forms)+len(forms))%len(forms)])
		rows := 0
		answer, err := c.Fetch(t.Context(), q, func(m *transforms.Message, n int) error {
			rows += n
			checkMessage(t, m)
			return nil
		})
		if answer.Rows != rows || answer.Requests > 2 {
			t.Errorf("%+v, %d rows taken: %v", answer, rows, err)
		}
	})
}

// checkMessage wants one that is JSON, of the person that was asked for.
func checkMessage(t *testing.T, m *transforms.Message) {
	t.Helper()
	body := plain(t, m)
	var said map[string]json.RawMessage
	if err := json.Unmarshal(body, &said); err != nil {
		t.Fatalf("no JSON: %v in %q", err, body)
	}
	if names := slices.Sorted(maps.Keys(said)); strings.Join(names, " ") != "client_user_id data event_type team_id user_id" {
		t.Errorf("a message of %v", names)
	}
	if string(said["user_id"]) != `"`+secretUser+`"` {
		t.Errorf("of %s", said["user_id"])
	}
}

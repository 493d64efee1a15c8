package junction_test

import (
	"net/http"
	"testing"

	"vitalsink/connector/junction"
)

// TestBaseURL: an environment and a region have an address each, anything else
// has none.
func TestBaseURL(t *testing.T) {
	for in, want := range map[[2]string]string{
		{"production", "us"}: "https://api.us.junction.com", {"production", "eu"}: "https://api.eu.junction.com",
		{"sandbox", "us"}: "https://api.sandbox.us.junction.com", {"sandbox", "eu"}: "https://api.sandbox.eu.junction.com",
		{"", "us"}: "", {"production", ""}: "", {"Production", "us"}: "", {"sandbox", "us.evil.example"}: "", {"us", "production"}: "",
	} {
		if got, err := junction.BaseURL(in[0], in[1]); got != want || (err == nil) != (want != "") {
			t.Errorf("%v: %q, %v; want %q", in, got, err, want)
		}
	}
}

// TestOfKey: the prefix of a key tells where it is for, if it is a known one.
func TestOfKey(t *testing.T) {
	for key, want := range map[string]string{
		"pk_us_x": "production us", "pk_eu_x_y": "production eu", "sk_us_x": "sandbox us", "sk_eu_": "sandbox eu",
		"": "", "sk": "", "sk_": "", "sk_ap_x": "", "xk_us_x": "", "us_sk_x": "", "SK_US_x": "", "skus": "",
	} {
		environment, region, ok := junction.OfKey(key)
		if got := environment + " " + region; ok != (want != "") || ok && got != want {
			t.Errorf("%s: %s, %v; want %s", key, got, ok, want)
		}
	}
}

// TestAddresses: the key goes over no wire that can be read, and an address
// holds nothing but a place.
func TestAddresses(t *testing.T) {
	for address, ok := range map[string]bool{
		"https://api.us.junction.com": true, "https://api.us.junction.com/": true, "https://proxy.example:8443/junction/": true, "HTTPS://api.example": true,
		"http://localhost:8080": true, "http://127.0.0.1": true, "http://127.8.8.8:1": true, "http://[::1]:80": true,
		"http://api.us.junction.com": false, "http://localhost.example": false, "http://127.0.0.1.example": false, "http://10.0.0.1": false, "http://[fe80::1]": false,
		"": false, "api.us.junction.com": false, "//api.us.junction.com": false, "ftp://localhost": false, "https://": false, "https:///v2": false, "https://:443": false,
		"https://key@api.example": false, "https://u:p@api.example": false, "https://api.example?x=1": false, "https://api.example/#x": false, "https://api.example\n": false,
		"https://[::1": false, "file:///etc/passwd": false,
	} {
		if c, err := junction.New(junction.Config{BaseURL: address, Key: "k", Rate: 1}); (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		} else if c != nil {
			_ = c.Close()
		}
	}
}

// TestOddIDs: an id is one part of a path, whatever is in it, or is refused; and
// no parameter comes from it.
func TestOddIDs(t *testing.T) {
	for id, want := range map[string]string{
		"plain": "plain", "with space": "with%20space", "a/b": "a%2Fb", "../x": "..%2Fx", "a?provider=x": "a%3Fprovider=x", "a#b": "a%23b",
		"%2e%2e": "%252e%252e", "...": "...", "ü": "%C3%BC", "\n": "%0A", "\x00": "%00", `\`: "%5C", ";": "%3B", "{user_id}": "%7Buser_id%7D", "a&b=c": "a&b=c",
		"..": "", ".": "", "": "",
	} {
		for base, prefix := range map[string]string{"": "", "/": "", "/at/a%2Fb": "/at/a%2Fb", "/at/": "/at"} {
			paths := []string{}
			server := func(w http.ResponseWriter, r *http.Request) {
				paths = append(paths, r.RequestURI)
				text(`[]`)(w, r)
			}
			c := client(t, serveAt(t, server)+base)
			q := query(t, "device")
			q.Person.UserID = id
			_, err := fetch(t.Context(), c, q)
			if want == "" {
				if is(t, err, junction.ErrRefused); len(paths) != 0 {
					t.Errorf("%q: asked for %v", id, paths)
				}
				continue
			}
			if is(t, err, nil); len(paths) != 1 || paths[0] != prefix+"/v2/user/"+want+"/device" {
				t.Errorf("%q at %s: asked for %q", id, base, paths)
			}
		}
	}
}

// TestRequests: what a request says.
func TestRequests(t *testing.T) {
	var asked []string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.RequestURI+" "+r.Header.Get("X-Vital-API-Key")+" "+r.Header.Get("Accept"))
		w.WriteHeader(http.StatusNotFound)
	})
	for _, resource := range []string{"sleep", "weight", "profile", "device", "workout_stream"} {
		q := query(t, resource)
		q.Provider = "a&b"
		if f := must(t, c, q); !f.Absent {
			t.Error(resource)
		}
	}
	const dates = "?end_date=2027-01-01&provider=a%26b&start_date=2005-01-01"
	for i, want := range []string{
		"/v2/summary/sleep/" + secretUser + dates, "/v2/timeseries/" + secretUser + "/body_weight/grouped" + dates, "/v2/summary/profile/" + secretUser,
		"/v2/user/" + secretUser + "/device", "/v2/timeseries/workouts/" + secretWorkout + "/stream",
	} {
		if want = "GET " + want + " " + secretKey + " application/json"; asked[i] != want {
			t.Errorf("%s, want %s", asked[i], want)
		}
	}
}

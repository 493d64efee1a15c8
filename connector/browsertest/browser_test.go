package browsertest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"vitalsink/connector/browsertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestFindsFaults: what the package is to find on a page is found on one that
// has it.
func TestFindsFaults(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bad.html")
	bad := `<!DOCTYPE html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src file:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<style>body { margin: 0 } @media (prefers-color-scheme: dark) { body { background: #000 } }</style>
<h1>Seen</h1><h2 style="margin-top: 3000px">Below</h2>
<p style="color: #ccc; background: #fff">faint</p><div style="width: 2000px; height: 1px"></div><i></i>
<img src="https://example.invalid/spy.png" alt=""><img src="near.png" alt=""><script>throw new Error("broken")</script>`
	if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
		t.Fatal(err)
	}
	browser := browsertest.New(t)
	page := browser.Open(t, path, browsertest.View{Width: 1280, Height: 800})
	if got := page.Overflow(t); got < 700 {
		t.Errorf("overflow %d", got)
	}
	if got := page.Visible(t, "h1"); got != "Seen" {
		t.Errorf("h1 is not visible: %q", got)
	}
	if got := page.Visible(t, "h2"); got != "" {
		t.Errorf("h2 is said to be visible: %q", got)
	}
	if got := page.Drawn(t, "p, i, div"); got != 2 {
		t.Errorf("%d elements are drawn", got)
	}
	if got := page.Faint(t); len(got) != 1 || !strings.HasSuffix(got[0], "faint") {
		t.Errorf("faint: %q", got)
	}
	complaints := strings.Join(page.Complaints(), "\n")
	for _, want := range []string{"spy.png", "Uncaught"} {
		if !strings.Contains(complaints, want) {
			t.Errorf("no complaint about %s in %q", want, complaints)
		}
	}
	if got := strings.Join(page.Requests(), "\n"); !strings.HasSuffix(got, "/near.png") {
		t.Errorf("requests: %q", got)
	}
	dark := browser.Open(t, path, browsertest.View{Width: 390, Height: 844, Dark: true})
	if got := dark.Overflow(t); got < 1600 {
		t.Errorf("overflow on a phone: %d", got)
	}
	if got := dark.Faint(t); len(got) != 3 { // black headings on black, too
		t.Errorf("faint in the dark: %q", got)
	}
}

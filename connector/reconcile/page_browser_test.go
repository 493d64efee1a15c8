package reconcile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vitalsink/connector"
	"vitalsink/connector/browsertest"
	"vitalsink/connector/connectortest"
)

// TestPageInBrowser: how pages look in a real browser, at a desk and on a
// phone, in light and dark.
func TestPageInBrowser(t *testing.T) {
	connectortest.Long(t) // a minute with the race detector, which sees nothing here: the browser is a process of its own
	browser := browsertest.New(t)
	desk, phone := browsertest.View{Width: 1280, Height: 800}, browsertest.View{Width: 390, Height: 844}
	darkDesk, darkPhone := desk, phone
	darkDesk.Dark, darkPhone.Dark = true, true
	for _, shown := range []struct {
		name      string
		run, past []connector.Finding
		headline  string
		cells     int
		views     []browsertest.View
	}{
		// 4 resources and a hostile one, by a sampled day, 7 days and no day.
		{"small", smallRun(), pastRuns(16), "Drift remains: 6 facts are not as they should be", 5 * 9, []browsertest.View{desk, darkDesk, phone, darkPhone}},
		{"big", bigRun(60, 40), pastRuns(80), "Drift remains: 780 facts are not as they should be", 60 * 40, []browsertest.View{desk, darkPhone}},
		{"bare", nil, nil, "No verdict: the run has not ended", 0, []browsertest.View{phone}},
	} {
		path := filepath.Join(t.TempDir(), shown.name+".html")
		if err := os.WriteFile(path, []byte(renderPage(t, shown.run, shown.past)), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, view := range shown.views {
			t.Run(fmt.Sprintf("%s at %d dark %t", shown.name, view.Width, view.Dark), func(t *testing.T) {
				page := browser.Open(t, path, view)
				page.Screenshot(t, filepath.Join(pageShots(t), fmt.Sprintf("%s-%d-%s.png", shown.name, view.Width, map[bool]string{false: "light", true: "dark"}[view.Dark])))
				if got := page.Visible(t, "h1"); got != shown.headline {
					t.Errorf("the verdict is not to be seen: %q", got)
				}
				if got := page.Drawn(t, "#heat use"); got != shown.cells {
					t.Errorf("%d cells are drawn, want %d", got, shown.cells)
				}
				checkPage(t, page)
				if !browsertest.Eval[bool](t, page, newestShown) {
					t.Error("the newest day or run is not within its box")
				}
			})
		}
	}
}

// newestShown is whether the right end of each picture is within its box before
// anybody scrolls.
const newestShown = `[...document.querySelectorAll('.newest')].every(box =>
	box.querySelector('svg').getBoundingClientRect().right <= box.getBoundingClientRect().right)`

// checkPage is what holds for each of our pages.
func checkPage(t *testing.T, page *browsertest.Page) {
	t.Helper()
	if got := page.Overflow(t); got > 0 {
		t.Errorf("the page is %d pixels wider than the window", got)
	}
	if got := page.Faint(t); len(got) > 0 {
		t.Errorf("hard to read: %s", strings.Join(got, "; "))
	}
	if got := page.Requests(); len(got) > 0 {
		t.Errorf("the page asks for %q", got)
	}
	if got := page.Complaints(); len(got) > 0 {
		t.Errorf("the console says %q", got)
	}
	unnamed := `[...document.querySelectorAll('svg:not([aria-hidden=true])')].filter(s => s.getAttribute('role') !== 'img' || !s.getAttribute('aria-label')).length`
	if got := browsertest.Eval[int](t, page, unnamed); got != 0 {
		t.Errorf("%d pictures have no name", got)
	}
	foreign := `[...document.querySelectorAll('*')].filter(e => ['script', 'img', 'iframe', 'link'].includes(e.localName) || [...e.attributes].some(a => a.name.startsWith('on'))).length`
	if got := browsertest.Eval[int](t, page, foreign); got != 0 {
		t.Errorf("%d elements that should not be there", got)
	}
}

// pageShots is where pictures go: PAGE_SHOTS, for somebody to look at them, or
// nowhere.
func pageShots(t *testing.T) string {
	if dir := os.Getenv("PAGE_SHOTS"); dir != "" {
		return dir
	}
	return t.TempDir()
}

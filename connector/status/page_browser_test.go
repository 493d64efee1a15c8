package status_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vitalsink/connector/browsertest"
	"vitalsink/connector/connectortest"
	"vitalsink/connector/status"
)

// mostPicture is the size of a picture in docs, in bytes.
const mostPicture = 300_000

// TestPageInBrowser: how the page looks in a real browser, at a desk and on a
// phone, in light and dark. With -update it takes the pictures in docs.
func TestPageInBrowser(t *testing.T) {
	connectortest.Long(t)
	browser := browsertest.New(t)
	for name, s := range map[string]status.State{"well": well(), "paused": paused(), "many": many(), "bad": bad(), "bare": bare()} {
		path := filepath.Join(t.TempDir(), name+".html")
		if err := os.WriteFile(path, []byte(render(t, s)), 0o600); err != nil {
			t.Fatal(err)
		}
		want := s.Conditions()[0].Headline
		for _, view := range []browsertest.View{{Width: 1280, Height: 800}, {Width: 1280, Height: 800, Dark: true}, {Width: 390, Height: 844}, {Width: 390, Height: 844, Dark: true}} {
			t.Run(fmt.Sprintf("%s at %d dark %t", name, view.Width, view.Dark), func(t *testing.T) {
				page := browser.Open(t, path, view)
				if got := page.Visible(t, "h1"); got != want {
					t.Errorf("the headline is not to be seen: %q, want %q", got, want)
				}
				checkPage(t, page)
				takePicture(t, page, fmt.Sprintf("%s-%d-%t.png", name, view.Width, view.Dark))
			})
		}
	}
}

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
	foreign := `[...document.querySelectorAll('*')].filter(e => ['script', 'img', 'iframe', 'link'].includes(e.localName) || [...e.attributes].some(a => a.name.startsWith('on'))).length`
	if got := browsertest.Eval[int](t, page, foreign); got != 0 {
		t.Errorf("%d elements that should not be there", got)
	}
}

// takePicture keeps the pictures of docs, if they are to be made, and all of them
// where PAGE_SHOTS names a folder, for somebody to look at them.
func takePicture(t *testing.T, page *browsertest.Page, name string) {
	t.Helper()
	docs := map[string]string{"well-1280-false.png": "status-1280.png", "well-390-false.png": "status-390.png"}
	to := []string{}
	if dir := os.Getenv("PAGE_SHOTS"); dir != "" {
		to = append(to, filepath.Join(dir, name))
	}
	if kept := docs[name]; kept != "" && *update {
		to = append(to, filepath.Join("../../docs", kept))
	}
	for _, path := range to {
		page.Screenshot(t, path)
	}
}

// TestPictures: those in docs are there, and small.
func TestPictures(t *testing.T) {
	for _, name := range []string{"status-1280.png", "status-390.png"} {
		if f, err := os.Stat(filepath.Join("../../docs", name)); err != nil || f.Size() > mostPicture || f.Size() < 10_000 {
			t.Errorf("%s: %v, want a picture of at most %d bytes", name, err, mostPicture)
		}
	}
}

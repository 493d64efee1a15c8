// Package browsertest opens pages in a real browser, headless Chromium, and
// says how they look there. It is for tests of pages that we write.
//
// The browser is Debian's package chromium; `make browser` installs it. Where
// there is none a test is skipped, but fails if the environment has CI=true:
// there nobody reads what was skipped.
package browsertest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience is how long a page may take: Chromium's first start on a busy
// machine with two cores takes seconds.
const patience = time.Minute

// Browser is a browser with a profile of its own, which ends with its test.
type Browser struct{ ctx context.Context }

// View is how somebody looks at a page. Narrower than 600 pixels it is a
// phone.
type View struct {
	Width, Height int
	Dark          bool
}

// Page is a page that is open in a tab of its own.
type Page struct {
	ctx  context.Context
	url  string
	view View

	mu         sync.Mutex
	complaints []string
	requests   []string
}

// New starts a browser, or skips the test if there is none (see the package).
func New(t testing.TB) *Browser {
	t.Helper()
	path := find()
	if path == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("no chromium: make browser installs it")
		}
		t.Skip("no chromium: make browser installs it")
	}
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()),
		chromedp.Headless, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("force-color-profile", "srgb"),
		// Whatever a page or the browser itself asks for, it stays on this machine.
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"),
		chromedp.Flag("no-sandbox", os.Getuid() == 0), // as root there is no other way
	}
	// The contexts outlive t.Context, which ends before the cleanups do.
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Logf("close the browser: %v", err)
		}
		cancel()
		stop()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return &Browser{ctx}
}

func find() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome-stable", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// Open opens what an address, or a path of a file, names, in a new tab; it
// waits until everything is loaded.
func (b *Browser) Open(t testing.TB, address string, view View) *Page {
	t.Helper()
	if filepath.IsAbs(address) {
		address = (&url.URL{Scheme: "file", Path: address}).String()
	}
	ctx, cancel := chromedp.NewContext(b.ctx)
	t.Cleanup(cancel)
	p := &Page{ctx: ctx, url: address, view: view}
	scheme := "light"
	if view.Dark {
		scheme = "dark"
	}
	var options []chromedp.EmulateViewportOption
	if view.Width < 600 {
		options = append(options, chromedp.EmulateMobile, chromedp.EmulateTouch)
	}
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	if err := chromedp.Listen(ctx, p.note); err != nil {
		t.Fatalf("open a tab: %v", err)
	}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, media); err != nil {
		t.Fatalf("prefer %s: %v", scheme, err)
	}
	p.do(t, "open "+address, chromedp.EmulateViewport(int64(view.Width), int64(view.Height), options...), chromedp.Navigate(address))
	return p
}

// note keeps what a page does that a good page does not.
func (p *Page) note(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if e.Request.URL != p.url {
			p.requests = append(p.requests, e.Request.URL)
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			p.complaints = append(p.complaints, e.Entry.Text)
		}
	case *runtime.EventConsoleAPICalled:
		p.complaints = append(p.complaints, fmt.Sprintf("console.%s", e.Type))
	case *runtime.EventExceptionThrown:
		p.complaints = append(p.complaints, e.ExceptionDetails.Text)
	}
}

// do runs actions, within what patience allows.
func (p *Page) do(t testing.TB, what string, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// Complaints are the errors and warnings of the console so far, and whatever a
// script of the page wrote there.
func (p *Page) Complaints() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.complaints...)
}

// Requests are the addresses that were asked for, other than the page's own.
func (p *Page) Requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.requests...)
}

// Screenshot writes a picture of the whole page, as PNG.
func (p *Page) Screenshot(t testing.TB, path string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatalf("take a picture: %v", err)
	}
	if err := os.WriteFile(path, picture, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Eval is the value of a JavaScript expression in a page.
func Eval[T any](t testing.TB, p *Page, expression string) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatalf("evaluate %.60q: %v", expression, err)
	}
	return value
}

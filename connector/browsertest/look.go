package browsertest

import (
	_ "embed"
	"fmt"
	"testing"
)

//go:embed faint.js
var faint string

// Overflow is by how many pixels the document is wider than the view. On a
// phone window.innerWidth grows with the document, and says nothing.
func (p *Page) Overflow(t testing.TB) int {
	t.Helper()
	return Eval[int](t, p, `document.documentElement.scrollWidth`) - p.view.Width
}

// Drawn is how many elements there are that match a CSS selector, and have
// some width and height.
func (p *Page) Drawn(t testing.TB, selector string) int {
	t.Helper()
	return Eval[int](t, p, fmt.Sprintf(`[...document.querySelectorAll(%q)].filter(e => {
		const r = e.getBoundingClientRect();
		return r.width > 0 && r.height > 0;
	}).length`, selector))
}

// Visible is the text of the first element that matches a CSS selector, if it
// is within the window before anybody scrolls; "" if not.
func (p *Page) Visible(t testing.TB, selector string) string {
	t.Helper()
	return Eval[string](t, p, fmt.Sprintf(`(() => {
		const e = document.querySelector(%q);
		if (!e || !e.checkVisibility({opacityProperty: true, visibilityProperty: true})) return "";
		const r = e.getBoundingClientRect();
		const inside = r.width > 0 && r.height > 0 && r.top >= 0 && r.left >= 0 && r.bottom <= innerHeight && r.right <= innerWidth;
		return inside ? e.innerText : "";
	})()`, selector))
}

// Faint are the texts whose contrast with what is behind them is less than
// WCAG asks of text, 4.5 to 1: each with its contrast.
func (p *Page) Faint(t testing.TB) []string {
	t.Helper()
	return Eval[[]string](t, p, faint)
}

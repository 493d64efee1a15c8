package webhook

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestWrongSecrets: what is none is refused, and not quoted.
func TestWrongSecrets(t *testing.T) {
	for name, text := range map[string]string{
		"none": "", "a comma": " , ", "no base64": "whsec_not-base64!-not-base64!", "an empty one": "whsec_",
		"a short one": "whsec_c2hvcnQtc2hvcnQ=", "one of two is short": secret + ",whsec_AAAA",
	} {
		if _, err := ParseSecrets(text); err == nil {
			t.Errorf("%s: no error", name)
		} else if strings.Contains(err.Error(), "c2hvc") || strings.Contains(err.Error(), "not-base64") || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error quotes the secret: %v", name, err)
		}
	}
}

// TestRotation: both secrets count while there are two; a file is read again
// when it changes, and what cannot be read changes nothing.
func TestRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "secrets")
		write := func(text string) {
			t.Helper()
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * readEvery)
		}
		var log strings.Builder
		d, _ := newDoor(t)
		other := func() int {
			r := signed(anyID, anyBody, time.Now())
			r.Header.Set("svix-signature", sign(otherKey, anyID, time.Now(), anyBody))
			return d.serve(r).StatusCode
		}
		ours := func() int { return d.serve(signed(anyID, anyBody, time.Now())).StatusCode }
		write(secret)
		var err error
		if d.Secrets, err = OpenSecrets(file, slog.New(slog.NewTextHandler(&log, nil))); err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			text        string
			ours, other int
		}{
			{secret, 204, 401},
			{secret + ",\n" + secretOf(otherKey) + "\n", 204, 204},
			{"whsec_broken!", 204, 204},
			{"", 204, 204},
			{secretOf(otherKey), 401, 204},
		} {
			write(step.text)
			if a, b := ours(), other(); a != step.ours || b != step.other {
				t.Errorf("%d secrets in the file: answers %d and %d, want %d and %d", strings.Count(step.text, "whsec_"), a, b, step.ours, step.other)
			}
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * readEvery)
		if a := other(); a != 204 {
			t.Errorf("without the file: %d", a)
		}
		if n := strings.Count(log.String(), "level=ERROR"); n != 3 {
			t.Errorf("%d errors are logged, want 3:\n%s", n, log.String())
		}
		if strings.Contains(log.String(), "whsec_b") || strings.Contains(log.String(), secret) {
			t.Errorf("the log quotes a secret:\n%s", log.String())
		}
	})
	for what, path := range map[string]string{"a file that is not there": filepath.Join(t.TempDir(), "none"), "a folder": t.TempDir(), "a device": os.DevNull} {
		if _, err := OpenSecrets(path, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}

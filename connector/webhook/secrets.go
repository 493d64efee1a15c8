package webhook

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	svix "github.com/svix/svix-webhooks/go"
)

const (
	// readEvery is how often a file of secrets is looked at, at most.
	readEvery = time.Second
	// mostSecrets is the size of such a file, at most, in bytes.
	mostSecrets = 64 << 10
	// shortestSecret in bytes, when decoded: Svix's own have 24 to 64. A
	// secret that is empty would let everybody sign.
	shortestSecret = 16
)

// Secrets are those of the endpoint: several while they are rotated.
type Secrets struct {
	path string // "" if they do not change
	log  *slog.Logger

	mu   sync.Mutex
	read time.Time // when the file was read last
	text string
	err  string // what was wrong with it, to say it once
	keys []*svix.Webhook
}

// ParseSecrets reads secrets that commas or white space separate, each
// "whsec_" and base64. Errors tell which is wrong, by its number, and not what
// it is.
func ParseSecrets(text string) (*Secrets, error) {
	keys, err := parseSecrets(text)
	return &Secrets{keys: keys}, err
}

// OpenSecrets reads them from a file, now and whenever it has changed. A file
// that became unreadable is logged, and the secrets stay as they were.
func OpenSecrets(path string, log *slog.Logger) (*Secrets, error) {
	s := &Secrets{path: path, log: log, read: time.Now()}
	var err error
	if s.text, err = readSecrets(path); err != nil {
		return nil, err
	}
	if s.keys, err = parseSecrets(s.text); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

func readSecrets(path string) (string, error) {
	// To open a pipe that nobody writes to would take for ever.
	switch info, err := os.Stat(path); {
	case err != nil:
		return "", fmt.Errorf("open file of secrets: %w", err)
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("open file of secrets: %s is no regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("open file of secrets: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	text, err := io.ReadAll(io.LimitReader(f, mostSecrets))
	if err != nil {
		return "", fmt.Errorf("read file of secrets: %w", err)
	}
	return string(text), nil
}

func parseSecrets(text string) ([]*svix.Webhook, error) {
	var keys []*svix.Webhook
	parts := splitSecrets(text)
	for i, secret := range parts {
		key, err := svix.NewWebhook(secret)
		if err != nil {
			return nil, fmt.Errorf("webhook secret %d of %d is not whsec_ and base64: %w", i+1, len(parts), err)
		}
		if keyLength(secret) < shortestSecret {
			return nil, fmt.Errorf("webhook secret %d of %d is too short to be one", i+1, len(parts))
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("there is no webhook secret")
	}
	return keys, nil
}

func splitSecrets(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) })
}

// keyLength is the length of a secret's key in bytes, but for its padding.
func keyLength(secret string) int {
	return len(strings.TrimRight(strings.TrimPrefix(secret, "whsec_"), "=")) * 3 / 4
}

// verify tells why a request was not signed with any of the secrets just now.
func (s *Secrets) verify(body []byte, signed http.Header) (err error) {
	for _, key := range s.current() {
		if err = key.Verify(body, signed); err == nil {
			return nil
		}
	}
	return err
}

// current are the secrets, those of the file as it is now.
func (s *Secrets) current() []*svix.Webhook {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); s.path != "" && now.Sub(s.read) >= readEvery {
		s.read = now
		s.reread()
	}
	return slices.Clone(s.keys)
}

func (s *Secrets) reread() {
	text, err := readSecrets(s.path)
	if err == nil && text == s.text {
		s.err = ""
		return
	}
	var keys []*svix.Webhook
	if err == nil {
		keys, err = parseSecrets(text)
	}
	if err != nil {
		if err.Error() != s.err {
			s.err = err.Error()
			s.log.Error("the webhook secrets cannot be read anew; those of before still count", "file", s.path, "error", err)
		}
		return
	}
	s.text, s.keys, s.err = text, keys, ""
	s.log.Info("the webhook secrets have changed", "file", s.path, "secrets", len(keys))
}

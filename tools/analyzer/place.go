package analyzer

import (
	"fmt"
	"strings"

	sql "github.com/goccy/go-googlesql"
)

// span is where a node's text begins and ends.
func (s *script) span(n sql.ASTNode) (from, to int, err error) {
	location, err := n.Location()
	if err != nil {
		return 0, 0, err
	}
	start, err := location.Start()
	if err != nil {
		return 0, 0, err
	}
	end, err := location.End()
	if err != nil {
		return 0, 0, err
	}
	first, err := start.GetByteOffset()
	if err != nil {
		return 0, 0, err
	}
	last, err := end.GetByteOffset()
	return int(first), int(last), err
}

func (s *script) textOf(n sql.ASTNode) (string, error) {
	from, to, err := s.span(n)
	if err != nil {
		return "", err
	}
	return s.text[from:to], nil
}

// at says where in the script an error is, as the library says it.
func (s *script) at(n sql.ASTNode, err error) error {
	from, _, e := s.span(n)
	if e != nil {
		return e
	}
	before := s.text[:from]
	line := strings.Count(before, "\n") + 1
	return fmt.Errorf("%w [at %d:%d]", err, line, from-strings.LastIndex(before, "\n"))
}

// blank is as many bytes and lines as the text, and says nothing.
func blank(text string) string {
	b := []byte(text)
	for i := range b {
		if b[i] != '\n' {
			b[i] = ' '
		}
	}
	return string(b)
}

// withoutPlace is what an error says, without a place in a text that nobody
// wrote.
func withoutPlace(err error) string {
	what, _, _ := strings.Cut(err.Error(), " [at ")
	return what
}

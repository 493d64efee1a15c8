package junction

import (
	"context"
	"net"
	"net/http"
)

// MostAnswer and AnswerTime are the limits of an answer.
const (
	MostAnswer = mostAnswer
	AnswerTime = answerTime
)

// Through makes the client's connections in another way.
func (c *Client) Through(dial func(ctx context.Context, network, address string) (net.Conn, error)) {
	c.http.Transport.(*http.Transport).DialContext = dial
}

// Over makes the client's requests in another way.
func (c *Client) Over(transport http.RoundTripper) { c.http.Transport = transport }

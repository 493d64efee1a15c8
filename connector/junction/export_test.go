package junction

import (
	"context"
	"net"
	"net/http"
)

// AnswerTime is how long an answer may take.
const AnswerTime = answerTime

// Limit is how many bytes an answer may have, instead of 64 MiB.
func (c *Client) Limit(bytes int64) { c.most = bytes }

// Through makes the client's connections in another way.
func (c *Client) Through(dial func(ctx context.Context, network, address string) (net.Conn, error)) {
	c.http.Transport.(*http.Transport).DialContext = dial
}

// Over makes the client's requests in another way.
func (c *Client) Over(transport http.RoundTripper) { c.http.Transport = transport }

package junction

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"vitalsink/connector"
)

// inspectTime is how long an answer may take: somebody waits.
const inspectTime = 10 * time.Second

// Inspect asks the API for one user, once, and tells whether the key is taken,
// and what is wrong if it is not: a key that is for another environment or
// region is told by its prefix, and is not sent. variable is the name of the one
// that holds the key.
func (c *Client) Inspect(ctx context.Context, variable string) connector.Checks {
	const name = "junction"
	found := connector.Checks{}
	environment, region, known := OfKey(c.key)
	if at, ours := environmentOf(c.base.Host); known && ours && at != [2]string{environment, region} {
		found.Found(connector.Failed, name, "--region", at[1], fmt.Sprintf("the API key is for %s in %s, and %s is %s in %s", environment, region, c.base.Host, at[0], at[1]),
			fmt.Sprintf("give --environment %s --region %s, or none: the key tells", environment, region))
		return found
	}
	answer, err := c.ask(ctx)
	if answer != nil {
		found.Clock("Junction", answer.Header, time.Now())
		err = judge(answer)
	}
	switch {
	case err == nil:
		found.Well(name, c.base.Host)
	case errors.Is(err, connector.ErrKey):
		why := c.base.Host + " does not know the API key"
		if !known {
			why += ", which does not tell for which region it is"
		}
		found.Found(connector.Failed, name, variable, "***", why,
			"make a key in Junction's dashboard, of the team and region that is asked, and set "+variable+"; it may have been revoked")
	case errors.Is(err, connector.ErrAbsent), errors.Is(err, ErrRefused):
		found.Found(connector.Failed, name, "--api-url", c.base.Host, "what answers there is not Junction's API: "+err.Error(), "leave --api-url out")
	default:
		found.Found(connector.Unseen, name, "--api-url", c.base.Host, err.Error(), "look at the network and at Junction's status page, then check again")
	}
	return found
}

// ask makes one cheap request. The answer's body is closed.
func (c *Client) ask(ctx context.Context) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, inspectTime)
	defer cancel()
	req, err := c.written(ctx, request{path: "/v2/user", query: url.Values{"limit": {"1"}}})
	if err != nil {
		return nil, err
	}
	answer, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrUnavailable, network(ctx, err))
	}
	return answer, answer.Body.Close()
}

// environmentOf is the environment and region of one of Junction's own hosts.
func environmentOf(host string) (at [2]string, ours bool) {
	for _, environment := range environments {
		for _, region := range regions {
			if base, err := BaseURL(environment, region); err == nil && base == "https://"+host {
				return [2]string{environment, region}, true
			}
		}
	}
	return at, false
}

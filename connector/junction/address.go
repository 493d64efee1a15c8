package junction

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
)

// Environments and regions, as Junction calls them.
var (
	environments = []string{"production", "sandbox"}
	regions      = []string{"us", "eu"}
)

// BaseURL is where the API of an environment and region is.
func BaseURL(environment, region string) (string, error) {
	if !slices.Contains(environments, environment) || !slices.Contains(regions, region) {
		return "", fmt.Errorf("environment %q and region %q: the environment is production or sandbox, the region us or eu", environment, region)
	}
	if environment == "sandbox" {
		region = "sandbox." + region
	}
	return "https://api." + region + ".junction.com", nil
}

// OfKey says for which environment and region a team's key is, by its prefix;
// false if it does not tell.
func OfKey(key string) (environment, region string, ok bool) {
	kind, rest, _ := strings.Cut(key, "_")
	region, _, _ = strings.Cut(rest, "_")
	environment = map[string]string{"pk": "production", "sk": "sandbox"}[kind]
	return environment, region, environment != "" && slices.Contains(regions, region)
}

var errAddress = errors.New("write https://HOST; http:// only for this machine")

// parseBase reads the address of an API.
func parseBase(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errAddress
	}
	ip := net.ParseIP(u.Hostname())
	local := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return nil, errAddress // the key would be readable on its way
	}
	u.Path = strings.TrimSuffix(u.Path, "/")
	return u, nil
}

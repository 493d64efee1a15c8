package webhook

import (
	"fmt"
	"strings"

	"vitalsink/connector"
)

// secretPrefix is how Svix's secrets begin.
const secretPrefix = "whsec_"

// Inspect judges the form of secrets, those of a file if there is a path, else
// those of a text, which a variable holds. Nothing of them is in what it says.
func Inspect(path, text, variable string) connector.Checks {
	const name = "webhook secret"
	found := connector.Checks{}
	field, value, place := variable, "***", "set "+variable+" to"
	if text == "" {
		value = ""
	}
	_, err := ParseSecrets(text)
	if path != "" {
		field, value, place = "--secret-file", path, "write into "+path
		if text, err = readSecrets(path); err == nil {
			_, err = ParseSecrets(text)
		}
	}
	remedy := fmt.Sprintf("%s the endpoint's signing secret, as Junction's dashboard shows it: %s and base64; several with a comma between", place, secretPrefix)
	if err != nil {
		found.Found(connector.Failed, name, field, value, err.Error(), remedy)
		return found
	}
	secrets := splitSecrets(text)
	for i, secret := range secrets {
		if !strings.HasPrefix(secret, secretPrefix) {
			found.Found(connector.Warning, name, field, value, fmt.Sprintf("webhook secret %d of %d does not begin with %s: is it another key?", i+1, len(secrets), secretPrefix), remedy)
		}
	}
	found.Well(name, fmt.Sprintf("%d", len(secrets)))
	return found
}

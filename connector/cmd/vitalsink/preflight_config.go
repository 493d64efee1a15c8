package main

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/dustin/go-humanize"

	"vitalsink/connector"
)

// commandLines are the commands that check knows the needs of, each as little as
// it can be called with.
var commandLines = map[string][]string{
	"run": {"run"}, "webhook": {"webhook"}, "load": {"load", "-"}, "backfill": {"backfill"},
	"reconcile": {"reconcile"}, "replay": {"replay", fromQuarantine}, "erase": {"erase", "--sweep"},
}

// Variables that are no flags.
var plainVariables = []string{
	secretVariable, keyVariable, "PUBSUB_EMULATOR_HOST", emulatorVariable, storageEmulatorVariable, credentialsVariable,
}

// credentialsVariable names a file of credentials.
const credentialsVariable = "GOOGLE_APPLICATION_CREDENTIALS"

// configurable is a command of commandLines.
type configurable interface {
	// configured fills in what depends on other flags, and returns all that is
	// wrong, joined.
	configured() error
	needs() needs
}

// setting is a flag or a variable in force.
type setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	From  string `json:"from"` // flag, default, or the name of a variable; "" if it is not set

	flag *kong.Flag
}

// configuration is a command as flags and environment have it.
type configuration struct {
	name     string
	settings []setting
	command  configurable
	checks   connector.Checks
}

// configure reads the configuration of a command: flags are given by name, and
// stronger than the environment.
func configure(name string, given map[string]string) (*configuration, error) {
	var all cli
	parser, err := kong.New(&all, kong.Name("vitalsink"), kong.DefaultEnvars("VITALSINK"))
	if err != nil {
		return nil, err
	}
	parsed, err := kong.Trace(parser, commandLines[name])
	if err == nil {
		err = parsed.Error
	}
	if err != nil {
		return nil, fmt.Errorf("configuration of %s: %w", name, err)
	}
	c := &configuration{name: name}
	for _, f := range parsed.Flags() {
		if f.Name != "help" {
			c.read(f, given)
		}
	}
	if _, err := parsed.Apply(); err != nil { // what the line itself has
		return nil, err
	}
	c.command = parsed.Selected().Target.Addr().Interface().(configurable)
	c.judge(c.command.configured())
	for i := range c.settings { // as configured has left them
		s := &c.settings[i]
		if s.From == "default" && slices.Contains(commandLines[name], s.Name) {
			s.Value = "false" // it only makes the line complete
			continue
		}
		if s.Value = shown(s.flag.Target); s.Name == "--memory" && s.Value == "" {
			if total, err := (memoryFlag{}).total(); err == nil {
				s.Value = humanize.IBytes(uint64(total))
			}
		}
	}
	return c, nil
}

// read finds out the value of a flag, and where it is from. kong would stop at
// the first that it cannot read, and quote it.
func (c *configuration) read(f *kong.Flag, given map[string]string) {
	s := setting{Name: "--" + f.Name, From: "default", flag: f}
	value, ok := given[f.Name]
	err := f.Reset()
	for _, variable := range f.Envs {
		if text, set := os.LookupEnv(variable); set && s.From == "default" {
			s.From, s.Value = variable, text
		}
	}
	if ok {
		s.From, s.Value = "flag", value
		err = f.Parse(kong.ScanFromTokens(kong.Token{Type: kong.FlagValueToken, Value: value}), f.Target)
	}
	enum := f.Target.Kind() == reflect.String && f.Enum != "" && !f.EnumMap()[f.Target.String()]
	switch {
	case err != nil, enum:
		why := "it is no " + kindOf(f)
		if enum {
			why = "it is none of " + strings.Join(f.EnumSlice(), ", ")
		}
		c.found(s, why, "write "+f.FormatPlaceHolder()+": "+f.Help)
	case f.Required && s.From == "default":
		c.found(s, "it is missing", "give "+s.Name+" "+f.FormatPlaceHolder()+", or set "+f.Envs[0])
	}
	c.settings = append(c.settings, s)
}

func (c *configuration) found(s setting, why, remedy string) {
	if strings.HasPrefix(s.From, "VITALSINK_") {
		why += " (from " + s.From + ")"
	}
	c.checks.Found(connector.Failed, c.check(), s.Name, s.Value, why, remedy)
}

// check is the name of the check of this configuration.
func (c *configuration) check() string { return "configuration of " + c.name }

// kindOf is what a flag's value must be.
func kindOf(f *kong.Flag) string {
	kind := f.Target.Type()
	if kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	switch {
	case strings.HasSuffix(kind.String(), "Duration"):
		return "time, such as 30s or 5m"
	case kind.Kind() == reflect.Bool:
		return "true or false"
	}
	return "number"
}

// named finds the flag or the variable that a text is about.
var named = regexp.MustCompile(`--[a-z][a-z-]*[a-z]|VITALSINK_[A-Z_]+`)

// judge makes checks of errors: each has the name of its flag, mostly its value,
// and after a colon what to do. What has been said of a flag is not said again.
func (c *configuration) judge(err error) {
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range several.Unwrap() {
			c.judge(one)
		}
		return
	}
	if err == nil {
		return
	}
	text := err.Error()
	s := setting{Name: named.FindString(text)}
	if i := slices.IndexFunc(c.settings, func(have setting) bool { return have.Name == s.Name }); i >= 0 {
		s = c.settings[i]
		s.Value = shown(s.flag.Target)
	}
	if slices.ContainsFunc(c.checks, func(have connector.Check) bool { return have.Field == s.Name && s.Name != "" }) {
		return
	}
	why, remedy, ok := strings.Cut(text, ": ")
	if !ok {
		why, remedy = text, "change "+s.Name
	}
	if strings.TrimSpace(strings.TrimPrefix(why, s.Name)) == s.Value {
		why = "it cannot be used"
	}
	c.found(s, why, remedy)
}

// shown is the value of a flag as text, "" for none.
func shown(v reflect.Value) string {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return ""
		}
		v = v.Elem()
	}
	if v.Kind() == reflect.Slice {
		all := make([]string, v.Len())
		for i := range all {
			all[i] = fmt.Sprint(v.Index(i))
		}
		return strings.Join(all, ",")
	}
	return fmt.Sprint(v.Interface())
}

// unknownVariables finds variables with our prefix that are nobody's.
func unknownVariables(environment []string) (checks connector.Checks, err error) {
	var all cli
	parser, err := kong.New(&all, kong.Name("vitalsink"), kong.DefaultEnvars("VITALSINK"))
	if err != nil {
		return nil, err
	}
	known := slices.Clone(plainVariables)
	err = kong.Visit(parser.Model.Node, func(node kong.Visitable, next kong.Next) error {
		if f, ok := node.(*kong.Flag); ok {
			known = append(known, f.Envs...)
		}
		return next(nil)
	})
	const name = "variables"
	for _, entry := range environment {
		variable, _, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(variable, "VITALSINK_") || slices.Contains(known, variable) {
			continue
		}
		nearest := slices.MinFunc(known, func(a, b string) int { return distance(variable, a) - distance(variable, b) })
		if strings.Contains(variable, "SECRET") { // nothing else is to get it
			nearest = secretVariable
		} else if distance(variable, nearest) > mostMistakes {
			nearest = ""
		}
		remedy := "unset it; vitalsink COMMAND --help names the variables of a command"
		if nearest != "" {
			remedy = "is it " + nearest + "? Rename it, or unset it"
		}
		checks.Found(connector.Failed, name, variable, "", "nobody knows this variable, so it does nothing", remedy)
	}
	checks.Well(name, "all are known")
	return checks, err
}

// mostMistakes are so many letters that a name is still a misspelt one.
const mostMistakes = 2

// distance is how many letters to change, add or leave out between two words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			changed := before
			if a[i] != b[j] {
				changed++
			}
			before = row[j+1]
			row[j+1] = min(changed, row[j]+1, before+1)
		}
	}
	return row[len(b)]
}

// veil hides secrets, and whom a command is about.
type veil struct{ secrets []string }

// secretForms are those of secrets, wherever they stand.
var secretForms = regexp.MustCompile(`whsec_[^\s,]+|[ps]k_(us|eu)_[^\s,]+|//[^/\s@]+@|://[^\s?]*\?[^\s"]+`)

// hides is what stands for a secret.
const hides = "***"

func newVeil() veil {
	var v veil
	for _, variable := range []string{secretVariable, keyVariable} {
		v.secrets = append(v.secrets, strings.FieldsFunc(os.Getenv(variable), func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) })...)
	}
	slices.SortFunc(v.secrets, func(a, b string) int { return len(b) - len(a) })
	return v
}

func (v veil) over(text string) string {
	for _, secret := range v.secrets {
		text = strings.ReplaceAll(text, secret, hides)
	}
	return secretForms.ReplaceAllString(text, hides)
}

// aboutPeople are flags that name somebody.
var aboutPeople = []string{"--user", "--client-user-id", "--message"}

// showConfig are the settings in force of commands, by command.
func showConfig(configurations []*configuration) map[string][]setting {
	v, all := newVeil(), map[string][]setting{}
	for _, c := range configurations {
		settings := []setting{}
		for _, s := range c.settings {
			if s.Value = v.over(s.Value); slices.Contains(aboutPeople, s.Name) && s.Value != "" {
				s.Value = hides
			}
			settings = append(settings, s)
		}
		for _, variable := range plainVariables {
			s := setting{Name: variable, Value: v.over(os.Getenv(variable))}
			if s.Value != "" {
				s.From = variable
			}
			if (variable == secretVariable || variable == keyVariable) && s.Value != "" {
				s.Value = hides
			}
			settings = append(settings, s)
		}
		all[c.name] = settings
	}
	return all
}

var errNoCommand = usage{errors.New("--show-config: say of which command, such as --for run")}

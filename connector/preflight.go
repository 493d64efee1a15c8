package connector

import (
	"fmt"
	"net/http"
	"time"
)

// Status is how a Check came out.
type Status string

// The statuses. Only Failed and Unseen keep a command from its work.
const (
	OK      Status = "ok"
	Warning Status = "warn" // it works, and something about it hurts
	Failed  Status = "fail" // a person has to mend it
	Unseen  Status = "unseen"
	Skipped Status = "skipped" // it was not looked at; Why says why
)

// Check is one line of a preflight: something that a command needs, and whether
// it is there. Its texts hold no secret and nothing of a row.
type Check struct {
	Name   string `json:"check"` // what was looked at, in a word or two
	Status Status `json:"status"`
	Field  string `json:"field,omitempty"`  // the flag, variable, permission or setting
	Value  string `json:"value,omitempty"`  // what it is
	Why    string `json:"why,omitempty"`    // of Skipped: why it was not looked at
	Remedy string `json:"remedy,omitempty"` // of Warning, Failed and Unseen: a command, or what to do
}

// Checks are a preflight in the making.
type Checks []Check

// Found adds a Check that is not well.
func (c *Checks) Found(status Status, name, field, value, why, remedy string) {
	*c = append(*c, Check{name, status, field, value, why, remedy})
}

// Well adds a Check of a name with what is good to know of it, unless one of
// that name was found not to be well.
func (c *Checks) Well(name, value string) {
	for _, have := range *c {
		if have.Name == name && have.Status != OK {
			return
		}
	}
	*c = append(*c, Check{Name: name, Status: OK, Value: value})
}

// mostSkew is how far a clock may be from others. Versions are clamped beyond 5
// minutes, and signatures refused.
const mostSkew = time.Minute

// Clock compares the clock of this machine with the Date header of an answer,
// which came at a time.
func (c *Checks) Clock(whose string, answer http.Header, at time.Time) {
	theirs, err := http.ParseTime(answer.Get("Date"))
	if err != nil {
		return // it does not tell
	}
	name := "clock"
	if skew := at.Sub(theirs).Round(time.Second); skew.Abs() > mostSkew {
		c.Found(Warning, name, "clock", skew.String(), fmt.Sprintf("the clock of this machine is %s from that of %s", skew.Abs(), whose),
			"let the machine keep its time: timedatectl set-ntp true")
		return
	}
	c.Well(name, "that of "+whose)
}

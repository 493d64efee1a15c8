// Package status shows how a running vitalsink is: as a page for people, and as
// JSON. It is pure: what is shown is a State, which others gather.
//
// What comes first on the page is what is worst. Of people, of what they measured
// and of secrets there is nothing in a State: the errors in it are those of the
// log, which quote no values.
package status

// Package reconcile answers whether a warehouse is right: whether every fact
// that the source has is there, once, in its latest version.
//
// It looks at the warehouse by itself (see inspect.go): no key twice, no row
// older than one that was merged, books that balance. And it compares the
// warehouse with the source, person by person: of each resource and each day
// both sides are read as rows, and the rows digested here, by the same code
// (see form.go), since engines do not agree on how to write a number. What
// introspection says of the source is a cheap first pass (see first.go), which
// decides where to look; a share is always compared.
//
// # What is on its way is not drift
//
// Between the source's answer and the warehouse's, facts come and go. So what
// differs is only a candidate. It is looked at once more, after a time in which
// an event would have arrived, and it is drift only if both sides still say
// what they said the first time, to the byte, and no batch that was appended
// before is still to be folded there.
//
// # Repair
//
// What is missing or stale is published as the source tells it, through the
// ordinary door, with the version of a fetch: the begin of the request. What the
// source does not have any more gets tombstones of that version, if somebody
// asks for that. Only rows of a key that is there twice are removed in place:
// no door can mend them.
//
// # It can be stopped
//
// People are walked in the order of the SHA-256 of their id, some at a time,
// and what was found for them is recorded with how far it is, so that another
// process can go on. No record names a person.
package reconcile

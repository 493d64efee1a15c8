// Package transforms turns messages into Arrow rows. It is pure: no clock, no
// network, no log; the same message always gives the same rows.
//
// A message is decompressed, then read in one streaming pass that is driven by
// the paths of the catalogue:
//
//	Decoder.Decode     message → Decoded: which table, which rows, what is refused
//	Builder.Append     the rows of a Decoded → Arrow columns
//
// What a field becomes
//
//   - A value that fits its column's type is stored. Numbers may come as
//     strings. Timestamps may have any offset or none (UTC) and are cut to
//     microseconds.
//   - A value that does not fit, and a field the catalogue does not know, is
//     kept as it came in _extra, by its path. So is an integer beyond 2^53
//     that a FLOAT64 could not hold exactly. JSON null is absence.
//   - A column can have fallback paths for older generations of events. A
//     fallback that is not needed and says something else is kept in _extra.
//
// What a sample becomes: a row, or an entry of the quarantine if it has no
// usable key, a partition date out of bounds, a duplicate field, or is too
// large. What a message becomes: rows, or one entry of the quarantine with its
// bytes. Nothing is dropped.
package transforms

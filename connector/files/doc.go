// Package files is the door for messages in files: one JSON object a line,
// plain or gzip'd.
//
// A line is either a Pub/Sub message in its REST form (data in base64,
// attributes, messageId, publishTime; also inside {"message": …}), or a bare
// event. A bare event has no delivery: its message id is the SHA-256 of the
// line, and its publish time is Source.PublishedAt plus one microsecond a
// line, counted on across all files, so that later lines win.
//
// Lines are read and counted one after the other, and made into messages side
// by side: what a line becomes depends on its place in the files, and when it
// is delivered does not matter, for versions decide.
package files

package transforms

import (
	"bytes"
	"fmt"

	"github.com/go-faster/jx"
)

// rowExtra is a row's part of extraText.
type rowExtra struct {
	row        int32
	start, end int
}

// joinPath names a field below a path. Names with characters that a path is
// made of are set in brackets, so that no two fields share a path.
func joinPath(prefix string, key []byte) string {
	if len(key) == 0 || bytes.ContainsAny(key, ".[]\"$") {
		return fmt.Sprintf("%s[%q]", prefix, key)
	}
	if prefix == "" {
		return string(key)
	}
	return prefix + "." + string(key)
}

// keep adds a value to the _extra of a row, or of all rows.
func (r *reader) keep(at int32, path string, raw []byte) {
	if !r.rt.plan.keepsExtra || string(raw) == "null" {
		return
	}
	raw = storable(raw)
	if at == sharedRow {
		r.sharedExtra = appendField(r.sharedExtra, path, raw)
		return
	}
	start := len(r.extraText)
	r.extraText = appendField(r.extraText, path, raw)
	if n := len(r.extras); n > 0 && r.extras[n-1].row == at {
		r.extras[n-1].end = len(r.extraText)
		return
	}
	r.extras = append(r.extras, rowExtra{at, start, len(r.extraText)})
}

// appendField writes a field of a JSON object, with a comma after it.
func appendField(b []byte, name string, raw []byte) []byte {
	var w jx.Writer
	w.Buf = b
	w.Str(name)
	w.Buf = append(w.Buf, ':')
	w.Buf = append(w.Buf, raw...)
	return append(w.Buf, ',')
}

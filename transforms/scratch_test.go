package transforms

import (
	"bufio"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"

	"vitalsink/schemas"
)

func TestScratch(t *testing.T) {
	cat, _ := schemas.Load()
	d, err := NewDecoder(cat)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"documented", "events"} {
		fh, _ := os.Open("/work/shared/reference/examples/" + f + ".ndjson")
		sc := bufio.NewScanner(fh)
		sc.Buffer(nil, 1<<20)
		n := 0
		for sc.Scan() {
			n++
			m := &Message{ID: fmt.Sprint(n), PublishTime: time.Unix(0, 0), AsOf: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC), Data: sc.Bytes()}
			o := d.Decode(m)
			if f == "documented" || o.Outcome != Landed || n < 5 || n%30 == 0 {
				name := "-"
				if o.Table != nil {
					name = o.Table.Name
				}
				fmt.Println(f, n, o.Outcome, name, o.rt.eventType, o.Rows, o.refused)
				if o.Rows > 0 {
					b := NewBuilder(memory.DefaultAllocator, o.Table)
					b.Append(o)
					rec := b.NewRecord()
					j, _ := rec.MarshalJSON()
					fmt.Println(string(j))
				}
			}
		}
	}
}

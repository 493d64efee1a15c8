package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"vitalsink/connector"
	"vitalsink/connector/bigquery"
	"vitalsink/schemas"
	"vitalsink/transforms"
)

// person begins the user ids of the checks: the load's people have others, and
// are compared with the truth without these.
const person = "livecheck-"

// telling is heart-rate samples of one invented person, one a second, and the
// messages that bring them.
type telling struct {
	user           string // after person
	first          time.Time
	messages, each int
	published      time.Time // versions go by it
	note           string    // another field of each sample; "" for none
}

func (s telling) samples() int { return s.messages * s.each }

// write makes the messages.
func (s telling) write() []transforms.Message {
	all := make([]transforms.Message, s.messages)
	note := ""
	if s.note != "" {
		note = fmt.Sprintf(`,%q:"x"`, s.note)
	}
	for i := range all {
		samples := make([]string, s.each)
		for j := range samples {
			at := s.first.Add(time.Duration(i*s.each+j) * time.Second)
			samples[j] = fmt.Sprintf(`{"timestamp":%q,"value":%d%s}`, at.Format(time.RFC3339), 50+(i+j+s.published.Minute())%100, note)
		}
		all[i] = transforms.Message{
			ID: fmt.Sprintf("%s%s-%d-%d", person, s.user, s.published.UnixMicro(), i), PublishTime: s.published,
			Data: fmt.Appendf(nil, `{"event_type":"daily.data.heartrate.created","user_id":%q,"data":{"source":{"provider":"oura","type":"ring"},"data":[%s]}}`,
				person+s.user, strings.Join(samples, ",")),
		}
	}
	return all
}

// given are messages that nobody needs back.
type given []transforms.Message

// Receive delivers all of them.
func (g given) Receive(ctx context.Context, deliver func(context.Context, *connector.Message) error) error {
	for _, m := range g {
		if err := deliver(ctx, &connector.Message{Message: m, Ack: func() {}, Nack: func() {}}); err != nil {
			return err
		}
	}
	return nil
}

// append lands samples, each message in a batch of its own.
func (t *trial) append(ctx context.Context, w *bigquery.Warehouse, s telling) error {
	in := &connector.Ingest{
		Warehouse: w, Catalogue: w.Catalogue(), Log: slog.New(slog.DiscardHandler), Workers: 1, FlushRows: 1,
	}
	if err := in.Run(ctx, given(s.write())); err != nil {
		return fmt.Errorf("append: %w", err)
	}
	if n := in.Landed().Books.Rows; n != s.samples() {
		return fmt.Errorf("append: %d rows landed, not %d", n, s.samples())
	}
	return nil
}

// kept is what the latest table holds of a person of the checks: rows, and
// keys of which there are several.
func (t *trial) kept(ctx context.Context, user string) (rows, twice int64, err error) {
	n, err := t.row(ctx, fmt.Sprintf("SELECT IFNULL(SUM(n), 0) AS n, COUNTIF(n > 1) AS twice FROM (SELECT COUNT(*) AS n FROM %s AS T WHERE T.user_id = '%s' GROUP BY %s)",
		t.table(schemas.TimeseriesTable), person+user, names(t.catalogue.Table(schemas.TimeseriesTable).Key)), 2)
	if err != nil {
		return 0, 0, err
	}
	return n[0], n[1], nil
}

func names(columns []string) string { return "`" + strings.Join(columns, "`, `") + "`" }

// wants compares what is kept of a telling with what was told.
func (t *trial) wants(ctx context.Context, s telling) error {
	rows, twice, err := t.kept(ctx, s.user)
	if err != nil {
		return err
	}
	if rows != int64(s.samples()) || twice > 0 {
		return different{saw: fmt.Sprintf("the table holds %d rows of %d, and %d keys more than once", rows, s.samples(), twice)}
	}
	return nil
}

// today is the day of most samples of the checks, at noon.
func today() time.Time { return time.Now().UTC().Truncate(24 * time.Hour).Add(-12 * time.Hour) }

package bigquery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	storage "cloud.google.com/go/bigquery/storage/apiv1"
	"cloud.google.com/go/bigquery/storage/apiv1/storagepb"
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"golang.org/x/sync/errgroup"

	"vitalsink/connector"
	"vitalsink/schemas"
)

// appender writes batches through the Storage Write API:
//
//  1. The rows go to pending streams, whose requests name their offset: what
//     is sent again after a broken connection is not written twice.
//  2. All streams are finalized, which tells how many rows they hold, and
//     committed together: the log shows all rows or none.
//  3. The row of the registry goes through the default stream of its table. It
//     may be there twice, if a reply was lost; the readers know.
//
// An error before 3 leaves rows at most that no batch names. Every step is
// tried again for a while, and no longer than its context lasts.
type appender struct {
	write     *storage.BigQueryWriteClient
	parent    string // projects/P/datasets/D_store
	catalogue *schemas.Catalogue
	log       *slog.Logger

	tuned *limits          // Optional, default defaultLimits.
	mem   memory.Allocator // Optional, default Arrow's.
}

// limits bound what an append takes and how long it tries. What is encoded and
// not yet acknowledged is at most request × window × streams bytes: 72 MB.
type limits struct {
	request  int           // bytes; BigQuery refuses 10 MB
	window   int           // requests of a stream that wait for their answer
	stream   int           // bytes that deserve a stream of their own
	streams  int           // at once
	patience time.Duration // for one answer
	pause    time.Duration // before trying again, at first; later fifty times that
	tries    int           // without progress
	unseen   time.Duration // for writers to see what was made
}

func defaultLimits() limits {
	return limits{
		request: 9_000_000, window: 2, stream: 32 << 20, streams: 4,
		patience: 2 * time.Minute, pause: 100 * time.Millisecond, tries: 16, // about 50 s
		unseen: 10 * time.Minute,
	}
}

func (a *appender) limits() limits {
	if a.tuned != nil {
		return *a.tuned
	}
	return defaultLimits()
}

func (a *appender) allocator() memory.Allocator {
	if a.mem != nil {
		return a.mem
	}
	return memory.DefaultAllocator
}

// append is connector.Warehouse's Append.
func (a *appender) append(ctx context.Context, b *connector.Batch) error {
	if n := b.Record.NumRows(); n != int64(b.Books.Rows) {
		return fmt.Errorf("%w: batch %s of %s has %d rows, its books say %d", connector.ErrBooks, b.ID, b.Table.Name, n, b.Books.Rows)
	}
	if b.Books.Rows > 0 {
		if err := a.untilSeen(ctx, func() error { return a.writeLog(ctx, b) }); err != nil {
			return err
		}
	}
	if err := a.untilSeen(ctx, func() error { return a.register(ctx, b) }); err != nil {
		return fmt.Errorf("register batch: %w", err)
	}
	return nil
}

// untilSeen writes again while writers do not see a table or a column, for a
// while.
func (a *appender) untilSeen(ctx context.Context, write func() error) error {
	for began, told := time.Now(), false; ; {
		err := write()
		var f *fault
		if !errors.As(err, &f) || !f.unseen || time.Since(began) > a.limits().unseen {
			return err
		}
		if !told {
			told = true
			a.log.Warn("writers do not see a table or a column; if it was made lately, they will in some minutes; trying again", "error", err, "for", a.limits().unseen)
		}
		if err := sleep(ctx, a.limits().unseen/60); err != nil {
			return err
		}
	}
}

func (a *appender) tablePath(table string) string { return a.parent + "/tables/" + table }

// writeLog makes the batch's rows visible in the log.
func (a *appender) writeLog(ctx context.Context, b *connector.Batch) error {
	log := (&schemas.Table{Columns: a.catalogue.LogColumns}).ArrowSchema()
	rows, err := newEncoder(a.allocator(), a.limits().request, b.Record, log, map[string]any{
		"_batch_id": b.ID, "_appended_at": b.AppendedAt,
	})
	if err != nil {
		return err
	}
	defer rows.release()
	table, parts := a.tablePath(b.Table.Name+"_log"), a.parts(rows)
	names := make([]string, len(parts))
	g, each := errgroup.WithContext(ctx)
	for i, p := range parts {
		g.Go(func() (err error) {
			names[i], err = a.writeStream(each, table, rows, p)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return a.commit(ctx, table, names)
}

// span is rows from..to-1 of a record.
type span struct{ from, to int }

// parts divides the rows among streams, evenly by their size.
func (a *appender) parts(rows *encoder) []span {
	l, n := a.limits(), rows.len()
	total := rows.size(0, n)
	share := total/min(l.streams, total/l.stream+1) + 1
	var parts []span
	for from := 0; from < n; {
		to := rows.fit(from, n, share)
		if len(parts) == l.streams-1 {
			to = n // what rounding left over
		}
		parts, from = append(parts, span{from, to}), to
	}
	return parts
}

// writeStream puts rows on a new pending stream and finalizes it.
func (a *appender) writeStream(ctx context.Context, table string, rows *encoder, part span) (string, error) {
	st, err := persist(ctx, a.limits(), func(ctx context.Context) (*storagepb.WriteStream, error) {
		return a.write.CreateWriteStream(ctx, &storagepb.CreateWriteStreamRequest{
			Parent: table, WriteStream: &storagepb.WriteStream{Type: storagepb.WriteStream_PENDING},
		}, once)
	})
	if err != nil {
		return "", fmt.Errorf("create stream: %w", err)
	}
	name := st.GetName()
	s := &stream{client: a.write, limits: a.limits(), name: name, rows: rows, part: part, next: part.from}
	if err := s.write(ctx); err != nil {
		return "", fmt.Errorf("append to stream: %w", err)
	}
	done, err := persist(ctx, a.limits(), func(ctx context.Context) (*storagepb.FinalizeWriteStreamResponse, error) {
		return a.write.FinalizeWriteStream(ctx, &storagepb.FinalizeWriteStreamRequest{Name: name}, once)
	})
	if err != nil {
		return "", fmt.Errorf("finalize stream: %w", err)
	}
	if n := done.GetRowCount(); n != int64(part.to-part.from) {
		return "", fmt.Errorf("%w: a stream holds %d rows, %d were sent", connector.ErrBooks, n, part.to-part.from)
	}
	return name, nil
}

// commit makes the rows of finalized streams visible, all at once. If the
// reply is lost it asks again.
func (a *appender) commit(ctx context.Context, table string, names []string) error {
	done, err := persist(ctx, a.limits(), func(ctx context.Context) (*storagepb.BatchCommitWriteStreamsResponse, error) {
		done, err := a.write.BatchCommitWriteStreams(ctx, &storagepb.BatchCommitWriteStreamsRequest{Parent: table, WriteStreams: names}, once)
		if s, ok := statusOf(err); ok && storageErrorOf(s) == storagepb.StorageError_STREAM_ALREADY_COMMITTED {
			return &storagepb.BatchCommitWriteStreamsResponse{StreamErrors: []*storagepb.StorageError{
				{Code: storagepb.StorageError_STREAM_ALREADY_COMMITTED},
			}}, nil
		}
		return done, err
	})
	if err != nil {
		return fmt.Errorf("commit streams: %w", settled(err))
	}
	if done.GetCommitTime() != nil {
		return nil
	}
	// Nobody else knows the streams, and they are committed together: if they
	// are already, it was by a call of ours whose reply was lost.
	for _, e := range done.GetStreamErrors() {
		if e.GetCode() != storagepb.StorageError_STREAM_ALREADY_COMMITTED {
			return fmt.Errorf("commit streams: %w", settled(explainStorage(e)))
		}
	}
	if len(done.GetStreamErrors()) == 0 {
		return errors.New("commit streams: neither a time of commit nor an error")
	}
	return nil
}

// settled is the error of a commit, after which nothing may be written again
// under the batch's name: the streams may be committed all the same.
func settled(err error) error {
	var f *fault
	if errors.As(err, &f) && f.unseen {
		return &fault{class: f.class, what: f.what}
	}
	return err
}

// register enters the batch into the registry.
func (a *appender) register(ctx context.Context, b *connector.Batch) error {
	none := array.NewRecord(arrow.NewSchema(nil, nil), nil, 1)
	defer none.Release()
	row, err := newEncoder(a.allocator(), a.limits().request, none, a.catalogue.Table(schemas.BatchesTable).ArrowSchema(), b.RegistryRow(time.Now()))
	if err != nil {
		return err
	}
	defer row.release()
	s := &stream{
		client: a.write, limits: a.limits(), name: a.tablePath(schemas.BatchesTable) + "/streams/_default",
		rows: row, part: span{0, 1}, byDefault: true,
	}
	err = s.write(ctx)
	if errors.Is(err, connector.ErrRefused) {
		// No row of the batch is to blame.
		return &fault{class: connector.ErrConfiguration, what: "the registry refuses its row"}
	}
	return err
}

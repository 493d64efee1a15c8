package bigquery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"cloud.google.com/go/bigquery"
	storage "cloud.google.com/go/bigquery/storage/apiv1"
	"cloud.google.com/go/civil"
	"golang.org/x/sync/errgroup"

	"vitalsink/connector"
)

// maxPending is how many batches of a table and lane are looked at together:
// each may name thousands of days.
const maxPending = 500

// defaultMaxBytesBilled is what one job may be billed for.
const defaultMaxBytesBilled = 1 << 40

// Warehouse is two datasets of a project. Close it.
type Warehouse struct {
	config     Config
	client     *bigquery.Client
	write      *storage.BigQueryWriteClient
	appender   *appender
	statements *statements
	attempts   attempts
	pending    int // batches of a table and lane that are looked at together
}

var _ connector.Warehouse = (*Warehouse)(nil)

// Open connects to the datasets. The error is connector.ErrConfiguration if
// they are not there, or not to be read.
func Open(ctx context.Context, cfg Config) (*Warehouse, error) {
	cfg.MaxBytesBilled = cmp.Or(cfg.MaxBytesBilled, defaultMaxBytesBilled)
	w := &Warehouse{config: cfg, pending: maxPending}
	var err error
	if w.statements, err = newStatements(cfg.Project, cfg.Dataset); err != nil {
		return nil, err
	}
	if err := w.connect(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open bigquery://%s/%s: %w", cfg.Project, cfg.Dataset, err), w.Close())
	}
	w.appender = &appender{
		write: w.write, catalogue: cfg.Catalogue,
		parent: fmt.Sprintf("projects/%s/datasets/%s", cfg.Project, storeOf(cfg.Dataset)),
	}
	return w, nil
}

func (w *Warehouse) connect(ctx context.Context) error {
	var err error
	if w.client, err = bigquery.NewClient(ctx, w.config.Project, w.config.REST...); err != nil {
		return fmt.Errorf("connect to BigQuery: %w", err)
	}
	if w.write, err = storage.NewBigQueryWriteClient(ctx, w.config.Write...); err != nil {
		return fmt.Errorf("connect to the Storage Write API: %w", err)
	}
	// Jobs run where the data is.
	store := storeOf(w.config.Dataset)
	md, err := within(ctx, w.client.Dataset(store).Metadata)
	if err != nil {
		return fmt.Errorf("read dataset %s: %w", store, err)
	}
	w.client.Location = md.Location
	return nil
}

// Close gives the connections up.
func (w *Warehouse) Close() error {
	var errs []error
	if w.client != nil {
		errs = append(errs, w.client.Close())
	}
	if w.write != nil {
		errs = append(errs, w.write.Close())
	}
	return errors.Join(errs...)
}

// Append writes the rows to the log through streams that are committed
// together, and then registers the batch.
func (w *Warehouse) Append(ctx context.Context, b *connector.Batch) error {
	return w.appender.append(ctx, b)
}

// Pending reads the fences first: a merge that commits in between raises one,
// and then no merge planned from this reading can commit. So it does not matter
// how old the fences are that reading a table, which costs nothing, shows.
func (w *Warehouse) Pending(ctx context.Context) (*connector.Pending, error) {
	p := &connector.Pending{Fences: map[string]int64{}}
	var mu sync.Mutex
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for _, t := range w.config.Catalogue.Versioned() {
		g.Go(func() error {
			var n int64
			err := retry(gctx, func() (err error) {
				n, err = w.fence(gctx, t.Name)
				return err
			})
			if errors.Is(err, connector.ErrConfiguration) {
				n, err = noFence, nil // the merge will say so, and the other tables are folded
			}
			mu.Lock()
			defer mu.Unlock()
			p.Fences[t.Name] = n
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	text, err := w.statements.render("pending.sql", w.pending)
	if err != nil {
		return nil, err
	}
	err = w.query(ctx, statement{step: "pending", text: text, limit: w.config.MaxBytesBilled}, func(row []bigquery.Value) error {
		b, err := registeredOf(row)
		p.Batches = append(p.Batches, b)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read registry: %w", err)
	}
	return p, nil
}

// noFence is the fence of a table that has none, or several rows. It lets no
// merge pass, whose script then says what is wrong.
const noFence = -1

// fence reads the one row of a fence.
func (w *Warehouse) fence(ctx context.Context, table string) (int64, error) {
	name := fenceOf(table)
	rows, err := within(ctx, func(ctx context.Context) ([][]bigquery.Value, error) {
		return all(w.client.Dataset(storeOf(w.config.Dataset)).Table(name).Read(ctx))
	})
	if err != nil {
		return 0, fmt.Errorf("read fence %s: %w", name, err)
	}
	if len(rows) != 1 {
		return noFence, nil
	}
	var fence int64
	if err := scan(rows[0][0], &fence); err != nil {
		return 0, fmt.Errorf("read fence %s: %w", name, err)
	}
	return fence, nil
}

// registeredOf reads a row of pending.sql.
func registeredOf(row []bigquery.Value) (connector.Registered, error) {
	var b connector.Registered
	var lane string
	var version, rows, without int64
	var days, resources []bigquery.Value
	for i, into := range []any{&b.ID, &b.Table, &lane, &version, &b.AppendedAt, &rows, &days, &without, &resources} {
		if err := scan(row[i], into); err != nil {
			return b, fmt.Errorf("column %d: %w", i, err)
		}
	}
	b.Lane, b.CatalogueVersion, b.Rows, b.RowsWithoutDay = connector.Lane(lane), int(version), int(rows), int(without)
	for _, d := range days {
		var date civil.Date
		if err := scan(d, &date); err != nil {
			return b, err
		}
		b.Days = append(b.Days, date.In(time.UTC))
	}
	for _, r := range resources {
		var resource string
		if err := scan(r, &resource); err != nil {
			return b, err
		}
		b.Resources = append(b.Resources, resource)
	}
	return b, nil
}

func scan(v bigquery.Value, into any) error {
	ok := false
	switch into := into.(type) {
	case *string:
		*into, ok = v.(string)
	case *int64:
		*into, ok = v.(int64)
	case *time.Time:
		*into, ok = v.(time.Time)
	case *civil.Date:
		*into, ok = v.(civil.Date)
	case *[]bigquery.Value:
		*into, ok = v.([]bigquery.Value)
		ok = ok || v == nil
	}
	if !ok {
		return fmt.Errorf("a value comes as %T", v)
	}
	return nil
}

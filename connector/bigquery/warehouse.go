package bigquery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"cloud.google.com/go/bigquery"
	storage "cloud.google.com/go/bigquery/storage/apiv1"
	"cloud.google.com/go/civil"
	"golang.org/x/sync/errgroup"
	bq "google.golang.org/api/bigquery/v2"

	"vitalsink/connector"
	"vitalsink/schemas"
)

// maxPending is how many batches of a table and lane are looked at together:
// each may name thousands of days.
const maxPending = 500

// defaultPageRows bounds the rows of a page of a result; BigQuery ends one at
// 10 MB.
const defaultPageRows = 10_000

// defaultMaxBytesBilled is what one job may be billed for.
const defaultMaxBytesBilled = 1 << 40

// silence is how long the first answer may take before somebody is told that it
// is waited for: nothing else happens until it is there.
const silence = 3 * time.Second

// Warehouse is two datasets of a project. Close it.
type Warehouse struct {
	config     Config
	client     *bigquery.Client
	rest       *bq.Service // of what client hides
	write      *storage.BigQueryWriteClient
	appender   *appender
	statements *statements
	attempts   attempts
	catalogue  *schemas.Catalogue // of what the tables have
	lacking    []string
	billing    billing
	patience   patience
	pending    int // batches of a table and lane that are looked at together
	pageRows   int // of a page of a result
}

var (
	_ connector.Warehouse = (*Warehouse)(nil)
	_ connector.Biller    = (*Warehouse)(nil)
)

// Open connects to the datasets, and looks whether the tables are what the
// catalogue wants. The error is connector.ErrConfiguration if they are not
// there, not to be read, or nothing that rows could be written to. Of columns
// that are missing and that rows can do without, see Lacking.
func Open(ctx context.Context, cfg Config) (*Warehouse, error) {
	w, err := newWarehouse(ctx, cfg)
	if err == nil {
		err = w.connectStore(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open bigquery://%s/%s: %w", cfg.Project, cfg.Dataset, err), w.Close())
	}
	return w, nil
}

// newWarehouse makes the clients. It is to be closed even after an error.
func newWarehouse(ctx context.Context, cfg Config) (*Warehouse, error) {
	cfg.MaxBytesBilled = cmp.Or(cfg.MaxBytesBilled, defaultMaxBytesBilled)
	cfg.Log = cmp.Or(cfg.Log, slog.New(slog.DiscardHandler))
	w := &Warehouse{
		config: cfg, pending: maxPending, pageRows: defaultPageRows, patience: defaultPatience(),
		billing: billing{most: cfg.MaxBytesBilledPerDay, now: time.Now, began: time.Now()},
	}
	var err error
	if w.statements, err = newStatements(cfg.Project, cfg.Dataset); err != nil {
		return w, err
	}
	if w.client, err = bigquery.NewClient(ctx, cfg.Project, cfg.REST...); err != nil {
		return w, fmt.Errorf("connect to BigQuery: %w", err)
	}
	if w.rest, err = bq.NewService(ctx, cfg.REST...); err != nil {
		return w, fmt.Errorf("connect to BigQuery: %w", err)
	}
	if w.write, err = storage.NewBigQueryWriteClient(ctx, cfg.Write...); err != nil {
		return w, fmt.Errorf("connect to the Storage Write API: %w", err)
	}
	return w, nil
}

// connectStore finds the tables.
func (w *Warehouse) connectStore(ctx context.Context) error {
	// Jobs run where the data is.
	store := storeOf(w.config.Dataset)
	waiting := time.AfterFunc(silence, func() {
		w.config.Log.Warn("no answer from BigQuery yet", "dataset", w.config.Project+"."+store, "waiting", w.patience.callTimeout)
	})
	md, err := within(ctx, w.patience, w.client.Dataset(store).Metadata)
	waiting.Stop()
	if isNotFound(err) {
		return w.notSetUp([]string{"dataset " + store + " is missing"}, "apply --location EU")
	}
	if err != nil {
		return fmt.Errorf("read dataset %s: %w", store, err)
	}
	w.client.Location = md.Location
	if w.catalogue, w.lacking, err = w.check(ctx); err != nil {
		return err
	}
	w.appender = &appender{
		write: w.write, catalogue: w.catalogue, log: w.config.Log,
		parent: fmt.Sprintf("projects/%s/datasets/%s", w.config.Project, store),
	}
	return nil
}

// Catalogue is the one to work with: of columns that a table lacks, the values
// are kept in _extra until the table has them and the process begins anew.
func (w *Warehouse) Catalogue() *schemas.Catalogue { return w.catalogue }

// Lacking are these columns, each as TABLE.COLUMN.
func (w *Warehouse) Lacking() []string { return w.lacking }

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
	if err := w.recall(ctx); err != nil {
		return nil, err
	}
	p := &connector.Pending{Fences: map[string]int64{}}
	var mu sync.Mutex
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for _, t := range w.catalogue.Versioned() {
		g.Go(func() error {
			var n int64
			err := w.patience.retry(gctx, func() (err error) {
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
	text, err := w.statements.render("pending.sql", pendingNames{w.pending, w.catalogue.Version})
	if err != nil {
		return nil, err
	}
	_, err = w.query(ctx, statement{step: "pending", text: text, limit: w.config.MaxBytesBilled}, func(row []bigquery.Value) error {
		b, err := registeredOf(row)
		p.Batches = append(p.Batches, b)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read registry: %w", err)
	}
	return p, nil
}

// pendingNames is what pending.sql is made of.
type pendingNames struct {
	Most    int // batches of a table and lane, of this catalogue or older, and as many of newer ones
	Version int // of the catalogue
}

// noFence is the fence of a table that has none, or several rows. It lets no
// merge pass, whose script then says what is wrong.
const noFence = -1

// fence reads the one row of a fence.
func (w *Warehouse) fence(ctx context.Context, table string) (int64, error) {
	rows, err := w.fenceRows(ctx, fenceOf(table))
	if err != nil || len(rows) != 1 {
		return noFence, err
	}
	var fence int64
	if err := scan(rows[0][0], &fence); err != nil {
		return noFence, fmt.Errorf("read %s: %w", fenceOf(table), err)
	}
	return fence, nil
}

// fenceRows reads a fence.
func (w *Warehouse) fenceRows(ctx context.Context, name string) ([][]bigquery.Value, error) {
	rows, err := within(ctx, w.patience, func(ctx context.Context) ([][]bigquery.Value, error) {
		return all(w.client.Dataset(storeOf(w.config.Dataset)).Table(name).Read(ctx))
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return rows, nil
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

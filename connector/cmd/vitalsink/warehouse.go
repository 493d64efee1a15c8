package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"vitalsink/connector/backfill"
	"vitalsink/connector/bigquery"
	"vitalsink/connector/duckdb"
	"vitalsink/connector/erase"
	"vitalsink/connector/reconcile"
	"vitalsink/connector/replay"
	"vitalsink/schemas"
)

// warehouseFlag says which warehouse a command works on.
type warehouseFlag struct {
	Warehouse string `default:"duckdb://vitalsink.duckdb" placeholder:"URL" help:"Where the tables are: duckdb://PATH or bigquery://PROJECT/DATASET. Default ${default}."`
}

// location is what --warehouse names: a file or a dataset.
type location struct {
	path             string
	project, dataset string
}

func (l location) isBigQuery() bool { return l.project != "" }

// pace is how often a warehouse is to be asked for something, if nobody says.
type pace struct {
	flush, fold time.Duration
	workers     int // 0 for one per CPU; each has batches of its own
}

// pace is slower for BigQuery, where every append takes streams, of which there
// are 10,000 an hour, and every merge costs money.
func (l location) pace() pace {
	if l.isBigQuery() {
		return pace{flush: time.Minute, fold: 5 * time.Minute, workers: min(4, runtime.GOMAXPROCS(0))}
	}
	return pace{flush: 10 * time.Second, fold: 30 * time.Second}
}

var (
	projectName = regexp.MustCompile(`^[a-z0-9.:-]+$`)
	datasetName = regexp.MustCompile(`^[A-Za-z0-9_]+$`)
)

func (f warehouseFlag) location() (location, error) {
	if path, ok := strings.CutPrefix(f.Warehouse, "duckdb://"); ok && path != "" {
		return location{path: path}, nil
	}
	rest, ok := strings.CutPrefix(f.Warehouse, "bigquery://")
	project, dataset, _ := strings.Cut(rest, "/")
	if ok && projectName.MatchString(project) && datasetName.MatchString(dataset) {
		return location{project: project, dataset: dataset}, nil
	}
	return location{}, usage{fmt.Errorf("--warehouse %s: write duckdb://PATH or bigquery://PROJECT/DATASET", f.Warehouse)}
}

// file is the file of a DuckDB warehouse, for commands that work on no other.
func (f warehouseFlag) file() (string, error) {
	l, err := f.location()
	if err == nil && l.isBigQuery() {
		err = usage{fmt.Errorf("--warehouse %s: this command works on DuckDB files; ask BigQuery with bq query, or in the console", f.Warehouse)}
	}
	return l.path, err
}

// billingFlag bounds what BigQuery may bill.
type billingFlag struct {
	MaxBytesBilled       string `default:"1TiB" placeholder:"SIZE" help:"BigQuery: what one job may be billed for, such as 200GiB. A merge gets a tenth; one that needs more is done in smaller parts, and gets all of it only if that does not help. Default ${default}."`
	MaxBytesBilledPerDay string `placeholder:"SIZE" help:"BigQuery: what all jobs of a day (UTC) may be billed for, such as 2TiB. Beyond it nothing is folded until the next day: what is appended is safe, the tables fall behind, and an error is logged. Default: no limit."`
}

// bill is what BigQuery may bill, in bytes.
type bill struct{ job, day int64 }

func (f billingFlag) bill() (b bill, err error) {
	var dayErr error
	b.job, err = parseBilled("max-bytes-billed", f.MaxBytesBilled)
	if f.MaxBytesBilledPerDay != "" {
		b.day, dayErr = parseBilled("max-bytes-billed-per-day", f.MaxBytesBilledPerDay)
	}
	return b, errors.Join(err, dayErr)
}

func parseBilled(flag, size string) (int64, error) {
	n, err := humanize.ParseBytes(size)
	if err != nil || strings.Contains(size, ",") || n < leastBilled || n > mostMemory {
		return 0, usage{fmt.Errorf("--%s %s: write a size of at least %s, such as 200GiB", flag, size, humanize.IBytes(leastBilled))}
	}
	return int64(n), nil
}

// leastBilled allows a merge some tables of the 10 MB that BigQuery bills at
// the least.
const leastBilled = 1 << 30

// warehouse is one with a connection.
type warehouse interface {
	erase.Warehouse
	replay.Quarantine
	backfill.Notices
	backfill.History
	reconcile.Warehouse
	reconcile.Ledger
	reconcile.Mender
	reconcile.Diary
	io.Closer
}

// storage is the warehouse that a command asks for, on flags that are in
// order.
type storage struct {
	location location
	memory   int64 // of DuckDB
	bill     bill  // of BigQuery
	log      *slog.Logger
}

// open opens the warehouse for the tables of this binary's catalogue.
func (s storage) open(ctx context.Context) (*schemas.Catalogue, warehouse, error) {
	catalogue, err := schemas.Load()
	if err != nil {
		return nil, nil, err
	}
	if !s.location.isBigQuery() {
		w, err := duckdb.Open(ctx, duckdb.Config{Path: s.location.path, Catalogue: catalogue, Memory: s.memory})
		return catalogue, w, err
	}
	cfg, err := s.location.bigQuery(catalogue)
	if err != nil {
		return nil, nil, err
	}
	cfg.MaxBytesBilled, cfg.MaxBytesBilledPerDay, cfg.Log = s.bill.job, s.bill.day, s.log
	w, err := bigquery.Open(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	if lacking := w.Lacking(); len(lacking) > 0 {
		s.log.Error("the tables are older than this vitalsink: what belongs into columns that are missing is kept in _extra; "+
			"mend it with schema apply, then start again", "columns", strings.Join(lacking, ", "),
			"command", fmt.Sprintf("vitalsink schema apply --warehouse bigquery://%s/%s", cfg.Project, cfg.Dataset))
	}
	return w.Catalogue(), w, nil
}

// settle is how long to wait until what happens now has reached the warehouse,
// if nobody says: nothing else writes to a DuckDB file.
func (l location) settle(said *time.Duration) time.Duration {
	switch {
	case said != nil:
		return *said
	case l.isBigQuery():
		return 15 * time.Minute
	}
	return 0
}

// isOurs is nil if a DuckDB file is there and holds tables of vitalsink: to open
// any other is to make tables in it. Of BigQuery, opening tells.
func (l location) isOurs(ctx context.Context) (err error) {
	if l.isBigQuery() {
		return nil
	}
	if _, err := os.Stat(l.path); err != nil {
		return fmt.Errorf("duckdb file %s: %w; there is nothing to look at", l.path, errors.Unwrap(err))
	}
	r, err := duckdb.OpenReadOnly(ctx, l.path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	var out rowCount
	if err := r.Query(ctx, "SELECT 1 FROM information_schema.tables WHERE table_schema = 'store' AND table_name = 'batches'", &out); err != nil {
		return err
	}
	if out.rows == 0 {
		return fmt.Errorf("duckdb file %s: it holds no tables of vitalsink; there is nothing to look at", l.path)
	}
	return nil
}

// rowCount counts the rows of a query.
type rowCount struct{ rows int }

func (*rowCount) Columns(_, _ []string) error { return nil }

func (c *rowCount) Row([]any) error {
	c.rows++
	return nil
}

// bigQuery is the warehouse that a location names.
func (l location) bigQuery(catalogue *schemas.Catalogue) (bigquery.Config, error) {
	rest, write, err := emulated()
	return bigquery.Config{Project: l.project, Dataset: l.dataset, Catalogue: catalogue, REST: rest, Write: write}, err
}

// Variables that name a stand-in for BigQuery, as HOST:PORT.
const (
	emulatorVariable        = "BIGQUERY_EMULATOR_HOST"
	storageEmulatorVariable = "BIGQUERY_STORAGE_EMULATOR_HOST"
)

// emulated are the options of clients that talk to a stand-in, if the
// environment names one.
func emulated() (rest, write []option.ClientOption, err error) {
	host, storageHost := os.Getenv(emulatorVariable), os.Getenv(storageEmulatorVariable)
	switch {
	case host == "" && storageHost == "":
		return nil, nil, nil
	case host == "" || storageHost == "":
		return nil, nil, usage{errors.New("set both " + emulatorVariable + " and " + storageEmulatorVariable + ", or neither")}
	}
	rest = []option.ClientOption{option.WithEndpoint("http://" + host + "/bigquery/v2/"), option.WithoutAuthentication()}
	write = []option.ClientOption{
		option.WithEndpoint(storageHost), option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())),
	}
	return rest, write, nil
}

// parseResource reads pubsub://PROJECT/NAME, the name of a SUBSCRIPTION or TOPIC.
func parseResource(flag, kind, value string) (project, name string, err error) {
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "pubsub" || u.Host == "" || strings.Count(u.Path, "/") != 1 || len(u.Path) < 2 {
		return "", "", usage{fmt.Errorf("--%s %s: write pubsub://PROJECT/%s", flag, value, kind)}
	}
	return u.Host, u.Path[1:], nil
}

package bigquery

import (
	"context"
	"fmt"
	"sync"

	"cloud.google.com/go/bigquery"
	"golang.org/x/sync/errgroup"
)

// TableRows are how many rows each latest table has, tombstones too. It asks once
// for each table, and is billed for nothing.
func (w *Warehouse) TableRows(ctx context.Context) (map[string]int64, error) {
	counts := map[string]int64{}
	var mu sync.Mutex
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for _, t := range w.catalogue.Versioned() {
		g.Go(func() error {
			md, err := within(gctx, w.patience, func(ctx context.Context) (*bigquery.TableMetadata, error) {
				return w.client.Dataset(storeOf(w.config.Dataset)).Table(t.Name).Metadata(ctx)
			})
			if err != nil {
				return fmt.Errorf("count rows of %s: %w", t.Name, err)
			}
			mu.Lock()
			defer mu.Unlock()
			counts[t.Name] = int64(md.NumRows)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return counts, nil
}

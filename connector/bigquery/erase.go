package bigquery

import (
	"context"
	"errors"
	"time"

	"vitalsink/connector"
	"vitalsink/schemas"
)

var errNotYet = errors.New("not yet")

func (w *Warehouse) Erased(ctx context.Context) (connector.Erased, error) { return nil, nil }
func (w *Warehouse) RecordErasures(ctx context.Context, rows []connector.Erasure) error {
	return errNotYet
}
func (w *Warehouse) Erasures(ctx context.Context) ([]connector.Erasure, error) { return nil, errNotYet }
func (w *Warehouse) RaiseFence(ctx context.Context, t *schemas.Table) error    { return errNotYet }
func (w *Warehouse) CountPeople(ctx context.Context, t *schemas.Table, hashes []string) ([]connector.PersonRows, error) {
	return nil, errNotYet
}
func (w *Warehouse) RemovePeople(ctx context.Context, t *schemas.Table, hashes []string) (connector.RowCount, error) {
	return connector.RowCount{}, errNotYet
}
func (w *Warehouse) ClientUserIDs(ctx context.Context, hashes []string) ([]string, error) {
	return nil, errNotYet
}
func (w *Warehouse) UserIDs(ctx context.Context, clientUserIDs []string) ([]string, error) {
	return nil, errNotYet
}
func (w *Warehouse) Nameless(ctx context.Context, t *schemas.Table, log bool, take func(connector.NamelessRow) error) error {
	return errNotYet
}
func (w *Warehouse) RemoveNameless(ctx context.Context, t *schemas.Table, ids []string) (connector.RowCount, error) {
	return connector.RowCount{}, errNotYet
}
func (w *Warehouse) Afterlife(ctx context.Context) (time.Duration, error) { return 0, errNotYet }

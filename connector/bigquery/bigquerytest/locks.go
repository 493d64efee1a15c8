package bigquerytest

import (
	"context"
	"sync"
)

// What BigQuery lets statements that change rows do at once on a table:
// https://cloud.google.com/bigquery/docs/reference/standard-sql/data-manipulation-language#update_delete_merge_dml_concurrency
const (
	runningAtOnce = 2
	queuedAtMost  = 20
)

// transaction is one that is open.
type transaction struct {
	id      string
	began   uint64 // commits that changed rows, before it began
	changes map[*history]bool
	alone   bool // of one statement, that asked for none
	wrote   []*relation
}

// lost is the error of a transaction that another change got ahead of.
func (tx *transaction) lost(table string) *JobError {
	return invalid("Transaction is aborted due to concurrent update against table %s. Transaction ID: %s", table, tx.id)
}

// locks decide who may change rows of which table.
type locks struct {
	mu      sync.Mutex
	commits uint64
	tables  map[*history]*tableLock
}

type tableLock struct {
	holder  *transaction
	changed uint64        // the commit that changed it last
	freed   chan struct{} // is closed when the holder ends
	running int
	queue   []chan struct{}
}

func (l *locks) table(h *history) *tableLock {
	if l.tables == nil {
		l.tables = map[*history]*tableLock{}
	}
	if l.tables[h] == nil {
		l.tables[h] = &tableLock{}
	}
	return l.tables[h]
}

// begin starts a transaction: snapshot takes what it will see of the tables.
func (l *locks) begin(id string, snapshot func() error) (*transaction, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return &transaction{id: id, began: l.commits, changes: map[*history]bool{}}, snapshot()
}

// claim lets a transaction change rows of a table. If another does, or did
// since this one began, it fails: freed is closed when the other has ended.
func (l *locks) claim(tx *transaction, r *relation) (ok bool, freed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.table(r.history)
	switch {
	case t.holder == tx:
		return true, nil
	case t.holder != nil:
		return false, t.freed
	case t.changed > tx.began:
		return false, nil
	}
	t.holder, t.freed = tx, make(chan struct{})
	tx.changes[r.history] = true
	return true, nil
}

// end commits or rolls back, and gives the tables free.
func (l *locks) end(tx *transaction, commit bool, do func() error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := do()
	if len(tx.changes) > 0 && commit && err == nil {
		l.commits++
	}
	for h := range tx.changes {
		t := l.table(h)
		if commit && err == nil {
			t.changed = l.commits
		}
		t.holder = nil
		close(t.freed)
	}
	tx.changes = map[*history]bool{}
	return err
}

// hold does something while no transaction begins or ends.
func (l *locks) hold(do func() error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return do()
}

// enter waits until a statement outside transactions may run on a table.
func (l *locks) enter(ctx context.Context, r *relation) error {
	l.mu.Lock()
	t := l.table(r.history)
	if t.running < runningAtOnce {
		t.running++
		l.mu.Unlock()
		return nil
	}
	if len(t.queue) >= queuedAtMost {
		l.mu.Unlock()
		return invalid("Resources exceeded during query execution: Too many DML statements outstanding against table %s, limit is %d.", r.dotted(), queuedAtMost)
	}
	turn := make(chan struct{})
	t.queue = append(t.queue, turn)
	l.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
		l.giveUp(t, turn)
		return ctx.Err()
	}
}

// giveUp leaves the queue, or gives the turn to the next.
func (l *locks) giveUp(t *tableLock, turn chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, c := range t.queue {
		if c == turn {
			t.queue = append(t.queue[:i:i], t.queue[i+1:]...)
			return
		}
	}
	t.next()
}

// leave ends what enter began.
func (l *locks) leave(r *relation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.table(r.history).next()
}

func (t *tableLock) next() {
	if len(t.queue) == 0 {
		t.running--
		return
	}
	close(t.queue[0])
	t.queue = t.queue[1:]
}

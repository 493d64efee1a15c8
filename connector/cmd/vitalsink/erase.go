package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/user"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"vitalsink/connector"
	"vitalsink/connector/erase"
	"vitalsink/transforms"
)

type eraseCommand struct {
	warehouseFlag
	billingFlag
	memoryFlag
	User         []string       `placeholder:"ID" sep:"none" env:"-" help:"Erase this user, by Junction's id. May be given several times."`
	ClientUserID []string       `name:"client-user-id" placeholder:"REFERENCE" sep:"none" env:"-" help:"Erase the users to whom tables and logs give this client_user_id. With --user or --file it means nobody else: messages that name their user by nothing else are found by it. May be given several times."`
	File         string         `placeholder:"FILE" env:"-" help:"Erase the users of a file, a Junction id on each line; - for standard input, which keeps ids out of the shell's history."`
	DryRun       bool           `help:"Count what would be removed, and change nothing."`
	Sweep        bool           `env:"-" help:"Look once more for everybody who is erased, and remove what has come since. For a schedule, and after an interruption."`
	List         bool           `env:"-" help:"Print the erasures on record, of all or of the users given. It says nobody's id."`
	Lift         bool           `env:"-" help:"End the erasures of the users given: what comes of them from now on is kept. It brings nothing back."`
	Message      []string       `placeholder:"ID" sep:"none" env:"-" help:"Remove this message from quarantine, whoever's it is: one that names no user and could not be searched. May be given several times."`
	RequestedBy  string         `placeholder:"WHO" help:"Who asked, for the record. Default: the name of the user at this machine."`
	Settle       *time.Duration `placeholder:"TIME" help:"Look a last time so long after the begin, when every receiver knows of the erasure. Default 15m in BigQuery; for a DuckDB file 0s, since nothing else writes to it."`
	PubsubKeeps  string         `name:"pubsub-keeps" default:"62d" placeholder:"DAYS" help:"For how long Pub/Sub can keep a message: retention of subscription or topic, and that of dead letters after it. Default ${default}, the most there is; 0d without Pub/Sub."`
	JSON         bool           `name:"json" help:"Print one JSON object at the end."`
}

func (c *eraseCommand) Help() string {
	return `Removes all rows of a person, from tables, logs, quarantine and everything else
that is kept, and keeps them removed: whatever door their data comes through
again, no fold takes it. What names them only in its bytes, in quarantine, is
searched. It goes on where it was if it is run again after an interruption.

  vitalsink erase --user 3f0a… --dry-run
  vitalsink erase --user 3f0a… --requested-by "ticket 4711"
  vitalsink erase --file - <ids.txt
  vitalsink erase --list

In BigQuery it needs no pause of run. A DuckDB file has one process: stop run, and
start it again afterwards; the file is written anew without what was removed, for
which there has to be room beside it.

The record, the table erasures, holds a hash of the id (SHA-256), and the id is
kept nowhere. Delete the user at Junction first, or it keeps sending. The output
says what cannot be reached from here, and until when that exists; docs/security.md
has it all for those who must prove it. Whom to erase, and what else to do instead, is
never taken from the environment; VITALSINK_DRY_RUN is.

Exit code 3: something is left in batches that cannot be folded yet, or messages
could not be searched (--dry-run tells, too); the output says what to do.`
}

// userID is the form of Junction's ids of users.
var userID = regexp.MustCompile(`(?i)^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// check finds wrong flags.
func (c *eraseCommand) check() error {
	var errs []error
	wrong := func(is bool, format string, args ...any) {
		if is {
			errs = append(errs, usage{fmt.Errorf(format, args...)})
		}
	}
	modes := 0
	for _, is := range []bool{c.DryRun, c.Sweep, c.List, c.Lift, len(c.Message) > 0} {
		if is {
			modes++
		}
	}
	named := len(c.User) > 0 || len(c.ClientUserID) > 0 || c.File != ""
	wrong(modes > 1, "give one of --dry-run, --sweep, --list, --lift and --message")
	wrong(!named && !c.Sweep && !c.List && len(c.Message) == 0, "say whom: --user, --client-user-id or --file")
	wrong(named && (c.Sweep || len(c.Message) > 0), "--sweep and --message are about nobody in particular: leave --user, --client-user-id and --file out")
	wrong((c.Lift || c.List) && len(c.ClientUserID) > 0, "--client-user-id finds nobody who is erased, for it is kept nowhere: give --user or --file")
	wrong(slices.Contains(c.Message, ""), "--message: an id must not be empty")
	for i, id := range c.User {
		wrong(!userID.MatchString(id), "--user, the %s: it is no Junction user id, which is a UUID such as 3f0a52d1-96b2-4c38-8f7e-0b1d6e5a4c29", ordinal(i+1))
	}
	for _, id := range c.ClientUserID {
		wrong(id == "", "--client-user-id: it must not be empty")
	}
	wrong(len(c.RequestedBy) > 200 || strings.ContainsFunc(c.RequestedBy, unicode.IsControl), "--requested-by: at most 200 bytes, on one line")
	wrong(len(slices.Collect(transforms.UUIDs([]byte(c.RequestedBy)))) > 0, "--requested-by: leave the user's id out, it would be kept in the record")
	wrong(c.Settle != nil && (*c.Settle < 0 || *c.Settle > 24*time.Hour), "--settle must be from 0s to 24h")
	_, err := c.kept()
	return errors.Join(append(errs, err)...)
}

func ordinal(n int) string {
	if n >= 1 && n <= 3 {
		return []string{"first", "second", "third"}[n-1]
	}
	return strconv.Itoa(n) + "th"
}

// kept is --pubsub-keeps.
func (c *eraseCommand) kept() (time.Duration, error) {
	count, ok := strings.CutSuffix(c.PubsubKeeps, "d")
	n, err := strconv.Atoi(count)
	if !ok || err != nil || n < 0 || n > 365 {
		return 0, usage{fmt.Errorf("--pubsub-keeps %s: write a number of days from 0d to 365d", c.PubsubKeeps)}
	}
	return time.Duration(n) * 24 * time.Hour, nil
}

// fromFile reads ids, a line each.
func (c *eraseCommand) fromFile(stdin io.Reader) (ids []string, err error) {
	in := stdin
	switch c.File {
	case "":
		return nil, nil
	case "-":
	default:
		f, err := os.Open(c.File)
		if err != nil {
			return nil, fmt.Errorf("--file: %w", err)
		}
		defer f.Close() //nolint:errcheck // it is only read
		in = f
	}
	lines := bufio.NewScanner(in)
	for n := 1; lines.Scan(); n++ {
		id := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff")) // as spreadsheets begin a file
		if id == "" {
			continue
		}
		if !userID.MatchString(id) {
			return nil, usage{fmt.Errorf("--file %s: line %d is no Junction user id, a UUID; nobody is erased", c.File, n)}
		}
		ids = append(ids, id)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("--file %s: %w", c.File, err)
	}
	if len(ids) == 0 {
		return nil, usage{fmt.Errorf("--file %s: there is no id in it", c.File)}
	}
	return ids, nil
}

// requestedBy is for the record.
func (c *eraseCommand) requestedBy() string {
	if c.RequestedBy != "" {
		return c.RequestedBy
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}

// configured finds all that is wrong with the flags.
func (c *eraseCommand) configured() error {
	_, locationErr := c.location()
	_, billedErr := c.bill()
	_, memoryErr := c.total()
	return errors.Join(c.check(), locationErr, billedErr, memoryErr)
}

func (c *eraseCommand) Run(ctx context.Context, std streams, log *slog.Logger) (err error) {
	if err := c.configured(); err != nil {
		return err
	}
	location, _ := c.location() // all these are in order
	billed, _ := c.bill()
	memory, _ := c.shares(location)
	ids, err := c.fromFile(std.in)
	if err != nil {
		return err
	}
	if err := location.isOurs(ctx); err != nil {
		return err
	}
	catalogue, warehouse, err := storage{location, memory.warehouse, billed, log}.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, warehouse.Close()) }()
	folder := &connector.Folder{Warehouse: warehouse, Catalogue: catalogue, Log: log, MaxRows: memory.foldRows, Merges: memory.merges}
	afterlife, err := warehouse.Afterlife(ctx)
	if err != nil {
		return err
	}
	kept, _ := c.kept() // it was checked
	e := &erasing{
		eraseCommand: c, std: std, into: location, users: append(c.User, ids...), kept: kept, afterlife: afterlife,
		erase: &erase.Erase{
			Warehouse: warehouse, Catalogue: catalogue, Settle: location.settle(c.Settle), Kept: kept, RequestedBy: c.requestedBy(),
			Fold: func(ctx context.Context) error {
				_, err := folder.Fold(ctx)
				return err
			},
		},
	}
	stop := showProgress(std.err, e.erase.Step)
	print, err := e.do(ctx)
	stop()
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = errors.New("stopped before the end; run it again to go on (erase --list shows what is on record)")
	}
	return errors.Join(print(), err)
}

// erasing is the command at work.
type erasing struct {
	*eraseCommand
	std   streams
	into  location
	users []string
	erase *erase.Erase
	// For how long Pub/Sub may keep messages, and the warehouse removed rows.
	kept, afterlife time.Duration
}

// do does what was asked for, and returns what prints it.
func (e *erasing) do(ctx context.Context) (print func() error, err error) {
	nothing := func() error { return nil }
	if len(e.ClientUserID) > 0 && len(e.users) == 0 {
		e.users, err = e.erase.UserIDs(ctx, e.ClientUserID)
		if err != nil {
			return nothing, fmt.Errorf("--client-user-id: %w; give Junction's id, by --user", err)
		}
		if slices.ContainsFunc(e.users, func(id string) bool { return !userID.MatchString(id) }) {
			return nothing, errors.New("--client-user-id: it belongs to a user whose id is no UUID, as Junction's are; nobody is erased")
		}
	}
	var r *erase.Report
	switch {
	case e.List:
		records, err := e.erase.Records(ctx, e.users)
		if err != nil {
			return nothing, err
		}
		return func() error { return e.printRecords(records) }, nil
	case len(e.Message) > 0:
		n, err := e.erase.Discard(ctx, e.Message)
		if errors.Is(err, erase.ErrNobody) {
			return nothing, errors.New("--message: none of these is in quarantine as one that names no user")
		}
		return func() error { return e.printDiscarded(n) }, err
	case e.Lift:
		n, err := e.erase.Lift(ctx, e.users)
		return func() error { return e.printLifted(n) }, err
	case e.DryRun:
		r, err = e.erase.Count(ctx, e.users, e.ClientUserID)
	case e.Sweep:
		if r, err = e.erase.Sweep(ctx); errors.Is(err, erase.ErrNobody) {
			r, err = &erase.Report{}, nil
		}
	default:
		r, err = e.erase.Run(ctx, e.users, e.ClientUserID)
	}
	if r == nil {
		return nothing, err
	}
	return func() error { return errors.Join(e.print(r, err), e.verdict(r)) }, err
}

// verdict is what needs a person.
func (e *erasing) verdict(r *erase.Report) error {
	var errs []error
	if n := waiting(r); n > 0 && !e.DryRun {
		errs = append(errs, attention{fmt.Sprintf("rows of logs that cannot be removed yet: %d; no fold brings them into a table; run erase --sweep when these batches are folded, at the latest in %s", n, connector.UnregisteredFor)})
	}
	if n := len(r.Unreadable); n > 0 {
		errs = append(errs, attention{fmt.Sprintf("messages in quarantine that name no user and could not be searched: %d; look at them (replay quarantine --message ID --print), and remove them with erase --message ID", n)})
	}
	return errors.Join(errs...)
}

func waiting(r *erase.Report) (n int) {
	for _, rows := range r.Waiting {
		n += rows
	}
	return n
}

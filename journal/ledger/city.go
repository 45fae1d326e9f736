package ledger

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"time"
)

// City is one that has joined.
type City struct {
	Name    string
	Grants  []Grant
	Created time.Time
	Rotated time.Time // when it got another credential; zero: never
	Revoked time.Time // zero: it may come
	Seen    time.Time // when it was last here
	Remote  string    // from where
	Version string    // with what

	hash [32]byte
}

// Same says that what a city may do was not changed between the two.
func (c *City) Same(o *City) bool {
	if c.Name != o.Name || c.hash != o.hash || c.Revoked.IsZero() != o.Revoked.IsZero() || len(c.Grants) != len(o.Grants) {
		return false
	}
	for i := range c.Grants {
		if !c.Grants[i].Equal(o.Grants[i]) {
			return false
		}
	}
	return true
}

// Why nobody is let in, or a change is refused.
var (
	ErrUnknown   = errors.New("unknown credential")
	ErrRevoked   = errors.New("revoked credential")
	ErrNoCity    = errors.New("no such city")
	ErrJoined    = errors.New("a city of this name has joined")
	ErrNoCode    = errors.New("unknown join code")
	ErrExpired   = errors.New("expired join code")
	ErrUsed      = errors.New("used join code")
	ErrWithdrawn = errors.New("withdrawn join code")
)

var cityName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// ValidCity says that a name may be a city's.
func ValidCity(name string) bool { return cityName.MatchString(name) }

const selectCity = "SELECT name, hash, grants, created, rotated, revoked, seen, remote, version FROM cities "

func scanCity(row interface{ Scan(...any) error }) (c City, err error) {
	var hash, grants []byte
	var created, rotated, revoked, seen int64
	if err := row.Scan(&c.Name, &hash, &grants, &created, &rotated, &revoked, &seen, &c.Remote, &c.Version); err != nil {
		return City{}, err
	}
	copy(c.hash[:], hash)
	c.Created, c.Rotated, c.Revoked, c.Seen = at(created), at(rotated), at(revoked), at(seen)
	c.Grants, err = decodeGrants(grants)
	return c, err
}

// Admit finds whose credential it is: [ErrUnknown] nobody's, [ErrRevoked] one's
// that may not come any more (the city then tells whose). Any other error says nothing about
// the credential. What is searched for is a hash, so how long it takes tells nothing of use.
func (l *Ledger) Admit(ctx context.Context, s Secret) (City, error) {
	c, err := scanCity(l.read.QueryRowContext(ctx, selectCity+"WHERE hash = ?", s.hash()))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return City{}, ErrUnknown
	case err != nil:
		return City{}, fmt.Errorf("read ledger: %w", err)
	case subtle.ConstantTimeCompare(c.hash[:], s.hash()) != 1:
		return City{}, ErrUnknown
	case !c.Revoked.IsZero():
		return c, ErrRevoked
	}
	return c, nil
}

// City finds one by its name, also one that was revoked; or [ErrNoCity].
func (l *Ledger) City(ctx context.Context, name string) (City, error) {
	c, err := scanCity(l.read.QueryRowContext(ctx, selectCity+"WHERE name = ?", name))
	if errors.Is(err, sql.ErrNoRows) {
		return City{}, fmt.Errorf("%w: %q", ErrNoCity, name)
	}
	if err != nil {
		return City{}, fmt.Errorf("read ledger: %w", err)
	}
	return c, nil
}

// Cities lists all by name, those that were revoked too.
func (l *Ledger) Cities(ctx context.Context) (cities []City, err error) {
	rows, err := l.read.QueryContext(ctx, selectCity+"ORDER BY name")
	if err != nil {
		return nil, fmt.Errorf("read ledger: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		c, err := scanCity(rows)
		if err != nil {
			return nil, fmt.Errorf("read ledger: %w", err)
		}
		cities = append(cities, c)
	}
	return cities, rows.Err()
}

// Revoke lets a city in no more, and withdraws what codes are out for it.
func (l *Ledger) Revoke(ctx context.Context, name string) error {
	now := stamp(l.now())
	return l.change(ctx, func(tx *sql.Tx) error {
		codes, err := withdraw(ctx, tx, name, now)
		if err != nil {
			return err
		}
		err = one(tx.ExecContext(ctx, "UPDATE cities SET revoked = ? WHERE name = ?", now, name))
		if errors.Is(err, ErrNoCity) && codes > 0 {
			return nil // one that was only invited
		}
		if err != nil {
			return fmt.Errorf("revoke %q: %w", name, err)
		}
		return nil
	})
}

// Grant replaces what a city may have.
func (l *Ledger) Grant(ctx context.Context, name string, grants []Grant) error {
	text, err := encodeGrants(grants)
	if err != nil {
		return err
	}
	err = l.change(ctx, func(tx *sql.Tx) error {
		return one(tx.ExecContext(ctx, "UPDATE cities SET grants = ? WHERE name = ?", text, name))
	})
	if err != nil {
		return fmt.Errorf("grant to %q: %w", name, err)
	}
	return nil
}

// Seen notes when a city was here, from where and with what.
func (l *Ledger) Seen(ctx context.Context, name, remote, version string) error {
	_, err := l.write.ExecContext(ctx, "UPDATE cities SET seen = ?, remote = ?, version = ? WHERE name = ?", stamp(l.now()), remote, version, name)
	if err != nil {
		return fmt.Errorf("note city: %w", err)
	}
	return nil
}

// one wants exactly one city to be changed.
func one(r sql.Result, err error) error {
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n == 1 {
		return err
	}
	return ErrNoCity
}

package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Invite is a join code that is out.
type Invite struct {
	City    string
	Grants  []Grant // what the city gets; nil: what it has when it comes
	Expires time.Time
	Again   bool // for a city that has joined: its credential is replaced when the code is used
}

// Invite makes a code's secret. Codes that were out for the city before are withdrawn.
// A city that has joined needs Again, else the error is [ErrJoined]; one that has not
// may not have it ([ErrNoCity]).
func (l *Ledger) Invite(ctx context.Context, in Invite) (Secret, error) {
	var grants []byte
	if in.Grants != nil {
		var err error
		if grants, err = encodeGrants(in.Grants); err != nil {
			return Secret{}, err
		}
	}
	s, now := NewSecret(), stamp(l.now())
	err := l.change(ctx, func(tx *sql.Tx) error {
		var joined bool
		if err := tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM cities WHERE name = ? AND revoked = 0)", in.City).Scan(&joined); err != nil {
			return err
		}
		switch {
		case joined && !in.Again:
			return ErrJoined
		case !joined && in.Again:
			return ErrNoCity
		}
		if _, err := withdraw(ctx, tx, in.City, now); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO invites (hash, city, grants, made, expires) VALUES (?, ?, ?, ?, ?)",
			s.hash(), in.City, grants, now, stamp(in.Expires))
		return err
	})
	if err != nil {
		return Secret{}, fmt.Errorf("invite %q: %w", in.City, err)
	}
	return s, nil
}

// withdraw makes codes useless that are out for a city, and says how many.
func withdraw(ctx context.Context, tx *sql.Tx, city string, now int64) (int64, error) {
	r, err := tx.ExecContext(ctx, "UPDATE invites SET withdrawn = ? WHERE city = ? AND used = 0 AND withdrawn = 0", now, city)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// Invites lists the codes that are out: neither used, withdrawn nor expired.
func (l *Ledger) Invites(ctx context.Context) (out []Invite, err error) {
	rows, err := l.read.QueryContext(ctx, "SELECT city, grants, expires FROM invites WHERE used = 0 AND withdrawn = 0 AND expires > ? ORDER BY city", stamp(l.now()))
	if err != nil {
		return nil, fmt.Errorf("read ledger: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var in Invite
		var grants []byte
		var expires int64
		if err := rows.Scan(&in.City, &grants, &expires); err != nil {
			return nil, fmt.Errorf("read ledger: %w", err)
		}
		if in.Expires, in.Again = at(expires), grants == nil; !in.Again {
			if in.Grants, err = decodeGrants(grants); err != nil {
				return nil, err
			}
		}
		out = append(out, in)
	}
	return out, rows.Err()
}

// Redeem trades a code's secret for a city's credential, which the city has drawn, once:
// who comes again with the same two, because the answer was lost, has it, for as long as the code
// was to be good. Why not is [ErrNoCode], [ErrExpired], [ErrUsed] or [ErrWithdrawn]; where the
// code is known, the city that is returned with the error says whose it was.
func (l *Ledger) Redeem(ctx context.Context, code, credential Secret) (City, error) {
	var city City
	err := l.change(ctx, func(tx *sql.Tx) error {
		grants, err := l.take(ctx, tx, code, &city)
		switch {
		case errors.Is(err, errAgain):
			if err := l.holds(ctx, tx, city.Name, credential); err != nil {
				return err
			}
		case err != nil:
			return err
		default:
			if err := l.admit(ctx, tx, city.Name, credential, grants); err != nil {
				return err
			}
		}
		city, err = scanCity(tx.QueryRowContext(ctx, selectCity+"WHERE name = ?", city.Name))
		return err
	})
	if err != nil {
		return City{Name: city.Name}, fmt.Errorf("redeem join code: %w", err)
	}
	return city, nil
}

// errAgain is [ErrUsed] of a code that is not too old.
var errAgain = fmt.Errorf("%w, lately", ErrUsed)

// holds is nil where the credential is what the city got for its code, and good still.
func (l *Ledger) holds(ctx context.Context, tx *sql.Tx, city string, credential Secret) error {
	var holds bool
	err := tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM cities WHERE name = ? AND hash = ? AND revoked = 0)", city, credential.hash()).Scan(&holds)
	if err == nil && !holds {
		err = ErrUsed
	}
	return err
}

// take uses a code up.
func (l *Ledger) take(ctx context.Context, tx *sql.Tx, code Secret, city *City) (grants []byte, err error) {
	var expires, used, withdrawn int64
	err = tx.QueryRowContext(ctx, "SELECT city, grants, expires, used, withdrawn FROM invites WHERE hash = ?", code.hash()).
		Scan(&city.Name, &grants, &expires, &used, &withdrawn)
	now := stamp(l.now())
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, ErrNoCode
	case err != nil:
		return nil, err
	case used != 0 && now < expires:
		return nil, errAgain
	case used != 0:
		return nil, ErrUsed
	case withdrawn != 0:
		return nil, ErrWithdrawn
	case now >= expires:
		return nil, ErrExpired
	}
	_, err = tx.ExecContext(ctx, "UPDATE invites SET used = ? WHERE hash = ?", now, code.hash())
	return grants, err
}

// admit gives a city a credential; without grants it keeps those it has.
func (l *Ledger) admit(ctx context.Context, tx *sql.Tx, name string, credential Secret, grants []byte) error {
	now := stamp(l.now())
	if grants == nil {
		return one(tx.ExecContext(ctx, "UPDATE cities SET hash = ?, rotated = ?, revoked = 0 WHERE name = ?", credential.hash(), now, name))
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO cities (name, hash, grants, created) VALUES (?1, ?2, ?3, ?4)
		ON CONFLICT (name) DO UPDATE SET hash = ?2, grants = ?3, rotated = ?4, revoked = 0`, name, credential.hash(), grants, now)
	return err
}
